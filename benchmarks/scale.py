"""How audit and split grow with the number of images.

Phantoms of 64 pixels are drawn into a scratch folder: mostly heads of their own, 2 % exact copies
and 2 % darker ones, so that there is something to find. Each size is measured in this process;
sizes measured before stay in the results.

    python -m benchmarks.scale [--sizes 1000 10000 100000]
"""

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from core.data.audit import audit
from core.data.fingerprint import take_fingerprints
from core.data.phantom import draw_phantom
from core.data.split import make_split
from core.data.twins import find_twins
from core.files import write_json
from core.labels import CLASSES

RESULTS = Path("benchmarks/results/scale.json")
SIDE = 64
EVERY = 50
COSTS: dict[str, Callable[[dict[str, Any]], float]] = {
    "audit": lambda row: row["audit"]["processor_seconds"],
    "split": lambda row: row["split"]["processor_seconds"],
    "twin_search": lambda row: row["of_which"]["twin_search"]["processor_seconds"],
}
T = TypeVar("T")


def draw_archive(folder: Path, count: int) -> None:
    """Write a dataset of phantoms: of 50 images one is a copy and one a darker copy."""
    kept = np.zeros((SIDE, SIDE), np.uint8)
    for number in range(count):
        label = CLASSES[number % len(CLASSES)]
        place = number % EVERY
        if place not in (EVERY - 2, EVERY - 1):
            drawn = draw_phantom(number, SIDE, label).slice.pixels
            pixels = np.rint(drawn * 255.0).astype(np.uint8)
            kept = pixels if place == EVERY - 3 else kept
        elif place == EVERY - 2:
            pixels, label = kept, CLASSES[(number - 1) % len(CLASSES)]
        else:
            pixels = np.rint(kept * 0.8).astype(np.uint8)
            label = CLASSES[(number - 2) % len(CLASSES)]
        split = "Testing" if number % 5 == 0 else "Training"
        path = folder / split / label / f"{number:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def timed(work: Callable[[], T]) -> tuple[T, dict[str, float]]:
    """Return what the work returns, its wall time and its processor time in seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, {
        "wall_seconds": round(time.perf_counter() - wall, 2),
        "processor_seconds": round(time.process_time() - processor, 2),
    }


def measure(count: int) -> dict[str, Any]:
    """Draw an archive and measure what is done with it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "phantoms"
        began = time.perf_counter()
        draw_archive(folder, count)
        drawn = time.perf_counter() - began
        report, auditing = timed(lambda: audit(folder))
        split, splitting = timed(lambda: make_split([folder]))
        paths = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))
        prints, reading = timed(lambda: take_fingerprints(folder, paths))
        twins, searching = timed(lambda: find_twins(prints))
    return {
        "images": count,
        "different": report.distinct,
        "near_pairs": int((~twins.exact).sum()),
        "copies": int(twins.exact.sum()),
        "kept_by_split": len(split.rows),
        "draw_seconds": round(drawn, 1),
        "audit": auditing,
        "split": splitting,
        "of_which": {"read_and_fingerprint": reading, "twin_search": searching},
        "load_before": round(os.getloadavg()[0], 1),
    }


def exponents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the power of n by which processor time grows from one size to the next."""
    found = []
    for small, large in pairwise(rows):
        step: dict[str, Any] = {"from": small["images"], "to": large["images"]}
        for name, pick in COSTS.items():
            ratio = max(pick(large), 0.01) / max(pick(small), 0.01)
            step[name] = round(math.log(ratio) / math.log(step["to"] / step["from"]), 2)
        found.append(step)
    return found


def main() -> None:
    """Measure, print, write `benchmarks/results/scale.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    options = parser.parse_args()
    known = json.loads(RESULTS.read_text())["sizes"] if RESULTS.exists() else []
    rows = {row["images"]: row for row in known}
    for count in options.sizes:
        rows[count] = measure(count)
        print(
            f"{count:8} images: audit {rows[count]['audit']['wall_seconds']} s, "
            f"split {rows[count]['split']['wall_seconds']} s"
        )
        ordered = [rows[size] for size in sorted(rows)]
        result = {
            "side": SIDE,
            "cores": os.cpu_count(),
            "sizes": ordered,
            "grows_as_power": exponents(ordered),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(RESULTS, result)


if __name__ == "__main__":
    main()
