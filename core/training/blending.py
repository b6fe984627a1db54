"""Blending the sequences of one place in a patient: the same anatomy at every contrast between.

A mixup (Zhang et al. 2018, arXiv 1710.09412) that needs no mixed label: FLAIR and T1 of one place
show the same head with the same lesion, often plain on one and faint on the other. What lies
between them teaches a network to find it when it is faint.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt

from core.data.manifest import ManifestRow
from core.data.neighbours import place_of
from core.types import ByteArray

_LEAST = 0.25
"""Smallest share that a slice keeps of itself."""


def other_sequences(rows: Sequence[ManifestRow]) -> dict[int, npt.NDArray[np.int64]]:
    """Find the slices that show the same place in another sequence.

    Args:
        rows: The manifest's rows.

    Returns:
        From a row's position to the positions of the others, of the same split, source and
        label; rows without any are absent.
    """
    places: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        place = place_of(PurePosixPath(row.path).stem)
        if place is not None:
            places[row.split, row.source, row.label, place].append(position)
    return {
        position: np.array([other for other in members if other != position], np.int64)
        for members in places.values()
        if len(members) > 1
        for position in members
    }


def blend(image: ByteArray, other: ByteArray, rng: np.random.Generator) -> ByteArray:
    """Mix two slices of one place.

    Args:
        image: uint8 of shape (size, size).
        other: uint8 of the same shape, in another sequence.
        rng: Source of randomness.

    Returns:
        uint8 of the same shape; at least a quarter of it is the first slice.
    """
    share = float(rng.uniform(_LEAST, 1.0))
    return np.asarray(cv2.addWeighted(image, share, other, 1.0 - share, 0.0), np.uint8)
