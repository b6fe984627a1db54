"""Does a heat map point at the tumour? Pointing game and energy inside the box.

Zhang et al. 2018, "Top-Down Neural Attention by Excitation Backprop", IJCV 126:1084-1102
(pointing game, tolerance 15 px); Wang et al. 2020, "Score-CAM" (energy-based pointing game).
Tumours lie near the middle of the head often enough that a map is only worth something if
it beats pointing at the head's centre: that baseline is always given beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError
from core.evaluation.intervals import GroupBootstrap

TOLERANCE = 15.0
"""Pixels by which a box is grown, where nothing else is said."""
TOLERANCE_SHARE = 1 / 16
"""The same as a share of the side, for every model alike: half a place of a map of 8 x 8. One by
the places of each map would favour coarse maps, and grow the centre's baseline with them."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LocalisationResult:
    """How one map did on one slice.

    Attributes:
        peak_in_box: Whether the map's peak lies in the box grown by the tolerance.
        energy: Share of the map's sum inside the box (not grown), in 0 to 1.
        baseline_in_box: Whether the head's centre lies in the grown box.
        group: Group of the slice.
        label: Class key of the slice; empty where it isn't told.
    """

    peak_in_box: bool
    energy: float
    baseline_in_box: bool
    group: str
    label: str = ""


def _edges(box: Box, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a fractional box, in pixels."""
    x_center, y_center, width, height = box
    if not all(np.isfinite(box)) or width <= 0 or height <= 0:
        raise DatasetError(
            "A box is x_center, y_center, width, height as fractions, with a positive size. "
            f"Received: {box}."
        )
    rows, columns = shape
    return (
        (x_center - width / 2) * columns,
        (y_center - height / 2) * rows,
        (x_center + width / 2) * columns,
        (y_center + height / 2) * rows,
    )


def point_in_box(
    point: tuple[float, float], box: Box, shape: tuple[int, int], tolerance: float = 0.0
) -> bool:
    """Tell whether a point lies in a box grown by a tolerance on every side.

    Args:
        point: (row, column) in pixels; the centre of the first pixel is (0.5, 0.5).
        box: `x_center, y_center, width, height` as fractions of the image's width and height.
        shape: (height, width) of the image in pixels.
        tolerance: Growth in pixels.

    Raises:
        DatasetError: If the box has no size.
    """
    left, top, right, bottom = _edges(box, shape)
    row, column = point
    return (
        left - tolerance <= column <= right + tolerance
        and top - tolerance <= row <= bottom + tolerance
    )


def measure(
    cam: npt.ArrayLike,
    box: Box,
    head_centre: tuple[float, float],
    group: str,
    *,
    tolerance: float = TOLERANCE,
    label: str = "",
) -> LocalisationResult:
    """Score one heat map against one box.

    Args:
        cam: Non-negative map of shape (height, width) of the slice. A map that is 0
            everywhere points nowhere: no hit, energy 0.
        box: `x_center, y_center, width, height` as fractions of the slice.
        head_centre: (row, column) of the head's centre in the slice's pixels.
        group: Group of the slice.
        tolerance: Growth of the box in pixels of the slice.
        label: Class key of the slice.

    Raises:
        DatasetError: If the map isn't 2-D, finite and non-negative, or the box has no size.
    """
    values = np.asarray(cam, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all() or (values < 0).any():
        raise DatasetError(
            "A heat map is 2-D, finite and not negative. "
            f"Received: shape {values.shape}, {values.min(initial=0.0):.4g} at least."
        )
    rows, columns = values.shape
    left, top, right, bottom = _edges(box, (rows, columns))
    total = float(values.sum())
    energy, hit = 0.0, False
    if total > 0:
        inside_rows = (np.arange(rows) + 0.5 >= top) & (np.arange(rows) + 0.5 <= bottom)
        inside_columns = (np.arange(columns) + 0.5 >= left) & (np.arange(columns) + 0.5 <= right)
        energy = float(values[np.ix_(inside_rows, inside_columns)].sum()) / total
        row, column = divmod(int(values.argmax()), columns)
        hit = point_in_box((row + 0.5, column + 0.5), box, (rows, columns), tolerance)
    baseline = point_in_box(head_centre, box, (rows, columns), tolerance)
    return LocalisationResult(hit, energy, baseline, group, label)


def summarise_localisation(
    results: Sequence[LocalisationResult], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Average the results of one kind of map, with intervals over groups.

    Returns:
        `n`, `pointing`, `energy` and `centre_baseline` as in the report, and `per_class`: `n` and
        `pointing` of every class that is told, from its key. A shortcut shows there first: a map
        can point well on the whole and never at the lesions of one class.

    Raises:
        DatasetError: If there is no result.
    """
    bootstrap = GroupBootstrap([r.group for r in results], resamples=resamples, seed=seed)
    hits = np.array([r.peak_in_box for r in results])
    labels = np.array([r.label for r in results])
    return {
        "n": len(results),
        "pointing": bootstrap.mean(hits).to_dict(),
        "per_class": {
            str(key): {
                "n": int((labels == key).sum()),
                "pointing": bootstrap.mean(hits, labels == key).to_dict(),
            }
            for key in np.unique(labels)
            if key
        },
        "energy": bootstrap.mean(np.array([r.energy for r in results])).to_dict(),
        "centre_baseline": bootstrap.mean(np.array([r.baseline_in_box for r in results])).to_dict(),
    }
