"""The patient's three planes: how large a slice along each is once its pixels are square."""

from typing import Final, Literal

from core.errors import InputError
from core.imaging.limits import Limits

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")
AXIS: Final[dict[Plane, int]] = {"axial": 0, "coronal": 1, "sagittal": 2}
Triple = tuple[float, float, float]


def pixel_size(spacing: Triple, plane: Plane) -> tuple[float, float]:
    """Return the millimetres between rows and between columns of a slice.

    Args:
        spacing: Of the voxels along depth, height and width.
        plane: Along which the volume is cut.
    """
    rows, columns = (value for axis, value in enumerate(spacing) if axis != AXIS[plane])
    return rows, columns


def square_shape(shape: tuple[int, int], rows: float, columns: float) -> tuple[int, int]:
    """Return height and width of a slice with square pixels; nothing becomes smaller.

    Args:
        shape: Height and width as stored.
        rows: Millimetres between rows.
        columns: Millimetres between columns. A ratio out of 1/20 to 20 isn't believed, and one
            within 2 % of 1 is left alone.
    """
    height, width = shape
    ratio = rows / columns if rows > 0 and columns > 0 else 1.0
    if abs(ratio - 1.0) < 0.02 or not 0.05 <= ratio <= 20.0:
        return height, width
    return (round(height * ratio), width) if ratio > 1.0 else (height, round(width / ratio))


def plane_shape(shape: tuple[int, ...], spacing: Triple, plane: Plane) -> tuple[int, int]:
    """Return height and width of a volume's slices along a plane, with square pixels.

    Args:
        shape: Depth, height and width in voxels.
        spacing: Millimetres along the same axes.
        plane: Along which the volume is cut.
    """
    height, width = (n for axis, n in enumerate(shape) if axis != AXIS[plane])
    return square_shape((height, width), *pixel_size(spacing, plane))


def usable_planes(
    shape: tuple[int, ...], spacing: Triple, limits: Limits
) -> tuple[tuple[Plane, ...], InputError | None]:
    """Say along which planes a volume can be cut into slices of a size that can be read.

    Args:
        shape: Depth, height and width in voxels.
        spacing: Millimetres along the same axes.
        limits: The bounds of one image.

    Returns:
        The planes, and what is wrong with axial slices; None if nothing is.
    """
    found: list[Plane] = []
    wrong: InputError | None = None
    for plane in PLANES:
        height, width = plane_shape(shape, spacing, plane)
        try:
            limits.check_size(width, height)
        except InputError as error:
            wrong = error if plane == "axial" else wrong
        else:
            found.append(plane)
    return tuple(found), wrong
