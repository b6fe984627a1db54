"""Which files belong to the same patient, as far as their names tell.

`figshare-1512427` names its slices by their position in the original archive, and within a
class neighbouring positions are neighbouring slices of a patient. Measured on this copy
(median correlation of the 48 x 48 head at a distance of 1, 2, 3, 4, 5 and 40 numbers): glioma
0.85 0.72 0.66 0.63 0.62 0.57, meningioma 0.82 0.65 0.60 0.58 0.58 0.56, pituitary 0.91 0.79
0.64 0.59 0.56 0.49. From a distance of 5 on a pair is hardly closer than any other, so `GUARD`
is 5.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from core.types import FloatArray

NUMBERED_SOURCE: Final = "figshare-1512427"
PATIENT_SOURCE: Final = "tcga-lgg"
GUARD: Final = 5
_SHORTEST, _LONGEST = 30, 50
_HOLE: Final = 20
_TCGA_NAME: Final = re.compile(r"((TCGA_[A-Z0-9]+_[A-Z0-9]+)_\d{8}_\d+)(?:_[A-Za-z0-9]+)?")


def patient_of(stem: str) -> str | None:
    """Return the patient of a TCGA file name without its suffix, or None.

    `TCGA_CS_4941_19960909_11_flair` belongs to `TCGA_CS_4941`.
    """
    found = _TCGA_NAME.fullmatch(stem)
    return found[2] if found else None


def place_of(stem: str) -> str | None:
    """Return what a TCGA file name shares with the same place in other sequences, or None.

    `TCGA_CS_4941_19960909_11_flair` shows the place `TCGA_CS_4941_19960909_11`.
    """
    found = _TCGA_NAME.fullmatch(stem)
    return found[1] if found else None


def cut_ranges(numbers: Sequence[int], vectors: FloatArray) -> list[list[int]]:
    """Cut ascending file numbers into contiguous ranges of about 40.

    A hole of 20 or more always cuts. Elsewhere the cut falls, 30 to 50 images on, where the
    slices on its two sides are least alike, which is most likely between two patients.

    Args:
        numbers: Ascending file numbers of one class.
        vectors: float32 of shape (numbers, features), of unit length, whose dot product is
            the likeness of two slices.

    Returns:
        Positions in `numbers`, one list per range, in order.
    """
    runs: list[list[int]] = []
    for position, number in enumerate(numbers):
        if not runs or number - numbers[position - 1] >= _HOLE:
            runs.append([])
        runs[-1].append(position)
    ranges: list[list[int]] = []
    for run in runs:
        rest = run
        while len(rest) >= 2 * _SHORTEST:
            last = min(_LONGEST, len(rest) - _SHORTEST)
            cut = min(
                range(_SHORTEST, last + 1),
                key=lambda at, rest=rest: (_likeness(rest, at, numbers, vectors), at),  # type: ignore[misc]
            )
            ranges.append(rest[:cut])
            rest = rest[cut:]
        ranges.append(rest)
    return ranges


def _likeness(run: list[int], cut: int, numbers: Sequence[int], vectors: FloatArray) -> float:
    left, right = run[max(cut - GUARD, 0) : cut], run[cut : cut + GUARD]
    number = np.asarray(numbers)
    close = number[right][None, :] - number[left][:, None] < GUARD
    values = np.where(close, vectors[left] @ vectors[right].T, -1.0)
    return round(float(values.max(initial=-1.0)), 4)


def guard_drops(
    places: Sequence[tuple[int, str]], weight: Mapping[str, float], guard: int = GUARD
) -> set[int]:
    """Choose the file numbers to leave out so that close neighbours share a split.

    Args:
        places: (number, split) of every kept image of one class, in any order.
        weight: How much a split can spare; of two neighbours the one in the split with the
            larger value goes.
        guard: Smallest allowed distance of two numbers in different splits.

    Returns:
        The numbers to leave out.
    """
    kept: list[tuple[int, str]] = []
    dropped: set[int] = set()
    for number, split in sorted(set(places)):
        while kept and kept[-1][1] != split and number - kept[-1][0] < guard:
            if weight[split] >= weight[kept[-1][1]]:
                dropped.add(number)
                break
            dropped.add(kept.pop()[0])
        else:
            kept.append((number, split))
    return dropped
