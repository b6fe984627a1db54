"""Every figure about speed in one table and one JSON.

    make bench                 all of it, about ten minutes on two cores
    make bench ARGS=--quick    a minute; prints alone

Figures are medians of runs in turns, each with its ratio to a floor that was measured in the same
turns. Sections with a script of their own (`training_step`, `head_epoch`, `memory`) are run through
it; `precision`, `scale` and `engines`, which take longer or need data, are taken over from
their last run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import explained, reading, redraw, start, throughput
from benchmarks.targets import targets
from benchmarks.timing import load, table
from core.files import write_json

RESULTS = Path("benchmarks/results")
OUT = RESULTS / "bench.json"
_SCRIPTS = ("training_step", "head_epoch", "memory")


def sections(quick: bool) -> dict[str, Callable[[], Any]]:
    """Return what is measured, in order."""
    rounds = 3 if quick else 10
    found: dict[str, Callable[[], Any]] = {
        "commands": lambda: start.commands(1 if quick else 3),
        "first_paint": lambda: start.first_paint(1 if quick else 3),
        "redraw": lambda: redraw.measure(4 if quick else 20),
        "reading": lambda: reading.measure((512,) if quick else (256, 512, 1024), rounds),
        "second_model": lambda: reading.second_model(),
        "explained": lambda: explained.measure(224, rounds),
        "throughput": lambda: throughput.measure(224, 3, (1,) if quick else (1, 8, 32)),
    }
    return found


def script(name: str) -> Any:
    """Run a script of this folder and return what it wrote."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", f"benchmarks.{name}"], check=True, stdout=subprocess.DEVNULL
    )
    return earlier(name)


def earlier(name: str) -> Any:
    """Return the last result of a script; None where there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    import tensorflow as tf

    from core.models.precision import has_fast_bfloat16

    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "multiplies_bfloat16": has_fast_bfloat16(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "load_before": load(),
    }


def show(result: dict[str, Any]) -> str:
    """Return the table of every timed figure, then the one of the targets."""
    lines: list[list[str]] = []

    def add(name: str, row: dict[str, Any], ratio: str = "", extra: str = "") -> None:
        lines.append([name, f"{row['median_ms']:,.1f}", str(row["runs"]), ratio, extra])

    for row in result["commands"]:
        add(row["command"], row, f"{row['ratio_to_empty_python']:.1f} x empty Python")
    paint = result["first_paint"]
    add("dashboard: server answers", paint["server_answers"])
    if paint["first_heading"]:
        add("dashboard: first heading drawn", paint["first_heading"])
    for control, row in result["redraw"]["controls"].items():
        add(f"dashboard: overlay redrawn after its {control}", row)
    for row in result["reading"]:
        add(
            f"{row['what']}, {row['side']} px",
            row,
            f"{row['ratio_to_opencv_png']:.1f} x OpenCV's PNG",
            f"{row['ms_per_megapixel']:.1f} ms/megapixel",
        )
    for row in result["explained"]:
        for key, times in row["times"].items():
            add(f"{row['model']}: {key}", times, f"{row['ratio_to_floor'][key]:.2f} x floor")
    for row in result["throughput"]:
        add(
            f"{row['model']}, batch {row['batch']}, {row['precision']}",
            row,
            f"{100 * row['share_of_matrices']:.0f} % of matrices",
            f"{row['slices_per_second']:.1f} slices/s",
        )
    judged = [[t["target"], _told(t), t["wanted"], t["verdict"]] for t in result["targets"]]
    return "\n\n".join(
        [
            table(["what", "median ms", "runs", "to its floor", ""], lines),
            table(["target", "measured", "wanted", ""], judged),
        ]
    )


def _told(target: dict[str, Any]) -> str:
    value = target["measured"]
    return target["note"] or "-" if value is None else f"{value:.3g} {target['unit']}".rstrip()


def main() -> None:
    """Measure, print, write `benchmarks/results/bench.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs; writes nothing")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="SECTION",
        help="measure these anew and keep the rest of the last result",
    )
    options = parser.parse_args()
    began = time.monotonic()
    result: dict[str, Any] = (earlier("bench") or {}) if options.only else {}
    result["machine"] = machine()
    for name, section in sections(options.quick).items():
        if options.only and name not in options.only:
            continue
        print(f"{time.monotonic() - began:5.0f} s  {name}", file=sys.stderr, flush=True)
        result[name] = section()
    for name in _SCRIPTS:
        if options.only and name not in options.only:
            continue
        print(f"{time.monotonic() - began:5.0f} s  {name}", file=sys.stderr, flush=True)
        result[name] = earlier(name) if options.quick else script(name)
    result |= {"precision": earlier("precision"), "growth": earlier("scale")}
    result["targets"] = [target.row() for target in targets(result)]
    if not options.only:
        result["seconds"] = round(time.monotonic() - began)
    result["load_after"] = load()
    result["created"] = datetime.now(UTC).isoformat(timespec="seconds")
    print(show(result))
    print("Networks had random weights: how long a pass takes doesn't depend on them.")
    if not options.quick:
        write_json(OUT, result)


if __name__ == "__main__":
    main()
