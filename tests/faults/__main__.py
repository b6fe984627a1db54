"""Measures how GliaLens bears faults: `make faults`.

    python -m tests.faults --moments 20

Kills each kind of work at random moments, and lets every writer meet a full disk. Prints the
figures and writes them to `benchmarks/results/faults.json`; exit code 1 where a file was neither
the old one nor the new one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from core import __version__
from core.files import write_json
from core.settings import PROJECT_ROOT
from tests.faults.kill import NAMES
from tests.faults.killing import can_kill
from tests.faults.room import mount_and_run

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "faults.json"


def main() -> int:
    """Read the arguments, do both, write the figures."""
    parser = argparse.ArgumentParser(description="Let faults happen and look at the files.")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not can_kill():
        print("Faults are measured where fork and pidfd_open are, as on Linux.", file=sys.stderr)
        return 1
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.kill"]
    command += ["--moments", str(arguments.moments), "--seed", str(arguments.seed)]
    killed = subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, check=False)
    kills = json.loads(killed.stdout)
    with tempfile.TemporaryDirectory(prefix="glialens-") as folder:
        sentences = mount_and_run(Path(folder))
    figures = {
        "version": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "seed": arguments.seed,
        "kills": kills,
        "tries": sum(found["tries"] for found in kills.values()),
        "killed": sum(found["killed"] for found in kills.values()),
        "broken": sum(len(found["broken"]) for found in kills.values()),
        "full_disk": {"writers": len(sentences), "sentences": sentences}
        if sentences
        else "not measured: it needs the right to mount a file system",
    }
    assert set(kills) == set(NAMES)
    write_json(arguments.out, figures)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    return 1 if figures["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
