"""What a DICOM file tells before its pixels: transfer syntax, place in a series, given tags."""

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from core.errors import UnreadableError
from core.wording import mark

DEFLATED: Final = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95"})
_GEOMETRY: Final = (
    "SeriesInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "InstanceNumber",
)
BROKEN: Final = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    struct.error,
    MemoryError,
)


@dataclass(frozen=True)
class Place:
    """Where one DICOM file belongs in its series.

    Attributes:
        series: Digest of the series' identifier; the identifier itself is not kept.
        position: Millimetres along the normal of the slice; None where the file has none.
        instance: Its number in the series; 0 where the file has none.
    """

    series: str = ""
    position: float | None = None
    instance: int = 0

    def key(self) -> tuple[str, bool, float, int]:
        """Sort key: by series, then along the patient, then by number."""
        position = self.position if self.position is not None else 0.0
        return self.series, self.position is None, position, self.instance


def parse_place(data: bytes) -> Place:
    """Read where a DICOM file belongs in its series; an empty `Place` where it doesn't tell."""
    if transfer_syntax(data) in DEFLATED:
        return Place()
    try:
        dataset = read_tags(data, _GEOMETRY, stop_before_pixels=True)
        series = str(dataset.get("SeriesInstanceUID", ""))
        position = [float(v) for v in dataset.get("ImagePositionPatient") or ()]
        axes = [float(v) for v in dataset.get("ImageOrientationPatient") or ()]
        instance = int(dataset.get("InstanceNumber") or 0)
    except (UnreadableError, *BROKEN):
        return Place()
    along = None
    if len(position) == 3 and len(axes) == 6 and np.isfinite(position + axes).all():
        along = float(np.dot(np.cross(axes[:3], axes[3:]), position))
    digest = sha256(series.encode()).hexdigest()[:16] if series else ""
    return Place(digest, along, instance)


def transfer_syntax(data: bytes) -> str:
    """Return the transfer syntax from the file meta group alone, or an empty string.

    pydicom would inflate a deflated file before anyone could ask; so this reads the group's
    elements (always explicit VR, little endian) by itself. PS3.10, 7.1.
    """
    for tag, value in _meta_elements(data):
        if tag == (2, 0x10):
            return value.rstrip(b"\x00 ").decode("ascii", errors="replace")
    return ""


def _meta_elements(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 132
    while at + 8 <= len(data):
        group, element = struct.unpack_from("<HH", data, at)
        if group != 2:
            return
        if data[at + 4 : at + 6] in (b"OB", b"OW", b"UN", b"SQ", b"UT"):
            if at + 12 > len(data):
                return
            (length,) = struct.unpack_from("<I", data, at + 8)
            at += 12
        else:
            (length,) = struct.unpack_from("<H", data, at + 6)
            at += 8
        yield (group, element), data[at : at + length]
        at += length


def read_tags(data: bytes, tags: tuple[str, ...], stop_before_pixels: bool = False) -> Dataset:
    """Read only the given tags; nested and private ones are skipped where possible.

    Raises:
        UnreadableError: If the file is damaged.
    """
    config.settings.reading_validation_mode = config.IGNORE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dcmread(
                io.BytesIO(data), specific_tags=list(tags), stop_before_pixels=stop_before_pixels
            )
        except (*BROKEN, NotImplementedError) as error:
            raise damaged() from error


def damaged() -> UnreadableError:
    """Return the error for a file that pydicom can't read."""
    return UnreadableError(
        mark("A DICOM file must be whole. Received: one that is truncated or damaged.")
    )
