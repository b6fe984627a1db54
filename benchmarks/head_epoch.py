"""What storing the frozen part's features saves: seconds per epoch of the head.

Trains the head of a frozen base twice on the same slices, once through the whole network in
every step and once from features on disk, and prints the seconds of an epoch: by the clock, as
the trainer reports them (drawing, steps, batch statistics, validation), and of processor time,
which other programs on the machine don't stretch. Phantoms serve where no manifest is given. The
first epoch, which compiles and fills the store, is shown by itself.

    python -m benchmarks.head_epoch [--manifest FILE] [--model vgg16] [--size 224]
"""

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.data.phantom import write_phantom_dataset
from core.data.split import make_split
from core.files import write_json
from core.training.config import TrainConfig
from core.training.trainer import Trainer

_RESULT = Path("benchmarks/results/head_epoch.json")


Seconds = list[dict[str, float]]


def measure(config: TrainConfig, run: Path) -> tuple[Seconds, Trainer]:
    """Return the seconds of every epoch of a run, by the clock and of processor time."""
    trainer = Trainer(config, run)
    processor: list[float] = []
    epoch = trainer._epoch

    def timed(number: int) -> dict[str, float]:
        began = time.process_time()
        row = epoch(number)
        processor.append(time.process_time() - began)
        return row

    trainer._epoch = timed  # type: ignore[assignment, method-assign]
    clock = [row["seconds"] for row in trainer.fit()]
    pairs = zip(clock, processor, strict=True)
    return [{"clock": c, "processor": round(p, 2)} for c, p in pairs], trainer


def compare(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Run both ways and return the figures."""
    manifest = options.manifest
    if manifest is None:
        write_phantom_dataset(scratch / "phantoms", options.per_class, 0, layout="flat", size=256)
        manifest = scratch / "manifest.csv"
        make_split([scratch / "phantoms"]).write(manifest)
    seconds: dict[str, Seconds] = {}
    for name, variants, epochs in (("stored", 1, 4), ("without", 0, 2)):
        config = TrainConfig(
            options.model,
            str(manifest),
            size=options.size,
            batch_size=options.batch_size,
            epochs=epochs,
            freeze="base",
            feature_variants=variants,
        )
        seconds[name], trainer = measure(config, scratch / name)
    stored = list((scratch / ".cache").glob("features-*/*.npy"))
    figures: dict[str, float] = {}
    for kind in ("clock", "processor"):
        head, whole = (
            statistics.median(row[kind] for row in seconds[name][1:])
            for name in ("stored", "without")
        )
        figures[f"epoch_without_{kind}_seconds"] = whole
        figures[f"epoch_stored_{kind}_seconds"] = head
        figures[f"ratio_{kind}"] = round(whole / max(head, 0.01), 1)
    return {
        "model": options.model,
        "size": options.size,
        "batch_size": options.batch_size,
        "precision": trainer.policy,
        "data": options.manifest.name if options.manifest else "phantoms",
        "training_slices": trainer.batches.steps * options.batch_size,
        "validation_slices": len(trainer.pool.where("val")),
        **figures,
        "first_epoch_stored": seconds["stored"][0],
        "stored_megabytes": round(sum(path.stat().st_size for path in stored) / 1e6, 1),
        "cpus": os.cpu_count(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main() -> None:
    """Measure, print, write `benchmarks/results/head_epoch.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--model", default="vgg16")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--per-class", type=int, default=40, help="phantoms of each class")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = compare(options, Path(scratch))
    for key, value in result.items():
        print(f"{key:32} {value}")
    write_json(_RESULT, result)


if __name__ == "__main__":
    main()
