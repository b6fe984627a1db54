"""Where to draw the line between tumour and no tumour."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.evaluation.metrics import Bools, Floats
from core.types import FloatArray

SHARE = 0.95
"""Share of tumour-free slices that a published model shall call so."""


def wanted_share(count: int, effect: float = 1.0) -> float:
    """Return the share of tumour-free validation slices that a published model shall keep.

    Args:
        count: Number of these slices.
        effect: By how much their groups make the share's variance larger than independent slices
            would, see `design_effect`; 1 where groups are unknown.

    Returns:
        95 %, and what it takes for a split of as many slices in such groups to keep as much in
        19 of 20 cases; 1 at most. Both splits are draws, so the error of their difference
        counts: the root of two times that of one.
    """
    error = math.sqrt(2.0 * effect * SHARE * (1.0 - SHARE) / max(count, 1))
    return min(SHARE + NormalDist().inv_cdf(0.95) * error, 1.0)


def design_effect(outcomes: Bools, groups: Sequence[str]) -> float:
    """Return how much larger a share's variance is over groups than over independent slices.

    The share is a ratio, of hits to slices, of groups that were drawn; its variance is the usual
    estimator of a ratio's (Kish 1965, "Survey Sampling", chapter 6).

    Args:
        outcomes: Bool of shape (slices,).
        groups: Group of each slice.

    Returns:
        The ratio of both variances, and at least 1: by chance an estimate falls below, but groups
        make no share more certain. 1 as well where it can't be told: one group, or one outcome.
    """
    index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    hits, sizes = np.bincount(index, outcomes), np.bincount(index)
    count, drawn, share = len(outcomes), len(sizes), float(np.mean(outcomes)) if len(sizes) else 0.0
    if drawn < 2 or not 0.0 < share < 1.0:
        return 1.0
    clustered = drawn / (drawn - 1) * float(((hits - share * sizes) ** 2).sum()) / count**2
    return max(clustered / (share * (1.0 - share) / (count - 1)), 1.0)


def share_to_keep(
    logits: FloatArray,
    targets: npt.NDArray[np.int64],
    position: int,
    groups: Sequence[str] | None = None,
) -> float:
    """Return the wanted share for a validation split, with the margin that its groups ask for.

    The design effect is that of the share at the line that 95 % of the tumour-free slices keep,
    which is known before the margin is.

    Args:
        logits: float of shape (slices, classes), of the validation split.
        targets: Class indices of shape (slices,).
        position: Index of the no-tumour class.
        groups: Group of each slice; None where they are unknown.
    """
    free = np.asarray(targets) == position
    count = int(free.sum())
    if groups is None or not count:
        return wanted_share(count)
    missing = _missing(logits, targets, position)
    kept = missing <= np.sort(missing)[math.ceil(SHARE * count) - 1]
    own = [group for group, mine in zip(groups, free, strict=True) if mine]
    return wanted_share(count, design_effect(kept, own))


def _missing(logits: FloatArray, targets: npt.NDArray[np.int64], position: int) -> Floats:
    """Return by how much the best other class leads, on every tumour-free slice."""
    free = np.asarray(logits, np.float64)[targets == position]
    rival = np.delete(free, position, axis=1).max(axis=1)
    return np.asarray(rival - free[:, position], np.float64)


def no_tumour_shift(
    logits: FloatArray, targets: npt.NDArray[np.int64], position: int, kept: float
) -> float:
    """Return what to add to the no-tumour logit so that enough tumour-free slices keep it.

    Training with pasted lesions teaches a model that tumours are everywhere; validation slices
    tell how far its line has moved.

    Args:
        logits: float of shape (slices, classes), of the validation split.
        targets: Class indices of shape (slices,).
        position: Index of the no-tumour class.
        kept: Share of the tumour-free slices that shall be called so, in 0 to 1.

    Returns:
        The smallest such number that is not negative; 0 without tumour-free slices.
    """
    missing = _missing(logits, targets, position)
    if not len(missing):
        return 0.0
    # The order statistic itself, so that no less than the wanted share is kept.
    needed = float(np.sort(missing)[max(math.ceil(kept * len(missing)) - 1, 0)])
    # At a tie the first class would win.
    return needed + 1e-3 if needed >= 0.0 else 0.0
