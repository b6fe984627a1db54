"""From colour to grey, and how much colour there was."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.types import FloatArray


def luma(rgb: npt.NDArray[np.uint8]) -> FloatArray:
    """Return the ITU-R BT.601 luma; equal channels keep their exact `value / 255`.

    Args:
        rgb: uint8 of shape (height, width, 3).

    Returns:
        float32 of shape (height, width), in 0 to 1.
    """
    grey = Image.fromarray(np.ascontiguousarray(rgb)).convert("L")
    return np.asarray(grey, np.float32) / np.float32(255.0)


def colourfulness(rgb: npt.NDArray[np.uint8]) -> float:
    """Measure colour as Hasler and Süsstrunk (2003) do, on values of 0 to 1.

    Args:
        rgb: uint8 of shape (height, width, 3).

    Returns:
        0 for a grey picture; photographs mostly lie from 0.1 to 0.4.
    """
    step = max(min(rgb.shape[:2]) // 256, 1)
    red, green, blue = np.moveaxis(rgb[::step, ::step].astype(np.float32) / 255.0, -1, 0)
    first, second = red - green, 0.5 * (red + green) - blue
    spread = float(np.hypot(first.std(), second.std()))
    return spread + 0.3 * float(np.hypot(first.mean(), second.mean()))
