"""Window and level: which grey values a display spreads from black to white.

`apply` is for display alone. What a model sees goes through `core.imaging.preprocess`, which
knows nothing of a person's window.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from core.types import ByteArray, FloatArray, Slice

MIN_WIDTH: Final = 1.0 / 255.0


@dataclass(frozen=True)
class Window:
    """A window on values of 0 to 1.

    Attributes:
        level: The value shown as middle grey.
        width: The span from black to white, at least `MIN_WIDTH`.
    """

    level: float = 0.5
    width: float = 1.0


FULL: Final = Window()


def apply(pixels: FloatArray, window: Window = FULL) -> ByteArray:
    """Return the pixels as a screen shows them through a window.

    Args:
        pixels: float32 of any shape, in 0 to 1; left as it is.
        window: Level and width; the default shows the pixels as decoded.

    Returns:
        uint8 of the same shape.
    """
    width = max(window.width, MIN_WIDTH)
    shown = (pixels - (window.level - width / 2.0)) / width
    return np.rint(np.clip(shown, 0.0, 1.0) * 255.0).astype(np.uint8)


def presets(slice_: Slice) -> dict[str, Window]:
    """Return named windows that fit a slice; the first is the one to reset to.

    Args:
        slice_: The slice whose foreground (values above a twentieth of its brightest) counts.
    """
    values = slice_.pixels
    head = values[values > 0.05 * float(values.max())]
    if head.size < 16:
        return {"Full range": FULL}
    low, quarter, three_quarters, high = (float(v) for v in np.percentile(head, (2, 25, 75, 98)))
    return {
        "Full range": FULL,
        "Head": _between(0.0, high),
        "Soft tissue": _between(quarter - 0.5 * (three_quarters - quarter), high),
        "Narrow": _between(quarter, three_quarters),
        "Dark detail": _between(0.0, quarter + low),
    }


def _between(low: float, high: float) -> Window:
    low, high = max(low, 0.0), min(high, 1.0)
    return Window((low + high) / 2.0, max(high - low, MIN_WIDTH))


def linear(values: FloatArray, center: float, width: float, function: str = "LINEAR") -> FloatArray:
    """Map stored values through a DICOM window.

    Args:
        values: float32 of any shape, after the modality transform.
        center: Window centre, in the units of `values`.
        width: Window width; at least 1 for `LINEAR`, above 0 otherwise.
        function: `LINEAR`, `LINEAR_EXACT` or `SIGMOID`.

    Returns:
        float32 in 0 to 1. DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3.
    """
    if function == "SIGMOID":
        # Beyond 30 the sigmoid is flat, and exp would overflow.
        exponent = np.clip(-4.0 * (values - center) / width, -30.0, 30.0)
        return (1.0 / (1.0 + np.exp(exponent))).astype(np.float32)
    if function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    if width <= 0.0:
        return (values > center).astype(np.float32)
    return np.clip((values - center) / width + 0.5, 0.0, 1.0).astype(np.float32)
