"""A student's own dataset: three classes, 300 slices, two cores, under ten minutes?

Copies slices of the grouped test split, from which no published model learned, into a folder
with other class names, splits it anew, and trains from published weights and from random ones
with the same commands that anyone would type. Keeps them, their times, both test figures and
the epochs, and tells them in `docs/generalisation.md` where that is wanted.

    python -m benchmarks.three_class [--data DIR] [--model vgg16] [--epochs 10]
    python -m benchmarks.three_class --write
"""

import argparse
import csv
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.ablation import add_document_flags, deliver, figure, markdown, read_result
from core.files import write_json

CLASSES = {"glioma": "brain_glioma", "meningioma": "brain_menin", "pituitary": "brain_tumor"}
RESULT: Final = Path("benchmarks/results/three_class.json")
MARKERS: Final = ("<!-- three classes: begin -->", "<!-- three classes: end -->")
COLUMNS: Final = ("start", "right among the slices kept aside", "slices", "training")
STARTS: Final = {"published": "published weights", "random": "random weights"}


def build(manifest: Path, data: Path, folder: Path, count: int) -> int:
    """Copy slices of the test split into class folders, spread over as many groups as there are.

    Args:
        manifest: The published models' manifest.
        data: Dataset root.
        folder: Where the class folders go.
        count: Slices per class.

    Returns:
        How many slices were copied.
    """
    rng, copied = np.random.default_rng(0), 0
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    for label, name in CLASSES.items():
        groups: dict[str, list[str]] = {}
        for row in rows:
            if row["label"] == label and row["source"] != "tcga-lgg":
                groups.setdefault(row["group"], []).append(row["path"])
        for paths in groups.values():
            rng.shuffle(paths)
        # One of each group, then a second of each, until there are enough.
        turns = sorted((turn, path) for paths in groups.values() for turn, path in enumerate(paths))
        (folder / name).mkdir(parents=True)
        for number, (_, path) in enumerate(turns[:count]):
            shutil.copy(data / path, folder / name / f"{number:03d}{Path(path).suffix}")
            copied += 1
    return copied


def shell(*words: str) -> tuple[float, str]:
    """Run a command of the project and return its seconds and its output."""
    print(f"$ python -m core {shlex.join(words)}", flush=True)
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "core", *words],
        capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    seconds = time.perf_counter() - began
    log = [line.split("\r")[-1] for line in done.stderr.splitlines() if line.startswith("epoch")]
    print("\n".join(log), f"  ({seconds:.0f} s)", sep="\n", flush=True)
    return seconds, done.stdout.strip()


def _plain(word: str) -> str:
    """Name a scratch file by its last part."""
    return Path(word).name if Path(word).is_absolute() else word


def trained(init: str, options: argparse.Namespace, manifest: Path, run: Path) -> dict[str, Any]:
    """Train from one start and measure on the new test split."""
    words = ["train", "--model", options.model, "--manifest", str(manifest), "--init", init]
    words += ["--epochs", str(options.epochs), "--size", str(options.size), "--out", str(run)]
    words += ["--learning-rate", str(options.rate), "--batch-size", "16", "--paste", "0"]
    seconds, _ = shell(*words)
    out = run / "report.json"
    shell("evaluate", str(run), "--manifest", str(manifest), "--split", "test", "--out", str(out))
    report = json.loads(out.read_text(encoding="utf-8"))
    history = json.loads((run / "history.json").read_text(encoding="utf-8"))
    return {
        "command": shlex.join(["python", "-m", "core", *map(_plain, words)]),
        "seconds": round(seconds, 1),
        "test_accuracy": report["accuracy"],
        "history": history,
    }


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Build the folders, train from both starts, and return what both gave."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "three"
        images = build(Path("weights/manifest.csv"), options.data, folder, options.count)
        manifest = Path(scratch) / "manifest.csv"
        shell("split", str(folder), "--out", str(manifest))
        inits = {"published": f"weights/{options.model}", "random": "random"}
        rows = {
            start: trained(init, options, manifest, Path(scratch) / run)
            for run, (start, init) in zip("ab", inits.items(), strict=True)
        }
    return {"images": images, **rows, "created": datetime.now(UTC).isoformat(timespec="seconds")}


def told(result: dict[str, Any]) -> list[str]:
    """Return the table, and the log of the training from published weights.

    Args:
        result: What `measured` returned.
    """
    rows = []
    for start, name in STARTS.items():
        row = result[start]
        right = figure(row, ("test_accuracy",))
        rows.append((name, right, str(row["test_accuracy"]["n"]), f"{row['seconds']:.0f} s"))
    log = [
        f"epoch {row['epoch']:2d}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}"
        f"  val_loss {row['val_loss']:.3f}  val_accuracy {row['val_accuracy']:.3f}"
        f"  {row['seconds']:.0f} s"
        for row in result["published"]["history"]
    ]
    day = result["created"].split("T")[0]
    return [
        *markdown(COLUMNS, rows),
        "",
        f"Measured on {day} with {result['images']} slices, from the weights published then. The",
        "command and the log of the first:",
        "",
        "```",
        result["published"]["command"],
        *log,
        "```",
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and keep the result, or write what was measured into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="vgg16")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--results", type=Path, default=RESULT)
    add_document_flags(parser)
    options = parser.parse_args(argv)
    if not options.write:
        write_json(options.results, measured(options))
    deliver(told(read_result(options.results)), options, MARKERS)


if __name__ == "__main__":
    main()
