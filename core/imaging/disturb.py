"""A slice made worse on purpose, to see what a model's answer hangs on."""

from dataclasses import dataclass, fields, replace
from typing import Final

import cv2
import numpy as np

from core.types import FloatArray, Slice
from core.wording import mark

DISTURBED: Final = mark("Disturbed on purpose: this is no longer the scan as it was acquired.")
HIDDEN_GREY: Final = 0.5
"""Grey level of the square that hides a region."""


@dataclass(frozen=True)
class Disturbance:
    """What is done to a slice; the defaults do nothing.

    Attributes:
        rotation: Degrees, counter-clockwise, around the centre.
        shift_x: To the right, as a share of the width, -1 to 1.
        shift_y: Downwards, as a share of the height, -1 to 1.
        contrast: Factor around the mean of the head, above 0; 1 changes nothing.
        gamma: Exponent of the grey levels, above 0; below 1 brightens.
        blur: Standard deviation of a Gaussian, in percent of the longer side.
        noise: Standard deviation of each channel of the noise, as a share of the range.
        seed: Seed of the noise.
        hide_x: Centre of the hiding square, as a share of the width.
        hide_y: Centre of the hiding square, as a share of the height.
        hide_side: Side of the square as a share of the longer side; 0 hides nothing.
    """

    rotation: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0
    hide_x: float = 0.5
    hide_y: float = 0.5
    hide_side: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is not finite or outside its range.
        """
        ranges = {
            "shift_x": (-1.0, 1.0),
            "shift_y": (-1.0, 1.0),
            "contrast": (0.01, 100.0),
            "gamma": (0.01, 100.0),
            "blur": (0.0, 50.0),
            "noise": (0.0, 10.0),
            "hide_x": (0.0, 1.0),
            "hide_y": (0.0, 1.0),
            "hide_side": (0.0, 1.0),
        }
        for field in fields(self):
            value = float(getattr(self, field.name))
            low, high = ranges.get(field.name, (-np.inf, np.inf))
            if not (np.isfinite(value) and low <= value <= high):
                raise ValueError(f"{field.name} lies in {low:g} to {high:g}. Received: {value!r}.")

    @property
    def active(self) -> bool:
        """Whether anything changes."""
        idle = Disturbance(seed=self.seed, hide_x=self.hide_x, hide_y=self.hide_y)
        return self != idle


def disturb(slice_: Slice, disturbance: Disturbance) -> Slice:
    """Return a disturbed copy: turned and shifted, then its grey levels, blur, noise, square.

    The noise is Rician, as in a magnitude image (Gudbjartsson and Patz 1995, "The Rician
    distribution of noisy MRI data", MRM 34:910-914).

    Args:
        slice_: A decoded slice.
        disturbance: What to do.

    Returns:
        A slice of the same shape with a note that it was disturbed; the slice itself where
        nothing changes. The same call gives the same pixels.
    """
    if not disturbance.active:
        return slice_
    pixels = _moved(slice_.pixels, disturbance)
    pixels = _levels(pixels, disturbance)
    if disturbance.blur > 0.0:
        sigma = disturbance.blur / 100.0 * max(pixels.shape)
        pixels = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    if disturbance.noise > 0.0:
        rng = np.random.default_rng(disturbance.seed)
        real, imaginary = rng.normal(0.0, disturbance.noise, (2, *pixels.shape))
        pixels = np.hypot(pixels + real, imaginary)
    pixels = np.clip(pixels, 0.0, 1.0).astype(np.float32)
    rows, columns = hidden_box(pixels.shape, disturbance)
    pixels[rows, columns] = HIDDEN_GREY
    return replace(slice_, pixels=pixels, notes=(*slice_.notes, DISTURBED))


def hidden_box(shape: tuple[int, int], disturbance: Disturbance) -> tuple[slice, slice]:
    """Return the rows and columns that the square hides, cut at the slice's edges."""
    side = round(disturbance.hide_side * max(shape))
    spans = []
    for length, centre in zip(shape, (disturbance.hide_y, disturbance.hide_x), strict=True):
        start = round(centre * length - side / 2)
        spans.append(slice(max(start, 0), max(min(start + side, length), 0)))
    return spans[0], spans[1]


def _moved(pixels: FloatArray, disturbance: Disturbance) -> FloatArray:
    if not (disturbance.rotation or disturbance.shift_x or disturbance.shift_y):
        return pixels.copy()
    height, width = pixels.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, disturbance.rotation, 1.0)
    matrix[:, 2] += (disturbance.shift_x * width, disturbance.shift_y * height)
    # What moves in from outside looks like the rim, so that no edge appears.
    rim = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    moved = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=float(np.median(rim))
    )
    return np.asarray(moved, np.float32)


def _levels(pixels: FloatArray, disturbance: Disturbance) -> FloatArray:
    if disturbance.contrast != 1.0:
        bright = pixels[pixels > 0.05]
        centre = float(bright.mean()) if bright.size else 0.0
        stretched = centre + disturbance.contrast * (pixels - centre)
        # Air stays black: lifted to grey, it would be another disturbance.
        air = np.clip(pixels / 0.05, 0.0, 1.0)
        pixels = np.asarray(np.clip(stretched, 0.0, 1.0) * air, np.float32)
    if disturbance.gamma != 1.0:
        pixels = np.asarray(pixels**disturbance.gamma, np.float32)
    return pixels
