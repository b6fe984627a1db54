"""The one way from a decoded slice to what a model sees, for training and inference alike.

Grey levels, crop to the head, square padding, resize, then standardise. What a particular
network needs beyond that (three channels, ImageNet means) lives inside its graph.
"""

import os

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "25000000")

from dataclasses import dataclass

import cv2
import numpy as np

from core.types import ByteArray, FloatArray, Slice

_MARGIN = 0.02
_SEARCH_SIDE = 96
_EPSILON = 1e-3


@dataclass(frozen=True)
class Geometry:
    """Where a decoded slice's pixels lie in the square model input.

    Attributes:
        height: Height of the decoded slice in pixels.
        width: Width of the decoded slice in pixels.
        top: First row of the head's crop.
        left: First column of the head's crop.
        crop: Side of the square crop in decoded pixels; it may reach beyond the slice.
        size: Side of the model input in pixels.
    """

    height: int
    width: int
    top: int
    left: int
    crop: int
    size: int

    def box_to_input(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """Move a box into the model input.

        Args:
            box: `x_center, y_center, width, height` as fractions of the decoded slice.

        Returns:
            The same four numbers as fractions of the model input.
        """
        x, y, width, height = box
        return (
            (x * self.width - self.left) / self.crop,
            (y * self.height - self.top) / self.crop,
            width * self.width / self.crop,
            height * self.height / self.crop,
        )

    def map_to_slice(self, values: FloatArray) -> FloatArray:
        """Lay a map over the model input back onto the decoded slice.

        Args:
            values: float32 of shape (rows, columns) covering the model input.

        Returns:
            float32 of shape (height, width); 0 where the slice lies outside the crop.
        """
        square = cv2.resize(
            np.ascontiguousarray(values, np.float32),
            (self.crop, self.crop),
            interpolation=cv2.INTER_LINEAR,
        )
        out = np.zeros((self.height, self.width), np.float32)
        top, left = max(self.top, 0), max(self.left, 0)
        bottom = min(self.top + self.crop, self.height)
        right = min(self.left + self.crop, self.width)
        out[top:bottom, left:right] = square[
            top - self.top : bottom - self.top, left - self.left : right - self.left
        ]
        return out


def head_box(pixels: FloatArray) -> tuple[int, int, int, int]:
    """Find the head: the largest bright region on a dark background.

    Args:
        pixels: float32 of shape (height, width), in 0 to 1.

    Returns:
        `top, left, bottom, right` in pixels (the last two exclusive). The whole slice where
        nothing stands out, as with a bright background.
    """
    height, width = pixels.shape
    scale = _SEARCH_SIDE / max(height, width)
    small_size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(pixels, small_size, interpolation=cv2.INTER_AREA)
    bright = float(np.percentile(small, 99))
    background = float(np.median(np.r_[small[0], small[-1], small[:, 0], small[:, -1]]))
    threshold = background + 0.12 * max(bright - background, 0.0)
    mask = (small > threshold).astype(np.uint8)
    # Opening parts scale bars and burned-in text from the head.
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return 0, 0, height, width
    # Bright rims without their dark brain count by the area of their box.
    areas = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
    best = 1 + int(np.argmax(areas))
    x, y, w, h = (int(v) for v in stats[best, :4])
    if w * h < 0.1 * mask.size:
        return 0, 0, height, width
    pad = _MARGIN * max(w, h) + 1.0
    top = max(int((y - pad) / scale), 0)
    left = max(int((x - pad) / scale), 0)
    bottom = min(int(np.ceil((y + h + pad) / scale)), height)
    right = min(int(np.ceil((x + w + pad) / scale)), width)
    return top, left, bottom, right


def prepare(pixels: FloatArray, size: int) -> tuple[ByteArray, Geometry]:
    """Crop to the head, pad to a square, resize and quantise.

    Args:
        pixels: float32 of shape (height, width), in 0 to 1.
        size: Side of the result in pixels.

    Returns:
        uint8 of shape (size, size), and where its pixels come from.
    """
    top, left, bottom, right = head_box(pixels)
    crop = max(bottom - top, right - left)
    square_top = top - (crop - (bottom - top)) // 2
    square_left = left - (crop - (right - left)) // 2
    square = np.zeros((crop, crop), np.float32)
    row, column = top - square_top, left - square_left
    square[row : row + bottom - top, column : column + right - left] = pixels[
        top:bottom, left:right
    ]
    interpolation = cv2.INTER_AREA if crop >= size else cv2.INTER_LINEAR
    resized = cv2.resize(square, (size, size), interpolation=interpolation)
    height, width = pixels.shape
    geometry = Geometry(height, width, square_top, square_left, crop, size)
    return np.rint(np.clip(resized, 0.0, 1.0) * 255.0).astype(np.uint8), geometry


def standardise(images: ByteArray | FloatArray) -> FloatArray:
    """Give each slice mean 0 and standard deviation 1.

    Args:
        images: Array of shape (..., height, width), any real type, any scale.

    Returns:
        float32 of the same shape. A flat slice becomes all zeros.
    """
    values = images.astype(np.float32)
    values -= values.mean(axis=(-2, -1), keepdims=True)
    spread = values.std(axis=(-2, -1), keepdims=True)
    return np.asarray(values / np.maximum(spread, _EPSILON), np.float32)


def preprocess(slice_: Slice, size: int) -> tuple[FloatArray, Geometry]:
    """Turn a slice into a model input.

    Args:
        slice_: A decoded slice.
        size: Side of the model input in pixels.

    Returns:
        float32 of shape (size, size, 1), mean 0 and standard deviation 1, and its geometry.
    """
    prepared, geometry = prepare(slice_.pixels, size)
    return standardise(prepared)[..., np.newaxis], geometry
