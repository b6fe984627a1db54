"""Deal groups of images out to the splits, stratified and deterministic."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from core.data.manifest import SPLITS
from core.errors import DatasetError


def check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    """Check the wanted shares of train, val and test.

    Raises:
        DatasetError: If they aren't three numbers from 0 that sum to 1, the first above 0.
    """
    values = tuple(float(value) for value in fractions)
    good = (
        len(values) == len(SPLITS)
        and all(math.isfinite(value) and value >= 0.0 for value in values)
        and values[0] > 0.0
        and math.isclose(sum(values), 1.0, abs_tol=1e-6)
    )
    if not good:
        raise DatasetError(
            "The fractions are three numbers from 0 (train above 0) that sum to 1. "
            f"Received: {', '.join(f'{value:g}' for value in values)}."
        )
    return values[0], values[1], values[2]


def assign_groups(
    groups: Mapping[str, Sequence[Hashable]], fractions: Sequence[float], seed: int
) -> dict[str, str]:
    """Give every group a split so that each stratum comes close to the wanted shares.

    The biggest groups are dealt first, in a seeded order among equals, each to the split
    where the squared distance from the wanted counts grows least.

    Args:
        groups: From a group's name to the stratum (class and source) of each of its images.
        fractions: Wanted shares of train, val and test.
        seed: Seed of the order among groups of one size.

    Returns:
        From a group's name to `train`, `val` or `test`.

    Raises:
        DatasetError: If the fractions break their rule.
    """
    shares = check_fractions(fractions)
    totals = Counter(stratum for members in groups.values() for stratum in members)
    wanted = {
        (split, stratum): share * total
        for split, share in zip(SPLITS, shares, strict=True)
        for stratum, total in totals.items()
    }
    have: Counter[tuple[str, Hashable]] = Counter()
    open_splits = [split for split, share in zip(SPLITS, shares, strict=True) if share > 0.0]
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    dealt: dict[str, str] = {}
    for name in sorted((names[i] for i in order), key=lambda n: -len(groups[n])):
        counts = Counter(groups[name])

        def growth(split: str, counts: Counter[Hashable] = counts) -> float:
            return sum(
                count
                * (2 * have[split, stratum] + count - 2 * wanted[split, stratum])
                / wanted[split, stratum]
                for stratum, count in counts.items()
            )

        best = min(open_splits, key=growth)
        dealt[name] = best
        for stratum, count in counts.items():
            have[best, stratum] += count
    return dealt
