"""Which explanation method points at the tumour, which is faithful, and what does it cost?

Explains the true class of slices whose tumour box is known, drawn evenly over the split, with
every method. The head's own lesion map and the two baselines stand beside them.

    python -m benchmarks.explanations [--model cnn] [--manifest FILE] [--count 100]
    python -m benchmarks.explanations --write     # fill docs/explanations.md from the result
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.ablation import add_document_flags, deliver, figure, markdown, read_result
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
MARKERS: Final = ("<!-- explanations: begin -->", "<!-- explanations: end -->")
SHARES: Final = ("deletion", "insertion", "road", "faithful")
COLUMNS: Final = ("", "ms", "pointing", "energy", "deletion", "insertion", "ROAD", "faithful")


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


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Explain slices of the split by every method and return what was found."""
    predictor = open_target(options.model)
    manifest = read_manifest(options.manifest, options.root)
    cache = get_settings().runs_dir / ".cache"
    pool = load_pool(manifest, predictor.card.input_size, cache, predictor.labels)
    positions = chosen(pool, options.split, options.count)
    return {
        "model": predictor.card.name,
        "sha256": predictor.card.sha256,
        "manifest_sha256": manifest.sha256,
        "split": options.split,
        "slices": len(positions),
        "layer": predictor.layer,
        "methods": {name: row.summary() for name, row in run(predictor, pool, positions).items()},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def told(result: dict[str, Any]) -> list[str]:
    """Return what was measured on, and the table.

    Args:
        result: What `measured` returned.
    """
    rows = []
    for name, row in result["methods"].items():
        time_ = "" if row["median_ms"] is None else f"{row['median_ms']:.0f}"
        places = ("" if row[key] is None else figure(row, (key,)) for key in ("pointing", "energy"))
        shares = ("" if row[key] is None else f"{row[key]:.2f}" for key in SHARES)
        rows.append((name, time_, *places, *shares))
    return [
        f"On {result['slices']} slices of the `{result['split']}` split, "
        f"{result['created'].split('T')[0]}, by the `{result['model']}` "
        f"(weights `{result['sha256'][:8]}…`):",
        "",
        *markdown(COLUMNS, rows),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and keep the result, or write what was measured into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--manifest", type=Path, default=Path("weights/manifest.csv"))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/explanations.json"))
    add_document_flags(parser, Path("docs/explanations.md"))
    options = parser.parse_args(argv)
    if not options.write:
        write_json(options.out, measured(options))
    deliver(told(read_result(options.out)), options, MARKERS)


if __name__ == "__main__":
    main()
