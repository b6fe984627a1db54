"""Does the gate let brain MRI in and keep everything else out?

Accepted shares on the test split, on turned, mirrored and inverted copies of it (they should
pass), and on some twenty kinds of other pictures (they should not), for the gate of simple
facts, the gate of features and both together; AUROC of the distance.

    python -m benchmarks.gate [--model cnn] [--manifest FILE] [--count 40]
"""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.other_images import other_images
from core.data.manifest import Manifest, read_manifest
from core.evaluate import open_target
from core.evaluation.metrics import roc_auc
from core.explain.features import depth_pass
from core.files import write_json
from core.gate import Gate, read_gate
from core.imaging.decode import decode_image
from core.imaging.preprocess import preprocess
from core.imaging.quality import assess
from core.inference import Predictor
from core.settings import get_settings
from core.types import FloatArray, Slice

_BATCH: Final = 64


def _turn(degrees: float) -> Callable[[FloatArray], FloatArray]:
    def turned(pixels: FloatArray) -> FloatArray:
        height, width = pixels.shape
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 0.85)
        ring = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
        return np.asarray(
            cv2.warpAffine(pixels, matrix, (width, height), borderValue=float(np.median(ring))),
            np.float32,
        )

    return turned


VARIANTS: Final[dict[str, Callable[[FloatArray], FloatArray]]] = {
    "turned by 15°": _turn(15),
    "turned by 45°": _turn(45),
    "turned by 90°": lambda p: np.rot90(p),
    "turned by 180°": lambda p: np.rot90(p, 2),
    "turned by 270°": lambda p: np.rot90(p, 3),
    "mirrored": lambda p: p[:, ::-1],
    "inverted": lambda p: 1 - p,
}


class Verdicts:
    """What both gates say of pictures of one kind."""

    def __init__(self, predictor: Predictor, gate: Gate, slices: list[Slice]) -> None:
        run, size = depth_pass(predictor.model), predictor.card.input_size
        parts = []
        for start in range(0, len(slices), _BATCH):
            batch = np.stack([preprocess(s, size)[0] for s in slices[start : start + _BATCH]])
            parts.append(gate.distances(run(batch)))
        self.distances: FloatArray = np.concatenate(parts)
        self.facts: npt.NDArray[np.bool_] = np.array([assess(s).ok for s in slices])
        self.near: npt.NDArray[np.bool_] = self.distances <= gate.threshold

    def summary(self) -> dict[str, Any]:
        """Return the accepted shares."""
        return {
            "n": len(self.near),
            "facts": round(float(self.facts.mean()), 4),
            "features": round(float(self.near.mean()), 4),
            "both": round(float((self.facts & self.near).mean()), 4),
        }


def read_split(manifest: Manifest, split: str, step: int = 1) -> list[Slice]:
    """Decode every `step`-th slice of a split."""
    rows = [row for row in manifest.rows if row.split == split][::step]
    return [decode_image((manifest.root / row.path).read_bytes(), "slice") for row in rows]


def main() -> None:
    """Measure, print, write `benchmarks/results/gate.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--manifest", type=Path, default=Path("weights/manifest.csv"))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--step", type=int, default=1, help="take every n-th slice of the split")
    parser.add_argument("--count", type=int, default=40, help="pictures of each other kind")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gate.json"))
    options = parser.parse_args()
    predictor = open_target(options.model)
    named = Path(options.model)
    folder = named if named.is_dir() else get_settings().weights_dir / options.model
    gate = read_gate(folder, predictor.card)
    if gate is None:
        raise SystemExit(f"A gate is measured once it is fitted. Received: none in {folder.name}.")
    manifest = read_manifest(options.manifest, options.root)
    slices = read_split(manifest, options.split, options.step)
    right = {f"{options.split} split": Verdicts(predictor, gate, slices)}
    for name, change in VARIANTS.items():
        moved = [Slice(np.ascontiguousarray(change(s.pixels)), s.name) for s in slices[::4]]
        right[name] = Verdicts(predictor, gate, moved)
    others = {
        kind: Verdicts(predictor, gate, pictures) for kind, pictures in other_images(options.count)
    }
    own = right[f"{options.split} split"]
    wrong = np.concatenate([v.distances for v in others.values()])
    target = np.r_[np.zeros(len(own.distances)), np.ones(len(wrong))]
    result = {
        "model": predictor.card.name,
        "sha256": predictor.card.sha256,
        "threshold": gate.threshold,
        "auroc": round(float(roc_auc(target, np.r_[own.distances, wrong])), 4),
        "accepted": {name: v.summary() for name, v in right.items()},
        "falsely_accepted": {name: v.summary() for name, v in others.items()},
        "false_accept_rate": {
            key: round(float(np.mean([v.summary()[key] for v in others.values()])), 4)
            for key in ("facts", "features", "both")
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(f"{'accepted':28}{'n':>6}{'facts':>9}{'features':>10}{'both':>8}")
    for name, verdict in {**right, **others}.items():
        row = verdict.summary()
        print(f"{name:28}{row['n']:6}{row['facts']:9.3f}{row['features']:10.3f}{row['both']:8.3f}")
    print(f"AUROC of the distance {result['auroc']}")
    print(f"false accepts, mean over kinds {result['false_accept_rate']}")
    write_json(options.out, result)


if __name__ == "__main__":
    main()
