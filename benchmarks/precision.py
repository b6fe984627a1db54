"""Does bfloat16 answer as float32 does? Every slice of the test split, through both.

    python -m benchmarks.precision [--models cnn vgg16] [--manifest weights/manifest.csv]
        [--root DATA] [--limit N]

Prints and writes per published model: the share of slices whose label stays the same, and how far
probabilities move. It needs the dataset; models that were measured before stay in the results.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.data.manifest import read_manifest
from core.data.pool import Pool, load_pool
from core.evaluation.calibration import softmax
from core.files import write_json
from core.imaging.preprocess import standardise
from core.inference import Predictor, load_folder
from core.models.registry import statuses
from core.settings import get_settings
from core.types import FloatArray

RESULTS = Path("benchmarks/results/precision.json")
_BATCH = 32
_NEAR = 0.02


def loaded(name: str, precision: str) -> Predictor:
    """Load a published model in a number format."""
    settings = get_settings()
    before, settings.precision = settings.precision, precision  # type: ignore[assignment]
    try:
        return load_folder(settings.weights_dir / name)
    finally:
        settings.precision = before


def probabilities(predictor: Predictor, pool: Pool, positions: Any) -> FloatArray:
    """Return calibrated probabilities of slices of a pool."""
    parts = []
    for start in range(0, len(positions), _BATCH):
        images = standardise(np.asarray(pool.images[positions[start : start + _BATCH]]))
        parts.append(predictor.logits(images[..., np.newaxis]))
    return np.asarray(softmax(np.concatenate(parts), predictor.card.temperature), np.float32)


def agreement(exact: FloatArray, rounded: FloatArray, targets: Any) -> dict[str, Any]:
    """Compare two tables of probabilities, (slices, classes), of the same slices.

    Returns:
        Shares of slices and distances; a slice's distance is the largest one of its classes.
    """
    same = exact.argmax(-1) == rounded.argmax(-1)
    distance = np.abs(exact - rounded).max(-1)
    order = np.sort(exact, axis=-1)
    margin = order[:, -1] - order[:, -2]
    return {
        "slices": len(exact),
        "labels_unchanged": round(float(same.mean()), 5),
        "labels_changed": int((~same).sum()),
        "widest_margin_of_a_changed_label": round(float(margin[~same].max(initial=0.0)), 4),
        "distance_median": round(float(np.median(distance)), 5),
        "distance_p99": round(float(np.quantile(distance, 0.99)), 5),
        "distance_largest": round(float(distance.max()), 5),
        "within_0.02": round(float((distance <= _NEAR).mean()), 5),
        "accuracy_float32": round(float((exact.argmax(-1) == targets).mean()), 5),
        "accuracy_bfloat16": round(float((rounded.argmax(-1) == targets).mean()), 5),
    }


def main() -> None:
    """Measure, print, write `benchmarks/results/precision.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ready = [status.name for status in statuses() if status.ready]
    parser.add_argument("--models", nargs="+", default=ready)
    parser.add_argument("--manifest", type=Path, default=Path("weights/manifest.csv"))
    parser.add_argument("--root", type=Path, help="root of the manifest's paths")
    parser.add_argument("--limit", type=int, help="evenly spread slices at most")
    options = parser.parse_args()
    manifest = read_manifest(options.manifest, options.root)
    result = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"models": {}}
    for name in options.models:
        exact, rounded = loaded(name, "float32"), loaded(name, "mixed_bfloat16")
        cache = get_settings().runs_dir / ".cache"
        pool = load_pool(manifest, exact.card.input_size, cache, exact.labels)
        positions = pool.where("test")
        if options.limit and options.limit < len(positions):
            positions = positions[np.linspace(0, len(positions) - 1, options.limit).astype(int)]
        both = [probabilities(predictor, pool, positions) for predictor in (exact, rounded)]
        row = {
            "sha256": exact.card.sha256,
            "size": exact.card.input_size,
            "manifest_sha256": manifest.sha256,
            **agreement(both[0], both[1], pool.targets[positions]),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        result["models"][name] = row
        print(name)
        for key, value in row.items():
            print(f"  {key:34} {value}")
        write_json(RESULTS, result)


if __name__ == "__main__":
    main()
