"""Which explanation method points at the tumour, which is faithful, and what does it cost?

Explains the true class of slices whose tumour box is known, drawn evenly over the split, with
every method. The head's own lesion map and the two baselines stand beside them.

    python -m benchmarks.explanations [--model cnn] [--manifest FILE] [--count 100]
"""

import argparse
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.data.manifest import read_manifest
from core.data.pool import Pool, load_pool
from core.evaluate import open_target
from core.evaluation.faithfulness import MapScore, baselines, compare, edge_map, score_map
from core.evaluation.localisation import (
    TOLERANCE_SHARE,
    LocalisationResult,
    measure,
    summarise_localisation,
)
from core.explain.catalogue import METHODS
from core.explain.faithful import head_region, scorer
from core.explain.methods import INPUT_LAYER, class_map, resolve_layer
from core.files import write_json
from core.imaging.preprocess import standardise
from core.inference import Predictor
from core.settings import get_settings
from core.types import FloatArray

LESION = "lesion map"
EDGES = "edges (baseline)"
RANDOM = "random (baseline)"


class Row:
    """What is gathered of one method."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.places: list[LocalisationResult] = []
        self.scores: list[MapScore] = []
        self.verdicts: list[str] = []

    def summary(self) -> dict[str, Any]:
        """Return the JSON-ready means, with intervals where they are of places."""
        places = summarise_localisation(self.places) if self.places else None
        return {
            "n": len(self.scores),
            "median_ms": round(1000 * statistics.median(self.seconds), 1) if self.seconds else None,
            "pointing": places and places["pointing"],
            "energy": places and places["energy"],
            **{
                name: round(float(np.mean([getattr(s, name).area for s in self.scores])), 4)
                for name in ("deletion", "insertion", "road_most", "road_least")
            },
            "gap": round(float(np.mean([s.gap for s in self.scores])), 4),
            "road": round(float(np.mean([s.road for s in self.scores])), 4),
            "faithful": round(float(np.mean([v == "faithful" for v in self.verdicts])), 4)
            if self.verdicts
            else None,
        }


def chosen(pool: Pool, split: str, count: int) -> list[int]:
    """Return slices with a box, evenly over the split's sorted order."""
    boxed = [int(i) for i in pool.where(split) if pool.boxes[i] is not None]
    picked = np.linspace(0, len(boxed) - 1, min(count, len(boxed)))
    return [boxed[int(i)] for i in np.unique(np.rint(picked))]


def grids(
    predictor: Predictor, batch: FloatArray, target: int
) -> list[tuple[str, FloatArray, float]]:
    """Return (method, map, seconds) of one slice."""
    found = []
    for method in METHODS.values():
        layer = resolve_layer(predictor.model, None) if method.layered else INPUT_LAYER
        began = time.perf_counter()
        if method.key == "grad-cam":
            grid = predictor.maps(batch)[1][0, target]
        else:
            grid = class_map(predictor, batch, method.key, target, layer)
        found.append((method.key, grid, time.perf_counter() - began))
    began = time.perf_counter()
    lesion = predictor.maps(batch)[2]
    if lesion is not None:
        found.append((LESION, lesion[0], time.perf_counter() - began))
    return found


def run(predictor: Predictor, pool: Pool, positions: list[int]) -> dict[str, Row]:
    """Explain and measure slices of a pool."""
    rows: dict[str, Row] = {}
    size, score = pool.size, scorer(predictor)
    centre = (size / 2, size / 2)
    for number, position in enumerate(positions):
        image = standardise(pool.images[position])
        box, group = pool.boxes[position], pool.rows[position].group
        target, region = int(pool.targets[position]), head_region(image)
        assert box is not None  # noqa: S101 - narrows the type
        base = baselines(image, region, score, target)
        for name, values in ((RANDOM, base["random"]), (EDGES, base["edges"])):
            rows.setdefault(name, Row()).scores.append(values)
        peaks = [(EDGES, edge_map(image) * region, 0.0)]
        for name, grid, seconds in [
            *peaks,
            *grids(predictor, image[np.newaxis, ..., np.newaxis], target),
        ]:
            row = rows.setdefault(name, Row())
            full = cv2.resize(
                np.asarray(grid, np.float32), (size, size), interpolation=cv2.INTER_LINEAR
            )
            full = np.maximum(full, 0)
            row.places.append(measure(full, box, centre, group, tolerance=size * TOLERANCE_SHARE))
            if name == EDGES:
                continue
            values = score_map(full, image, region, score, target)
            row.scores.append(values)
            row.verdicts.append(compare(values, base).verdict)
            if number:
                row.seconds.append(seconds)
        if number % 10 == 9:
            print(f"  {number + 1} of {len(positions)}", flush=True)
    return rows


def main() -> None:
    """Measure, print, write `benchmarks/results/explanations.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--manifest", type=Path, default=Path("weights/manifest.csv"))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/explanations.json"))
    options = parser.parse_args()
    predictor = open_target(options.model)
    manifest = read_manifest(options.manifest, options.root)
    cache = get_settings().runs_dir / ".cache"
    pool = load_pool(manifest, predictor.card.input_size, cache, predictor.labels)
    positions = chosen(pool, options.split, options.count)
    rows = {name: row.summary() for name, row in run(predictor, pool, positions).items()}
    print(
        f"{'':20}{'ms':>8}{'pointing':>10}{'energy':>8}{'deletion':>10}{'insertion':>11}"
        f"{'ROAD':>8}{'faithful':>10}"
    )
    for name, row in rows.items():
        cells = (
            row["median_ms"],
            row["pointing"] and row["pointing"]["value"],
            row["energy"] and row["energy"]["value"],
            row["deletion"],
            row["insertion"],
            row["road"],
            row["faithful"],
        )
        texts = [
            "-" if c is None else f"{c:.3g}" if i == 0 else f"{c:.3f}" for i, c in enumerate(cells)
        ]
        widths = (8, 10, 8, 10, 11, 8, 10)
        print(f"{name:20}" + "".join(t.rjust(w) for t, w in zip(texts, widths, strict=True)))
    write_json(
        options.out,
        {
            "model": predictor.card.name,
            "sha256": predictor.card.sha256,
            "manifest_sha256": manifest.sha256,
            "split": options.split,
            "slices": len(positions),
            "layer": predictor.layer,
            "methods": rows,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


if __name__ == "__main__":
    main()
