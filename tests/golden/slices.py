"""The golden slices: drawn by code, so that every version and machine draws the same."""

import numpy as np

from core.data.phantom import draw_phantom
from core.imaging.decode import decode_image
from core.imaging.overlay import to_grey_rgb, to_png
from core.imaging.preprocess import prepare
from core.labels import CLASSES, NO_TUMOUR
from core.types import Slice

SEEDS = range(100, 116)
SIZE = 192
INPUT = 160


def golden_slices() -> dict[str, Slice]:
    """Return slices by name, having gone through a PNG file as an upload does."""
    found = {}
    for seed in SEEDS:
        label = CLASSES[seed % len(CLASSES)]
        phantom = draw_phantom(seed, SIZE, None if label == NO_TUMOUR else label)
        data = to_png(to_grey_rgb(phantom.slice.pixels))
        found[f"phantom-{seed}"] = decode_image(data, "phantom.png")
    return found


def prepared_means(slices: dict[str, Slice]) -> dict[str, list[float]]:
    """Return mean grey of the four quarters of each prepared slice, 0 to 255.

    They hold drawing, decoding and preparation, whatever the weights are.
    """
    out = {}
    for name, slice_ in slices.items():
        image = prepare(slice_.pixels, INPUT)[0].astype(np.float64)
        half = INPUT // 2
        quarters = (image[r : r + half, c : c + half] for r in (0, half) for c in (0, half))
        out[name] = [round(float(quarter.mean()), 3) for quarter in quarters]
    return out
