"""Does the training step ever wait for its data?

Runs the same compiled step fed by the real pipeline and fed by tensors that lie ready, in
interleaved blocks, and prints the medians and their ratio. Phantoms serve where no manifest is
given: decoding is done once either way, so what is measured is drawing, pasting and disturbing.

    python -m benchmarks.training_step [--manifest FILE] [--model cnn] [--size 128]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from core.data.phantom import write_phantom_dataset
from core.data.pipeline import tensorflow_dataset
from core.data.split import make_split
from core.files import write_json
from core.models.head import LESION_LAYER, LOGITS_LAYER
from core.training.config import TrainConfig
from core.training.trainer import Trainer
from core.types import FloatArray

Step = tuple[FloatArray, ...]


def run_block(trainer: Trainer, feed: Iterator[Step]) -> list[float]:
    """Return the seconds from one finished step to the next."""
    seconds, last = [], time.perf_counter()
    for images, allowed, lesion in feed:
        trainer.model.train_on_batch(images, {LOGITS_LAYER: allowed, LESION_LAYER: lesion})
        now = time.perf_counter()
        seconds.append(now - last)
        last = now
    return seconds[3:]


def phantom_manifest(folder: Path) -> Path:
    """Draw a small dataset and split it."""
    write_phantom_dataset(folder / "phantoms", 60, 0)
    path = folder / "manifest.csv"
    make_split([folder / "phantoms"]).write(path)
    return path


def main() -> None:
    """Measure, print, write `benchmarks/results/training_step.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--blocks", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        manifest = options.manifest or phantom_manifest(Path(scratch))
        config = TrainConfig(options.model, str(manifest), size=options.size)
        trainer = Trainer(config, Path(scratch) / "run", cache_dir=Path("runs/.cache"))
        make = trainer.batches.arrays(0)
        ready = make(0)
        real: list[float] = []
        synthetic: list[float] = []
        for _ in range(options.blocks):
            synthetic += run_block(trainer, (ready for _ in range(options.steps)))
            steps = trainer.batches.steps
            real += run_block(
                trainer, tensorflow_dataset(lambda s, n=steps: make(s % n), options.steps)
            )
        waiting, floor = statistics.median(real), statistics.median(synthetic)
        result = {
            "model": options.model,
            "size": options.size,
            "batch_size": config.batch_size,
            "precision": trainer.policy,
            "data": options.manifest.name if options.manifest else "phantoms",
            "real_pipeline_ms": round(1000 * waiting, 2),
            "synthetic_ms": round(1000 * floor, 2),
            "ratio": round(waiting / floor, 4),
            "batch_alone_ms": round(1000 * _batch_seconds(make), 2),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    for key, value in result.items():
        print(f"{key:20} {value}")
    write_json(Path("benchmarks/results/training_step.json"), result)


def _batch_seconds(make: object) -> float:
    seconds = []
    for step in range(8):
        began = time.perf_counter()
        make(step)  # type: ignore[operator]
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
