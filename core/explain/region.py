"""How much of the head a map's hottest region takes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.consensus import hottest
from core.explain.faithful import head_region
from core.types import FloatArray


@dataclass(frozen=True, eq=False)
class HotRegion:
    """Where a map is hottest; it says what an answer rests on, never where a tumour ends.

    Attributes:
        mask: bool of shape (H, W), pixels of the head alone.
        share: Area as a share of the head's, in 0 to 1.
    """

    mask: npt.NDArray[np.bool_]
    share: float


def hot_region(cam: FloatArray, pixels: FloatArray) -> HotRegion | None:
    """Find the part of the head where a map reaches half of its peak.

    Args:
        cam: float32 of shape (H, W), in 0 to 1.
        pixels: float32 of shape (H, W), in 0 to 1: the slice.

    Returns:
        None where the map is empty, or hot outside of the head alone.

    Raises:
        ValueError: If the shapes differ.
    """
    if cam.shape != pixels.shape:
        raise ValueError(
            f"The slice and its map are of one shape. Received: {pixels.shape} and {cam.shape}."
        )
    head = head_region(pixels)
    mask = hottest(cam) & head
    if not mask.any():
        return None
    return HotRegion(mask, float(mask.sum() / head.sum()))
