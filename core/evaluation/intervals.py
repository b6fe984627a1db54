"""95 % intervals: the percentile bootstrap over groups, and Wilson's for plain proportions.

Slices of one patient resemble each other, so images are no independent draws. The bootstrap
therefore resamples whole groups (Field and Welsh 2007, "Bootstrapping clustered data",
JRSS-B 69:369-390); an interval over single images would come out too narrow.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
Z_95 = 1.959963984540054
# Elements of one block of image weights: 2 million float64 are 16 MB.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval.

    Attributes:
        value: Point estimate on all images; NaN where undefined.
        low: Lower end; NaN where no interval can be given.
        high: Upper end; NaN where no interval can be given.
        n: Number of images in the value's denominator.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float | int]:
        """Return the four fields as a dictionary."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion of independent trials (Wilson 1927).

    Args:
        successes: Number of successes, 0 to `n`.
        n: Number of trials.

    Returns:
        Lower and upper end; NaN twice for `n` = 0.

    Raises:
        DatasetError: If `successes` lies outside 0 to `n`.
    """
    if not 0 <= successes <= n:
        raise DatasetError(f"Successes lie in 0 to n. Received: {successes} of {n}.")
    if n == 0:
        return float("nan"), float("nan")
    share = successes / n
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def wilson_interval(successes: int, n: int) -> Interval:
    """Return a plain proportion with Wilson's interval; see `wilson`."""
    low, high = wilson(successes, n)
    return Interval(successes / n if n else float("nan"), low, high, n)


def percentile_interval(
    value: float, replicates: Floats, n: int, *, groups: int, clusters: int | None = None
) -> Interval:
    """Wrap a value and its bootstrap replicates into an `Interval`.

    Replicates that are NaN (a resample without the class in question) are left out; where
    fewer than half remain, no interval is given. Nor is one from a single group, whose
    resamples are all the same: it would claim certainty where nothing is known.

    Args:
        value: Point estimate.
        replicates: float64 of shape (resamples,).
        n: Number of images in the denominator.
        groups: Number of groups that were resampled; where a value sets two kinds of images
            against each other, of the kind that has fewer.
        clusters: For a proportion, the number of groups behind it. At exactly 0 or 1 every
            resample agrees and the bootstrap would claim certainty; Wilson's interval with
            one trial per group stands in.
    """
    nothing = Interval(value, float("nan"), float("nan"), n)
    if np.isnan(value) or groups < 2 or (clusters is not None and clusters < 2):
        return nothing
    if clusters is not None and value in (0.0, 1.0):
        low, high = wilson(value * clusters, clusters)
        return Interval(value, low, high, n)
    defined = replicates[~np.isnan(replicates)]
    if defined.size == 0 or 2 * defined.size < replicates.size:
        return nothing
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), n)


class GroupBootstrap:
    """Seeded resamples of groups, as the number of times that each group was drawn.

    Attributes:
        index: int64 of shape (images,): the group of each image, from 0.
        n_groups: Number of groups.
        counts: uint8 of shape (resamples, groups); each row sums to `n_groups`.
    """

    def __init__(self, groups: Sequence[str], *, resamples: int = 1000, seed: int = 0) -> None:
        """Draw the resamples.

        Args:
            groups: Group of each image; images of a group are drawn together.
            resamples: Number of resamples, at least 1.
            seed: Seed of the random generator.

        Raises:
            DatasetError: If there is no image or no resample.
        """
        if not len(groups) or resamples < 1:
            raise DatasetError(
                "A bootstrap needs at least one image and one resample. "
                f"Received: {len(groups)} images, {resamples} resamples."
            )
        names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        self.index = index.astype(np.int64)
        self.n_groups = len(names)
        rng = np.random.default_rng(seed)
        # A group is drawn at most n_groups times, and above 255 groups hardly ever over ten.
        self.counts = np.empty((resamples, self.n_groups), dtype=np.uint8)
        step = max(1, _BLOCK // self.n_groups)
        for start in range(0, resamples, step):
            rows = min(step, resamples - start)
            draws = rng.integers(self.n_groups, size=(rows, self.n_groups))
            flat = draws + np.arange(rows)[:, None] * self.n_groups
            block = np.bincount(flat.ravel(), minlength=rows * self.n_groups)
            self.counts[start : start + rows] = block.reshape(rows, self.n_groups)

    def totals(self, values: npt.NDArray[Any]) -> Floats:
        """Sum values over the images of every resample, through sums per group.

        Args:
            values: Shape (images, columns).

        Returns:
            float64 of shape (resamples, columns).
        """
        columns = values.astype(np.float64)
        per_group = np.zeros((self.n_groups, columns.shape[1]))
        np.add.at(per_group, self.index, columns)
        return self.counts.astype(np.float64) @ per_group

    def image_weights(self) -> Iterator[Floats]:
        """Yield blocks of image weights, float64 of shape (some resamples, images), in order."""
        step = max(1, _BLOCK // len(self.index))
        for start in range(0, len(self.counts), step):
            yield self.counts[start : start + step][:, self.index].astype(np.float64)

    def replicate(self, statistic: Callable[[Floats], Floats]) -> Floats:
        """Compute a weighted statistic on every resample.

        Args:
            statistic: Maps weights of shape (resamples, images) to shape (resamples, …).
        """
        return np.concatenate([statistic(weights) for weights in self.image_weights()])

    def clusters(self, among: npt.NDArray[np.bool_]) -> int:
        """Count the groups that have an image in the mask `among`, shape (images,)."""
        return len(np.unique(self.index[among]))

    def sides(self, among: npt.NDArray[np.bool_]) -> int:
        """Count the groups on that side of a mask, or off it, which has fewer."""
        return min(self.clusters(among), self.clusters(~among))

    def mean(
        self, values: npt.NDArray[Any], among: npt.NDArray[np.bool_] | None = None
    ) -> Interval:
        """Mean of a value over images, with its interval.

        Args:
            values: Shape (images,); bool makes the mean a proportion.
            among: Bool mask of the images that count; all without it.

        Returns:
            The interval; NaN without any image in the mask.
        """
        mask = np.ones(len(self.index), dtype=bool) if among is None else among
        numbers = np.where(mask, values.astype(np.float64), 0.0)
        n = int(mask.sum())
        if n == 0:
            return Interval(float("nan"), float("nan"), float("nan"), 0)
        totals = self.totals(np.stack([numbers, mask.astype(np.float64)], axis=1))
        count = totals[:, 1]
        replicates = np.where(count > 0, totals[:, 0] / np.where(count > 0, count, 1), np.nan)
        value = float(numbers.sum() / n)
        return percentile_interval(
            value, replicates, n, groups=self.n_groups, clusters=self.clusters(mask)
        )
