"""Volumes: reading them, and cutting them into slices along the patient's three planes."""

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from core.errors import NotAssessableError, TooLargeError, UnreadableError
from core.imaging import sandbox
from core.imaging.limits import Limits, default_limits
from core.imaging.names import safe_name
from core.imaging.parsed import Parsed, check_volume
from core.imaging.planes import AXIS, Plane, pixel_size, plane_shape, square_shape, usable_planes
from core.imaging.signature import VOLUMES, require
from core.types import FloatArray, Slice, Volume
from core.wording import mark

_CUT_OTHERWISE: Final[dict[Plane, str]] = {
    "coronal": mark(
        "Cut into axial slices the file is too thin or too large; its coronal slices are read."
    ),
    "sagittal": mark(
        "Cut into axial slices the file is too thin or too large; its sagittal slices are read."
    ),
}


def parse_volume(
    data: bytes, limits: Limits | None = None, volume: int = 0, isolate: bool = True
) -> Parsed:
    """Parse DICOM or NIfTI bytes.

    Args:
        data: The whole file.
        limits: Bounds; the settings' limits by default.
        volume: Which volume of a 4-D NIfTI file, from 0.
        isolate: Whether to parse in the bounded worker process.

    Raises:
        InputError: If it is no such file, broken, or beyond a limit, or holds no such volume.
    """
    limits = limits or default_limits()
    kind = require(data, VOLUMES)
    if kind == "dicom":
        check_volume(volume)
    if isolate:
        return sandbox.parse(kind, data, limits, volume)
    from core.imaging.dicom import parse_dicom
    from core.imaging.nifti import parse_nifti

    return parse_dicom(data, limits) if kind == "dicom" else parse_nifti(data, limits, volume)


def read_volume(
    data: bytes, name: str = "volume", limits: Limits | None = None, volume: int = 0
) -> Volume:
    """Read a NIfTI file or a multi-frame DICOM file as one volume.

    Raises:
        InputError: As `parse_volume`; also if the file's frames are no volume in space.
    """
    return to_volume(parse_volume(data, limits, volume), name)


def to_volume(parsed: Parsed, name: str) -> Volume:
    """Return a parsed file as one volume.

    Raises:
        UnreadableError: If its frames are no volume in space.
    """
    if not parsed.spatial:
        raise UnreadableError(
            "A volume has several slices with known distances. "
            f"Received: {len(parsed.voxels)} frame(s) without."
        )
    return Volume(parsed.voxels, parsed.spacing, safe_name(name), parsed.notes)


def stack(slices: list[Slice], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    """Put ordered slices of one size on top of each other.

    Raises:
        NotAssessableError: If there are none, or their sizes differ.
    """
    shapes = {slice_.shape for slice_ in slices}
    if len(shapes) != 1:
        raise NotAssessableError(
            f"The slices of a volume have one size. Received: {len(shapes)} sizes."
        )
    notes = tuple(dict.fromkeys(note for slice_ in slices for note in slice_.notes))
    voxels = np.stack([slice_.pixels for slice_ in slices])
    return Volume(voxels, spacing, slices[0].name, notes)


def depth(volume: Volume, plane: Plane = "axial") -> int:
    """Return how many slices a volume has along a plane's normal."""
    return int(volume.voxels.shape[AXIS[plane]])


def reslice(volume: Volume, plane: Plane = "axial", index: int | None = None) -> Slice:
    """Cut one slice, with square pixels, the head upright and the patient's right on the left.

    Args:
        volume: The volume.
        plane: `axial`, `coronal` or `sagittal` (there the front of the head is on the left).
        index: Position along the plane's normal, from 0; the middle by default.

    Raises:
        NotAssessableError: If the index lies outside.
    """
    count = depth(volume, plane)
    index = count // 2 if index is None else index
    if not 0 <= index < count:
        raise NotAssessableError(f"A slice lies from 0 to {count - 1}. Received: {index}.")
    # A view, so that stored slices with square pixels take no memory of their own.
    pixels = np.moveaxis(volume.voxels, AXIS[plane], 0)[index]
    if plane != "axial":
        # Depth runs upwards in the patient, rows run downwards on the screen.
        pixels = pixels[::-1]
    pixels = _square(pixels, *pixel_size(volume.spacing, plane))
    return Slice(pixels, name=volume.name, index=index, notes=volume.notes)


def _square(pixels: FloatArray, rows: float, columns: float) -> FloatArray:
    pixels = np.ascontiguousarray(pixels)
    height, width = square_shape((pixels.shape[0], pixels.shape[1]), rows, columns)
    if (height, width) == pixels.shape:
        return pixels
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized, np.float32), 0.0, 1.0)


def to_slices(parsed: Parsed, name: str, limits: Limits) -> list[Slice]:
    """Return the slices of a parsed file, with square pixels as `reslice` gives them.

    Frames, and the axial slices of a volume. Where these are too small, such as those of a single
    sagittal slice, or too many once they are square, such as those of a few thick coronal
    ones, the slices of the first plane that fits; those that were acquired always do.

    Args:
        parsed: The file.
        name: Made safe before it is used.
        limits: The bounds of one image and of all together.

    Raises:
        TooLargeError: If all slices together have too many pixels once these are square.
    """
    shape, most = parsed.voxels.shape, max(limits.max_voxels, parsed.voxels.size)
    planes, wrong = usable_planes(shape, parsed.spacing, limits)
    totals = {plane: _pixels(shape, parsed.spacing, plane) for plane in planes}
    # Frames whose spacing can't be believed stay as they are stored.
    if not parsed.spatial or not planes:
        plane: Plane = "axial"
    elif (fitting := next((p for p in planes if totals[p] <= most), None)) is None:
        raise TooLargeError(
            f"A volume may have at most {limits.max_voxels:,} voxels. "
            f"Received: {min(totals.values()):,} once its pixels are square."
        )
    else:
        plane = fitting
    notes = parsed.notes if plane == "axial" else (*parsed.notes, _CUT_OTHERWISE[plane])
    spacing = parsed.spacing if plane in planes or wrong is None else (1.0, 1.0, 1.0)
    volume = Volume(parsed.voxels, spacing, safe_name(name), notes)
    return [
        replace(reslice(volume, plane, i), colourful=parsed.colourful)
        for i in range(depth(volume, plane))
    ]


def _pixels(shape: tuple[int, ...], spacing: tuple[float, float, float], plane: Plane) -> int:
    """Return how many pixels all slices along a plane have together once they are square."""
    height, width = plane_shape(shape, spacing, plane)
    return shape[AXIS[plane]] * height * width
