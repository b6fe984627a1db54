"""Many small maps side by side in one picture."""

from math import ceil
from typing import Final

import cv2
import numpy as np

from core.imaging.overlay import colour_table
from core.types import ByteArray, FloatArray

_GAP: Final = 4
# Mid grey, which parts the tiles on a light page and on a dark one.
_GAP_COLOUR: Final = (123, 135, 148)


def mosaic(
    maps: FloatArray, columns: int = 6, side: int = 96, colour_map: str = "viridis"
) -> ByteArray:
    """Draw maps as tiles, each over its own range from lowest to highest value.

    Args:
        maps: float32 of shape (maps, rows, columns), any values.
        columns: Tiles in a line, at least 1; fewer where there are fewer maps.
        side: Height of a tile in pixels; the width follows the maps' shape.
        colour_map: A key of `core.imaging.overlay.COLOUR_MAPS`.

    Returns:
        uint8 RGB; a map without any variation is drawn in the lowest colour.

    Raises:
        ValueError: If there is no map.
    """
    if maps.ndim != 3 or not maps.size:
        raise ValueError(f"A mosaic has at least one 2-D map. Received: shape {maps.shape}.")
    columns = min(columns, len(maps))
    lines = ceil(len(maps) / columns)
    width = max(1, round(side * maps.shape[2] / maps.shape[1]))
    size = (lines * (side + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    picture = np.empty(size, np.uint8)
    picture[:] = _GAP_COLOUR
    table = colour_table(colour_map)
    for position, tile in enumerate(maps):
        low, high = float(tile.min()), float(tile.max())
        levels = np.rint((tile - low) / (high - low or 1.0) * 255.0).astype(np.uint8)
        # Nearest neighbours keep the network's own pixels visible.
        large = cv2.resize(levels, (width, side), interpolation=cv2.INTER_NEAREST)
        top, left = position // columns * (side + _GAP), position % columns * (width + _GAP)
        picture[top : top + side, left : left + width] = table[large]
    return picture
