"""Kills each kind of work at random moments and looks at the files afterwards.

    python -m tests.faults.kill --kinds splitting "case saving" --moments 3

Prints figures as JSON; exit code 1 where a file was neither the old one nor the new one.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.errors import GliaLensError
from tests.faults import works
from tests.faults.killing import WorkFailedError, moments, run
from tests.faults.works import Kind

_PATIENCE = 3
NAMES = (*(kind.name for kind in works.KINDS), "training", "publishing")


def kill(kind: Kind, count: int, seed: int) -> dict[str, Any]:
    """Kill one kind of work at random moments, and let it end after the last one.

    Args:
        kind: In an empty folder of its own.
        count: How many kills.
        seed: Seed of the moments.
    """
    started = time.perf_counter()
    kind.prepare()
    tried = 0

    def attempt(**moment: Any) -> Any:
        nonlocal tried
        kind.next_try()
        tried += 1
        return run(lambda tell: kind.work(tried, tell), kind.folder, **moment)

    whole = attempt()
    before = kind.check(whole.told)
    figures = {"tries": 0, "killed": 0, "old": 0, "new": 0}
    broken = []
    # Some moments come after the work's own end: others take their place.
    for moment in moments(_PATIENCE * count, whole, random.Random(seed), kind.by_changes):
        if figures["killed"] + len(broken) == count:
            break
        figures["tries"] += 1
        try:
            ending = attempt(**moment)
            after = kind.check(ending.told)
        except (AssertionError, GliaLensError, OSError, ValueError) as error:
            broken.append(f"{moment}: {error}")
            continue
        figures["killed"] += ending.killed
        figures["old" if after == before else "new"] += 1
        before = after
    goes_on = True
    try:
        kind.next_try()
        run(lambda _: kind.finish(tried + 1), kind.folder)
    except WorkFailedError as error:
        goes_on = False
        broken.append(f"afterwards: {error}")
    return {
        **figures,
        "goes_on_afterwards": goes_on,
        "temporary_files_left": kind.leftovers(),
        "changes_of_files": whole.changes,
        "seconds": round(time.perf_counter() - started, 1),
        "broken": broken,
    }


def kill_all(names: list[str], count: int, seed: int) -> dict[str, Any]:
    """Kill several kinds of work; figures by name."""
    known = {kind.name: kind for kind in works.KINDS}
    if {"training", "publishing"} & set(names):
        from tests.faults import learning

        known |= {kind.name: kind for kind in learning.KINDS}
    found = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="glialens-") as folder:
            found[name] = kill(known[name](Path(folder).resolve()), count, seed)
        print(f"{name}: {json.dumps(found[name])}", file=sys.stderr, flush=True)
    return found


def main() -> int:
    """Read the arguments; 1 where something was broken."""
    parser = argparse.ArgumentParser(description="Kill work at random moments.")
    parser.add_argument("--kinds", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = kill_all(arguments.kinds, arguments.moments, arguments.seed)
    print(json.dumps(found))
    return 1 if any(figures["broken"] for figures in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
