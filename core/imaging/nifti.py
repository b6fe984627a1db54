"""NIfTI-1 and NIfTI-2 single files to voxels, judged by the header before any allocation."""

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError

from core.errors import NotAssessableError, TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging.limits import MEGABYTE, Limits
from core.imaging.parsed import Parsed, check_volume
from core.imaging.planes import usable_planes
from core.imaging.signature import inflate_head
from core.types import FloatArray
from core.wording import mark

# Deflate can't compress better than about 1 : 1032.
_DEFLATE_RATIO: Final = 1032
_MAX_OFFSET: Final = 16 * MEGABYTE
_PERCENTILES: Final = (0.1, 99.9)
_SAMPLE: Final = 2_000_000


@dataclass(frozen=True)
class _Header:
    raw: Any
    shape: tuple[int, int, int]
    volumes: int
    dtype: np.dtype[Any]
    offset: int


def parse_nifti(data: bytes, limits: Limits, volume: int = 0) -> Parsed:
    """Read one volume of a NIfTI file.

    The voxels are turned to canonical axes and stretched between their 0.1 and 99.9
    percentiles. Of a compressed file only what the chosen volume needs is inflated.

    Args:
        data: The whole file, plain or gzip.
        limits: `max_voxels`, `max_inflated_bytes` and the bounds of one image.
        volume: Which volume of a 4-D file, from 0.

    Returns:
        Voxels of shape (depth, height, width) in LPS order (see `core.types.Volume`).

    Raises:
        UnreadableError: If the header is invalid or promises more than the file holds, or
            there is no such volume.
        UnsupportedTypeError: If the values are complex or colours, or there are 5 dimensions.
        TooLargeError: If it has too many voxels or inflates to too much.
        NotAssessableError: If all voxels are the same, or the slices too small in every plane.
    """
    packed = data[:2] == b"\x1f\x8b"
    header = _read_header(inflate_head(data, 540) if packed else data[:540])
    check_volume(volume, header.volumes)
    count = math.prod(header.shape)
    needed = header.offset + (volume + 1) * count * header.dtype.itemsize
    held = len(data) * _DEFLATE_RATIO if packed else len(data)
    if needed > held:
        raise UnreadableError(
            "A NIfTI file holds all the voxels that its header declares. "
            f"Received: {' x '.join(map(str, header.shape))} voxels in {len(data):,} bytes."
        )
    if count > limits.max_voxels:
        raise TooLargeError(
            f"A volume may have at most {limits.max_voxels:,} voxels. Received: {count:,}."
        )
    if packed and needed > limits.max_inflated_bytes:
        raise TooLargeError(
            f"A file may inflate to at most {limits.max_inflated_bytes / MEGABYTE:.4g} MB. "
            f"Received: {needed / MEGABYTE:.4g} MB."
        )
    raw = _inflate(data, needed) if packed else data
    start = header.offset + volume * count * header.dtype.itemsize
    values = np.frombuffer(raw, header.dtype, count, start).reshape(header.shape, order="F")
    notes: tuple[str, ...] = ()
    if header.volumes > 1:
        notes = (
            mark("The file holds {volumes} volumes; number {position} was read.").format(
                volumes=header.volumes, position=volume + 1
            ),
        )
    scaled, scale_notes = _scale(values, header.raw)
    voxels, spacing, axis_notes = _orient(scaled, header.raw)
    planes, wrong = usable_planes(voxels.shape, spacing, limits)
    if wrong is not None and not planes:
        raise wrong
    return Parsed(
        voxels,
        spacing=spacing,
        notes=notes + scale_notes + axis_notes,
        spatial=True,
        volumes=header.volumes,
    )


def _read_header(head: bytes) -> _Header:
    second = head[4:7] == b"n+2"
    kind, size = (nib.Nifti2Header, 540) if second else (nib.Nifti1Header, 348)
    if len(head) < size:
        raise UnreadableError(
            f"A NIfTI header has {size} bytes. Received: {len(head)} bytes before the file ends."
        )
    try:
        raw = kind(head[:size], check=False)
        rank = int(raw["dim"][0])
        dims = [int(n) for n in raw["dim"][1 : rank + 1]]
        dtype = raw.get_data_dtype()
        offset = float(raw["vox_offset"])
    except (HeaderDataError, ValueError, KeyError, OverflowError) as error:
        raise UnreadableError(
            "A NIfTI header names its size and a known data type. Received: an invalid header."
        ) from error
    if not 2 <= rank <= 7 or min(dims, default=0) < 1:
        raise UnreadableError(
            "A NIfTI file has 2 to 7 dimensions of at least 1. "
            f"Received: {rank} dimensions, {' x '.join(map(str, dims)) or 'none'}."
        )
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise UnsupportedTypeError(
            f"GliaLens reads NIfTI files of whole numbers or floats. Received: {dtype}."
        )
    if not (math.isfinite(offset) and size <= offset <= _MAX_OFFSET):
        raise UnreadableError(
            f"A NIfTI file's voxels begin behind its header. Received: an offset of {offset:g}."
        )
    rest = [n for n in dims[4:] if n > 1]
    if rest:
        raise UnsupportedTypeError(
            "GliaLens reads NIfTI files of up to 4 dimensions. "
            f"Received: {' x '.join(map(str, dims))}."
        )
    padded = [*dims, 1, 1]
    shape = (padded[0], padded[1], padded[2])
    return _Header(raw, shape, padded[3], dtype, int(offset))


def _inflate(data: bytes, needed: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            raw = stream.read(needed)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(
            "A compressed file must be whole. Received: gzip data that are truncated or damaged."
        ) from error
    if len(raw) < needed:
        raise UnreadableError(
            "A NIfTI file holds all the voxels that its header declares. "
            f"Received: {len(raw):,} of {needed:,} bytes."
        )
    return raw


def _scale(values: npt.NDArray[Any], raw: Any) -> tuple[FloatArray, tuple[str, ...]]:
    try:
        slope, inter = raw.get_slope_inter()
    except HeaderDataError as error:
        raise UnreadableError(
            "A NIfTI header's scaling is finite. Received: an infinite slope or intercept."
        ) from error
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: npt.NDArray[np.floating[Any]] = values.astype(
            np.float64 if values.dtype.itemsize > 4 else np.float32
        )
        if slope is not None:
            scaled = scaled * slope + (inter or 0.0)
    finite = np.isfinite(scaled)
    notes: tuple[str, ...] = ()
    if not finite.any():
        raise UnreadableError("Voxels hold finite numbers. Received: only NaN or infinity.")
    if not finite.all():
        notes = (mark("Some voxels held NaN or infinity; they are shown as black."),)
        scaled[~finite] = scaled[finite].min()
    sample = scaled.ravel(order="K")[:: max(scaled.size // _SAMPLE, 1)]
    low, high = (float(v) for v in np.percentile(sample, _PERCENTILES))
    if low == high:
        low, high = float(scaled.min()), float(scaled.max())
    if low == high:
        raise NotAssessableError(
            "A volume holds more than one grey value. Received: every voxel is the same."
        )
    return np.clip((scaled - low) / (high - low), 0.0, 1.0).astype(np.float32), notes


def _orient(
    values: FloatArray, raw: Any
) -> tuple[FloatArray, tuple[float, float, float], tuple[str, ...]]:
    """Turn (i, j, k) into (depth, height, width) of LPS axes."""
    notes: tuple[str, ...] = ()
    known = int(raw["sform_code"]) > 0 or int(raw["qform_code"]) > 0
    try:
        affine = np.asarray(raw.get_best_affine(), np.float64)
    except (HeaderDataError, ValueError):
        # Spacings below 0 or a quaternion that is no rotation.
        affine, known = np.eye(4), False
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        affine, known = np.eye(4), False
    if not known:
        notes = (mark("The file does not tell its orientation; left and right may be swapped."),)
    orientation = io_orientation(affine)
    if np.isnan(orientation).any():
        affine = np.eye(4)
        orientation = io_orientation(affine)
    canonical = apply_orientation(values, orientation)
    sizes = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    by_axis = sizes[np.argsort(orientation[:, 0])]
    voxels = np.ascontiguousarray(canonical[::-1, ::-1, :].transpose(2, 1, 0))
    return voxels, (float(by_axis[2]), float(by_axis[1]), float(by_axis[0])), notes
