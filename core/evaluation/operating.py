"""Where to draw the line between tumour and no tumour."""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.types import FloatArray


def wanted_share(count: int) -> float:
    """Return the share of tumour-free validation slices that a published model shall keep.

    Args:
        count: Number of these slices.

    Returns:
        95 %, and what it takes for a split of the same size to keep as much in 19 of 20 cases;
        1 at most. Both splits are draws, so the error of their difference counts: the root of two
        times that of one.
    """
    error = math.sqrt(2.0 * 0.95 * 0.05 / max(count, 1))
    return min(0.95 + NormalDist().inv_cdf(0.95) * error, 1.0)


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
    free = np.asarray(logits, np.float64)[targets == position]
    if not len(free):
        return 0.0
    rival = np.delete(free, position, axis=1).max(axis=1)
    missing = rival - free[:, position]
    # The order statistic itself, so that no less than the wanted share is kept.
    needed = float(np.sort(missing)[max(math.ceil(kept * len(free)) - 1, 0)])
    # At a tie the first class would win.
    return needed + 1e-3 if needed >= 0.0 else 0.0
