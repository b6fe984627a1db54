"""Drawing a class activation map over a slice: NumPy and OpenCV only, no model involved."""

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from core.types import ByteArray, FloatArray

COLOUR_MAPS: Final[dict[str, int]] = {
    "viridis": cv2.COLORMAP_VIRIDIS,
    "cividis": cv2.COLORMAP_CIVIDIS,
    "inferno": cv2.COLORMAP_INFERNO,
    "turbo": cv2.COLORMAP_TURBO,
}
"""Names of the colour maps; all but turbo (the classic rainbow) survive colour blindness."""

DEFAULT_CONTOUR_LEVEL: Final = 0.5

ISOLINES: Final = (0.3, 0.5, 0.7, 0.9)
"""Values at which `isolines` draws."""


def colour_table(colour_map: str) -> ByteArray:
    """Return a colour map as a table.

    Args:
        colour_map: A key of `COLOUR_MAPS`.

    Returns:
        uint8 RGB of shape (256, 3), from the lowest to the highest value.

    Raises:
        ValueError: If the name is unknown.
    """
    if colour_map not in COLOUR_MAPS:
        raise ValueError(
            f"A colour map is one of {', '.join(COLOUR_MAPS)}. Received: {colour_map!r}."
        )
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    bgr = cv2.applyColorMap(ramp, COLOUR_MAPS[colour_map])[:, 0]
    return np.ascontiguousarray(bgr[:, ::-1], dtype=np.uint8)


def to_grey_rgb(slice_pixels: FloatArray) -> ByteArray:
    """Return a slice as an 8 bit picture.

    Args:
        slice_pixels: float32 of shape (H, W), in 0 to 1.

    Returns:
        uint8 of shape (H, W, 3) with three equal channels.
    """
    grey = np.rint(np.clip(slice_pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def overlay(
    slice_pixels: FloatArray,
    cam: FloatArray,
    opacity: float = 0.6,
    colour_map: str = "inferno",
    threshold: float = 0.0,
    contour: bool = False,
) -> ByteArray:
    """Blend a class activation map over a slice.

    The colour's weight at a pixel is `opacity * cam`, so weak evidence leaves the anatomy
    visible; below `threshold` nothing is painted.

    Args:
        slice_pixels: float32 of shape (H, W), in 0 to 1.
        cam: float32 of shape (H, W), in 0 to 1.
        opacity: Weight of the colour where `cam` is 1; 0 shows the slice alone.
        colour_map: A key of `COLOUR_MAPS`.
        threshold: Value of `cam` from which it is painted, in 0 to 1.
        contour: Whether to outline the painted region (at 0.5 where `threshold` is 0).

    Returns:
        uint8 RGB of shape (H, W, 3).

    Raises:
        ValueError: If the shapes differ, or an argument is outside its range.
    """
    _check(slice_pixels, cam, opacity, threshold)
    heat = np.nan_to_num(np.clip(cam, 0.0, 1.0), nan=0.0)
    colours = colour_table(colour_map)[np.rint(heat * 255.0).astype(np.uint8)]
    weight = (opacity * heat * (heat >= threshold)).astype(np.float32)[:, :, None]
    base = to_grey_rgb(slice_pixels).astype(np.float32)
    blended = base * (1.0 - weight) + colours.astype(np.float32) * weight
    picture = np.rint(blended).astype(np.uint8)
    if contour:
        level = threshold if threshold > 0.0 else DEFAULT_CONTOUR_LEVEL
        _outline(picture, heat >= level)
    return picture


def isolines(
    slice_pixels: FloatArray,
    cam: FloatArray,
    opacity: float = 1.0,
    colour_map: str = "inferno",
    threshold: float = 0.0,
) -> ByteArray:
    """Draw a class activation map as lines of equal value, so that the anatomy stays visible.

    Args:
        slice_pixels: float32 of shape (H, W), in 0 to 1.
        cam: float32 of shape (H, W), in 0 to 1.
        opacity: Weight of the lines; 0 shows the slice alone.
        colour_map: A key of `COLOUR_MAPS`; a line has the colour of its value.
        threshold: Lines of lower values are left out, in 0 to 1.

    Returns:
        uint8 RGB of shape (H, W, 3).

    Raises:
        ValueError: If the shapes differ, or an argument is outside its range.
    """
    _check(slice_pixels, cam, opacity, threshold)
    base = to_grey_rgb(slice_pixels)
    lines, table = base.copy(), colour_table(colour_map)
    heat = np.nan_to_num(np.clip(cam, 0.0, 1.0), nan=0.0)
    for level in ISOLINES:
        if level >= threshold:
            found, _ = cv2.findContours(
                (heat >= level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
            )
            colour = [int(value) for value in table[round(level * 255)]]
            cv2.drawContours(lines, found, -1, colour, _thickness(heat))
    return np.asarray(cv2.addWeighted(lines, opacity, base, 1.0 - opacity, 0.0), np.uint8)


def wipe(before: ByteArray, after: ByteArray, position: float) -> ByteArray:
    """Join two pictures at an upright line: the first on its left, the second on its right.

    Args:
        before: uint8 RGB of shape (H, W, 3).
        after: Of the same shape.
        position: Where the line stands as a share of the width, in 0 to 1.

    Returns:
        uint8 RGB of shape (H, W, 3).

    Raises:
        ValueError: If the shapes differ, or the position is outside its range.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"Two pictures are of one shape. Received: {before.shape} and {after.shape}."
        )
    if not 0.0 <= position <= 1.0:
        raise ValueError(f"The position lies in 0 to 1. Received: {position!r}.")
    column = round(position * before.shape[1])
    joined = after.copy()
    joined[:, :column] = before[:, :column]
    if 0 < column < before.shape[1]:
        half = _thickness(before)
        joined[:, max(column - half, 0) : column] = 0
        joined[:, column : column + half] = 255
    return joined


def outline(picture: ByteArray, region: npt.NDArray[np.bool_]) -> ByteArray:
    """Return a picture with the outline of a region, which shows on any grey.

    Args:
        picture: uint8 RGB of shape (H, W, 3).
        region: The region's pixels, of shape (H, W).

    Raises:
        ValueError: If the shapes differ.
    """
    if picture.shape[:2] != region.shape:
        raise ValueError(
            "A region has the rows and columns of its picture. "
            f"Received: {region.shape} and {picture.shape}."
        )
    marked = picture.copy()
    _outline(marked, region)
    return marked


def _check(slice_pixels: FloatArray, cam: FloatArray, opacity: float, threshold: float) -> None:
    if slice_pixels.ndim != 2 or slice_pixels.shape != cam.shape:
        raise ValueError(
            "The slice and its map are 2-D and of one shape. "
            f"Received: {slice_pixels.shape} and {cam.shape}."
        )
    for name, value in (("opacity", opacity), ("threshold", threshold)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"The {name} lies in 0 to 1. Received: {value!r}.")


def _thickness(picture: npt.NDArray[Any]) -> int:
    return max(1, round(max(picture.shape) / 256))


def _outline(picture: ByteArray, region: npt.NDArray[np.bool_]) -> None:
    """Draw the region's outline in place: white over a dark rim, so that it shows on any grey."""
    outlines, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    thickness = _thickness(region)
    cv2.drawContours(picture, outlines, -1, (0, 0, 0), thickness + 2)
    cv2.drawContours(picture, outlines, -1, (255, 255, 255), thickness)


def to_png(picture: ByteArray) -> bytes:
    """Encode a picture as PNG.

    Args:
        picture: uint8 RGB of shape (H, W, 3).

    Returns:
        The bytes of the PNG file.

    Raises:
        ValueError: If the array isn't uint8 RGB.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"A picture is uint8 of shape (H, W, 3). Received: {picture.dtype}, {picture.shape}."
        )
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"The picture could not be encoded as PNG. Received: {picture.shape}.")
    return data.tobytes()
