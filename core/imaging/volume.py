"""Volumes: reading them, and cutting them into slices along the patient's three planes."""

from typing import Final, Literal

import numpy as np
from PIL import Image

from core.errors import NotAssessableError, UnreadableError
from core.imaging import sandbox
from core.imaging.limits import Limits, default_limits
from core.imaging.names import safe_name
from core.imaging.parsed import Parsed
from core.imaging.signature import VOLUMES, require
from core.types import FloatArray, Slice, Volume

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")
_AXIS: Final = {"axial": 0, "coronal": 1, "sagittal": 2}


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
        InputError: If it is no such file, broken, or beyond a limit.
    """
    limits = limits or default_limits()
    kind = require(data, VOLUMES)
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
    parsed = parse_volume(data, limits, volume)
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
    return int(volume.voxels.shape[_AXIS[plane]])


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
    pixels = np.take(volume.voxels, index, axis=_AXIS[plane])
    down, across, step = volume.spacing
    if plane == "axial":
        rows, columns = across, step
    else:
        # Depth runs upwards in the patient, rows run downwards on the screen.
        pixels = pixels[::-1]
        rows, columns = down, (step if plane == "coronal" else across)
    pixels = _square(pixels, rows, columns)
    return Slice(pixels, name=volume.name, index=index, notes=volume.notes)


def _square(pixels: FloatArray, rows: float, columns: float) -> FloatArray:
    ratio = rows / columns if rows > 0 and columns > 0 else 1.0
    if abs(ratio - 1.0) < 0.02 or not 0.05 <= ratio <= 20.0:
        return np.ascontiguousarray(pixels)
    height, width = pixels.shape
    size = (width, round(height * ratio)) if ratio > 1.0 else (round(width / ratio), height)
    resized = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized, np.float32), 0.0, 1.0)


def to_slices(parsed: Parsed, name: str) -> list[Slice]:
    """Return every frame of a parsed file as a slice of that name."""
    return [
        Slice(frame, name=safe_name(name), index=i, notes=parsed.notes, colourful=parsed.colourful)
        for i, frame in enumerate(parsed.voxels)
    ]
