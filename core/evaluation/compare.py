"""Two models on the same images, and several models as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError
from core.evaluation.intervals import GroupBootstrap, Interval, percentile_interval
from core.evaluation.metrics import Floats


@dataclass(frozen=True)
class McNemarResult:
    """Outcome of McNemar's exact test.

    Attributes:
        only_first: Images that only the first model got right.
        only_second: Images that only the second model got right.
        p_value: Two-sided, in 0 to 1.
    """

    only_first: int
    only_second: int
    p_value: float


def _pair(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], ...]:
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape:
        raise DatasetError(
            "Two models are compared on the same images, one outcome each. "
            f"Received: shapes {a.shape} and {b.shape}."
        )
    return a, b


def mcnemar_exact(first: npt.ArrayLike, second: npt.ArrayLike) -> McNemarResult:
    """Test whether two models err equally often on the same images (McNemar 1947, exact).

    The test takes images as independent. Slices of one patient are not: read it beside
    `accuracy_difference`, which resamples groups.

    Args:
        first: Bool of shape (images,): whether the first model was right.
        second: The same for the second model.

    Raises:
        DatasetError: If the shapes differ.
    """
    a, b = _pair(first, second)
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    trials, fewer = only_first + only_second, min(only_first, only_second)
    # Whole numbers to the end: 2**trials overflows a float from 1024 disagreements on.
    tail = term = 1
    for k in range(1, fewer + 1):
        term = term * (trials - k + 1) // k
        tail += term
    return McNemarResult(only_first, only_second, min(1.0, 2 * tail / 2**trials))


def accuracy_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    groups: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Accuracy of the first model minus that of the second, with a bootstrap over groups.

    Args:
        first: Bool of shape (images,): whether the first model was right.
        second: The same for the second model.
        groups: Group of each image.
        resamples: Number of resamples.
        seed: Seed of the resamples.

    Returns:
        The paired difference in -1 to 1, without an interval where all images are one group's.

    Raises:
        DatasetError: If the shapes differ.
    """
    a, b = _pair(first, second)
    if len(groups) != len(a):
        raise DatasetError(
            f"Each image has a group. Received: {len(a)} images, {len(groups)} groups."
        )
    bootstrap = GroupBootstrap(groups, resamples=resamples, seed=seed)
    gain = a.astype(np.float64) - b.astype(np.float64)
    totals = bootstrap.totals(np.stack([gain, np.ones(len(gain))], axis=1))
    return percentile_interval(
        float(gain.mean()), totals[:, 0] / totals[:, 1], len(gain), groups=bootstrap.n_groups
    )


def ensemble_probabilities(members: Sequence[npt.ArrayLike]) -> Floats:
    """Mean of the calibrated probabilities of several models.

    Args:
        members: One array of shape (…, classes) per model, classes in the same order.

    Returns:
        float64 of the members' shape; rows sum to 1.

    Raises:
        DatasetError: If there is no member or the shapes differ.
    """
    arrays = [np.asarray(member, dtype=np.float64) for member in members]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) != 1:
        raise DatasetError(
            "An ensemble needs at least one model, all with probabilities of one shape. "
            f"Received: {shapes or 'none'}."
        )
    mean: Floats = np.mean(arrays, axis=0)
    return mean / mean.sum(axis=-1, keepdims=True)
