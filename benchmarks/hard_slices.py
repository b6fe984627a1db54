"""Which slices the published models get wrong: the last table of `docs/generalisation.md`.

    python -m benchmarks.hard_slices --root DATA [--write]

It reads the stored predictions of the test split, so nothing is predicted anew. The tumours of
`tcga-lgg` are split by the sequence of the slice and by the size of the tumour's box.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.ablation import add_document_flags, deliver, markdown
from core.data.boxes import read_boxes
from core.evaluation.intervals import GroupBootstrap, Interval
from core.evaluation.side_by_side import StoredPredictions, read_predictions
from core.labels import NO_TUMOUR

MODELS: Final = ("cnn", "vgg16", "vgg19")
MARKERS: Final = ("<!-- hard slices: begin -->", "<!-- hard slices: end -->")
SOURCE: Final = "tcga-lgg"
SMALL: Final = 0.15
"""A box is small below this: the square root of its share of the picture's area."""

Mask = npt.NDArray[np.bool_]


def slices(stored: StoredPredictions, sides: dict[str, float]) -> dict[str, Mask]:
    """Return the rows of the table: titles and bool masks over the images, shape (images,).

    Args:
        stored: Predictions of the test split.
        sides: From path to the square root of the box's share of the picture.
    """
    own = np.array([source == SOURCE for source in stored.sources])
    post = own & np.array(["_t1post." in path for path in stored.paths])
    flair = own & np.array(["_flair." in path for path in stored.paths])
    tumour = stored.y != stored.labels.index(NO_TUMOUR)
    side = np.array([sides.get(path, np.nan) for path in stored.paths])
    small, large = side < SMALL, side >= SMALL
    return {
        "all slices": np.ones(len(own), bool),
        f"other sources than `{SOURCE}`": ~own,
        f"all but the T1 slices after contrast of `{SOURCE}`": ~post,
        f"`{SOURCE}`, no tumour": own & ~tumour,
        f"`{SOURCE}`, glioma on FLAIR": flair & tumour,
        "- its box small, FLAIR": flair & tumour & small,
        "- its box not small, FLAIR": flair & tumour & large,
        f"`{SOURCE}`, glioma on T1 after contrast": post & tumour,
        "- its box small, T1": post & tumour & small,
        "- its box not small, T1": post & tumour & large,
    }


def box_sides(root: Path) -> dict[str, float]:
    """Return the square root of each box's share of its picture, by the manifest's path."""
    boxes = read_boxes(root / SOURCE / "boxes.csv")
    return {f"{SOURCE}/{name}": float(np.sqrt(w * h)) for name, (_, _, w, h) in boxes.items()}


def cell(figure: Interval) -> str:
    """Return a share with its interval."""
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def table(weights: Path, root: Path) -> list[str]:
    """Return the lines of the table.

    Args:
        weights: Folder of published models, each with its `predictions.csv`.
        root: Folder of the sources.
    """
    sides = box_sides(root)
    columns: list[dict[str, str]] = []
    counts: dict[str, int] = {}
    for name in MODELS:
        stored = read_predictions(weights / name / "predictions.csv")
        bootstrap = GroupBootstrap(stored.groups)
        masks = slices(stored, sides)
        counts = {title: int(mask.sum()) for title, mask in masks.items()}
        columns.append(
            {title: cell(bootstrap.mean(stored.correct, mask)) for title, mask in masks.items()}
        )
    return markdown(
        ["right among", "slices", *MODELS],
        ([title, str(n), *(column[title] for column in columns)] for title, n in counts.items()),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, or write it into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="dataset root")
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    add_document_flags(parser)
    options = parser.parse_args(argv)
    deliver(table(options.weights, options.root), options, MARKERS)


if __name__ == "__main__":
    main()
