"""DICOM files to grey frames. Only the tags that pixels need are read; no patient's tag is."""

import warnings
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder, pixel_array

from core.errors import TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging.dicom_header import BROKEN, DEFLATED, damaged, read_tags, transfer_syntax
from core.imaging.dicom_values import display_values
from core.imaging.limits import Limits
from core.imaging.parsed import Parsed
from core.types import BURNED_IN
from core.wording import mark

_UNCOMPRESSED: Final = frozenset(
    {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
)
# Even a flat picture doesn't compress better than this in the DICOM codecs.
_CODEC_RATIO: Final = 2000
_TAGS: Final = (
    "Modality",
    "BurnedInAnnotation",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "SliceThickness",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
)
_MODALITIES: Final = frozenset(
    {"CR", "CT", "DX", "ES", "IO", "MG", "NM", "OCT", "OP", "OT", "PT", "RF", "RTDOSE", "SC"}
    | {"SEG", "SM", "SR", "US", "XA", "XC"}
)
_PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def parse_dicom(data: bytes, limits: Limits) -> Parsed:
    """Read every frame of a DICOM file as it is meant to be displayed.

    Modality LUT or rescale, then VOI LUT or window (minimum to maximum where there is none),
    and MONOCHROME1 inverted: black is 0.

    Args:
        data: The whole file, with preamble.
        limits: `max_pixels` a frame, `max_voxels` altogether.

    Returns:
        Voxels of shape (frames, height, width).

    Raises:
        UnsupportedTypeError: If the transfer syntax is deflated or has no decoder.
        UnreadableError: If the file is damaged, has no pixels, or fewer than it declares.
        TooLargeError: If it has too many pixels.
        NotAssessableError: If all pixels are the same, or the frames are too small.
    """
    try:
        return _parse(data, limits)
    except BROKEN as error:
        # pydicom interprets a value when it is asked for it, so any line may meet a broken one.
        raise damaged() from error


def _parse(data: bytes, limits: Limits) -> Parsed:
    syntax = transfer_syntax(data)
    if syntax in DEFLATED:
        raise UnsupportedTypeError(
            "GliaLens reads DICOM files whose header is not compressed. "
            "Received: a deflated transfer syntax."
        )
    if not syntax:
        raise UnreadableError("A DICOM file names its transfer syntax. Received: one without.")
    dataset = read_tags(data, _TAGS)
    keyword = next((name for name in _PIXELS if name in dataset), None)
    if keyword is None:
        raise UnreadableError(
            "A DICOM file holds an image. Received: one without pixel data, such as a report."
        )
    _check_codec(dataset)
    frames = _check_declared(dataset, len(dataset[keyword].value or b""), limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            arrays = [pixel_array(dataset, index=index) for index in range(frames)]
            voxels, notes, colourful = display_values(arrays, dataset)
        except RuntimeError as error:
            if "does not support" in str(error):
                raise UnsupportedTypeError(
                    "GliaLens reads the compressed pictures that its decoders know; "
                    "the plugin pylibjpeg-libjpeg adds 12-bit JPEG. "
                    f"Received: {dataset.file_meta.TransferSyntaxUID.name}."
                ) from error
            raise
    spacing, spatial = _spacing(dataset, frames)
    return Parsed(
        voxels,
        spacing=spacing,
        notes=_notes(dataset) + notes,
        colourful=colourful,
        spatial=spatial,
    )


def _check_codec(dataset: Dataset) -> None:
    uid = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(uid)
    except NotImplementedError as error:
        # An unknown identifier would be shown as the text that the file holds.
        name = uid.name if uid.name != str(uid) else "an unknown transfer syntax"
        raise UnsupportedTypeError(
            f"GliaLens reads DICOM files of still images. Received: {name}."
        ) from error
    if not decoder.is_available:
        missing = "; ".join(decoder.missing_dependencies)
        raise UnsupportedTypeError(
            f"This transfer syntax needs a plugin: {missing}. Received: {uid.name}."
        )


def _check_declared(dataset: Dataset, held: int, limits: Limits) -> int:
    """Compare the declared size with the bytes that are there; return the count of frames."""
    try:
        rows, columns = int(dataset.Rows), int(dataset.Columns)
        samples = int(dataset.get("SamplesPerPixel", 1))
        bits = int(dataset.BitsAllocated)
        frames = int(dataset.get("NumberOfFrames") or 1)
    except (AttributeError, TypeError, ValueError) as error:
        raise UnreadableError(
            "A DICOM image declares its rows, columns and bits. Received: one that doesn't."
        ) from error
    plain = dataset.file_meta.TransferSyntaxUID in _UNCOMPRESSED
    subsampled = dataset.get("PhotometricInterpretation") == "YBR_FULL_422"
    needed = rows * columns * (2 if subsampled else samples) * frames * bits // 8
    capacity = held if plain else held * _CODEC_RATIO
    if min(rows, columns, frames, samples, bits) < 1 or needed > capacity or frames > held:
        raise UnreadableError(
            "A DICOM file holds all the pixels that it declares. "
            f"Received: {frames} x {rows} x {columns} pixels in {held:,} bytes."
        )
    limits.check_size(columns, rows)
    if frames * rows * columns > limits.max_voxels:
        raise TooLargeError(
            f"A volume may have at most {limits.max_voxels:,} voxels. "
            f"Received: {frames * rows * columns:,}."
        )
    return frames


def _notes(dataset: Dataset) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    modality = str(dataset.get("Modality") or "")
    if modality != "MR":
        # Free text in this tag could name the patient.
        known = modality in _MODALITIES
        notes += (
            mark(
                "The models know MR images alone. "
                "Received: a DICOM file of the modality {modality}."
            ).format(modality=modality if known else "unknown"),
        )
    if str(dataset.get("BurnedInAnnotation") or "").strip().upper() == "YES":
        notes += (BURNED_IN,)
    return notes


def _spacing(dataset: Dataset, frames: int) -> tuple[tuple[float, float, float], bool]:
    def numbers(source: Any, keyword: str) -> list[float]:
        try:
            value = source.get(keyword)
            values = [value] if not hasattr(value, "__iter__") else list(value)
            found = [float(v) for v in values]
        except (TypeError, ValueError, AttributeError):
            return []
        return found if all(np.isfinite(v) and v > 0 for v in found) else []

    shared: Any = dataset
    for sequence in ("SharedFunctionalGroupsSequence", "PixelMeasuresSequence"):
        items = shared.get(sequence) if "PixelSpacing" not in shared else None
        shared = items[0] if items else shared
    plane = numbers(shared, "PixelSpacing")
    depth = numbers(shared, "SpacingBetweenSlices") or numbers(shared, "SliceThickness")
    spatial = frames > 1 and len(plane) == 2 and len(depth) == 1
    row, column = plane if len(plane) == 2 else (1.0, 1.0)
    return (depth[0] if len(depth) == 1 else 1.0, row, column), spatial
