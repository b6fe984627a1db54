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


def deal_groups(
    groups: Mapping[str, Sequence[Hashable]], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Give every group a part so that each stratum comes close to the wanted shares.

    The biggest groups are dealt first, in a seeded order among equals, each to the part
    where the squared distance from the wanted counts grows least.

    Args:
        groups: From a group's name to the stratum (class and source) of each of its images.
        shares: Wanted share of each part, 0 to 1; at least one above 0.
        seed: Seed of the order among groups of one size.

    Returns:
        From a group's name to its part.
    """
    totals = Counter(stratum for members in groups.values() for stratum in members)
    wanted = {
        (part, stratum): share * total
        for part, share in shares.items()
        for stratum, total in totals.items()
    }
    have: Counter[tuple[str, Hashable]] = Counter()
    open_parts = [part for part, share in shares.items() if share > 0.0]
    names = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    dealt: dict[str, str] = {}
    for name in sorted((names[i] for i in order), key=lambda n: -len(groups[n])):
        counts = Counter(groups[name])

        def growth(part: str, counts: Counter[Hashable] = counts) -> float:
            return sum(
                count
                * (2 * have[part, stratum] + count - 2 * wanted[part, stratum])
                / wanted[part, stratum]
                for stratum, count in counts.items()
            )

        best = min(open_parts, key=growth)
        dealt[name] = best
        for stratum, count in counts.items():
            have[best, stratum] += count
    return dealt


def assign_groups(
    groups: Mapping[str, Sequence[Hashable]], fractions: Sequence[float], seed: int
) -> dict[str, str]:
    """Give every group a split; see `deal_groups`.

    Args:
        groups: From a group's name to the stratum (class and source) of each of its images.
        fractions: Wanted shares of train, val and test.
        seed: Seed of the order among groups of one size.

    Returns:
        From a group's name to `train`, `val` or `test`.

    Raises:
        DatasetError: If the fractions break their rule.
    """
    return deal_groups(groups, dict(zip(SPLITS, check_fractions(fractions), strict=True)), seed)
