"""From stored DICOM values to grey values as they are meant to be displayed."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut

from core.errors import NotAssessableError, UnreadableError
from core.imaging.colour import colourfulness, luma
from core.imaging.window import linear
from core.types import FloatArray
from core.wording import mark

_EXACT: Final = frozenset({"LINEAR_EXACT", "SIGMOID"})
_STRETCHED = mark("The file's window can't be used; the values run from minimum to maximum.")


def display_values(
    arrays: list[npt.NDArray[Any]], dataset: Dataset
) -> tuple[FloatArray, tuple[str, ...], float]:
    """Turn the frames of one file into grey values.

    Args:
        arrays: One array a frame, (height, width) or (height, width, 3), as stored.
        dataset: Its header.

    Returns:
        float32 of shape (frames, height, width) in 0 to 1, notes, and the colourfulness.

    Raises:
        UnreadableError: If a value or the scaling is not finite.
        NotAssessableError: If all pixels are the same.
    """
    photometric = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2")
    if photometric == "PALETTE COLOR":
        arrays = [apply_color_lut(array, dataset) for array in arrays]
    if arrays[0].ndim == 3:
        colours = [_to_bytes(array) for array in arrays]
        voxels = np.stack([luma(rgb) for rgb in colours])
        _check_contrast(voxels)
        return voxels, (), max(colourfulness(rgb) for rgb in colours)
    values = [_modality(array, _frame(dataset, i)) for i, array in enumerate(arrays)]
    _check_contrast(*values)
    shown, notes = _windowed(values, arrays, dataset)
    if photometric == "MONOCHROME1":
        shown = np.float32(1.0) - shown
    return shown, notes, 0.0


def _frame(dataset: Dataset, index: int) -> Dataset:
    """Return the header that holds for one frame: enhanced files keep it in groups."""
    found = Dataset()
    # The byte order of lookup tables hangs on it.
    found.file_meta = dataset.file_meta
    for keyword in ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "WindowCenter"):
        if keyword in dataset:
            found[keyword] = dataset[keyword]
    for keyword in ("WindowWidth", "VOILUTFunction", "VOILUTSequence"):
        if keyword in dataset:
            found[keyword] = dataset[keyword]
    groups = []
    if dataset.get("SharedFunctionalGroupsSequence"):
        groups.append(dataset.SharedFunctionalGroupsSequence[0])
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if index < len(per_frame):
        groups.append(per_frame[index])
    for group in groups:
        for sequence in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in group.get(sequence) or ():
                found.update(item)
    return found


def _modality(array: npt.NDArray[Any], header: Dataset) -> FloatArray:
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    for value in (slope, intercept):
        if value is not None and not math.isfinite(float(value)):
            raise UnreadableError(
                f"A DICOM file's rescale slope and intercept are finite. Received: {float(value)}."
            )
    if header.get("ModalityLUTSequence"):
        values = np.asarray(apply_modality_lut(array, header))
    else:
        # A slope of 0 would wipe the picture; it is a writer's "not set".
        factor = float(slope) if slope else 1.0
        values = array * np.float64(factor) + np.float64(intercept or 0.0)
    if not np.isfinite(values).all():
        raise UnreadableError(
            "Every pixel holds a finite number. Received: an image with NaN or infinity."
        )
    return values.astype(np.float32)


def _windowed(
    values: list[FloatArray], arrays: list[npt.NDArray[Any]], dataset: Dataset
) -> tuple[FloatArray, tuple[str, ...]]:
    shown: list[FloatArray] = []
    notes: tuple[str, ...] = ()
    low, high = _range(values, arrays, dataset)
    for index, frame in enumerate(values):
        header = _frame(dataset, index)
        mapped = _voi(frame, header)
        if mapped is None and header.get("WindowWidth") is not None:
            notes = (_STRETCHED,)
        # A window that swallows the whole picture tells nothing.
        if mapped is not None and frame.max() > frame.min() and mapped.max() == mapped.min():
            mapped, notes = None, (_STRETCHED,)
        if mapped is None:
            mapped = np.clip((frame - low) / max(high - low, 1e-12), 0.0, 1.0)
        shown.append(mapped.astype(np.float32))
    return np.stack(shown), notes


def _voi(frame: FloatArray, header: Dataset) -> FloatArray | None:
    """Apply the VOI LUT or window of a header; None where it has no usable one."""
    if header.get("VOILUTSequence"):
        return _look_up(frame, header.VOILUTSequence[0], header.file_meta)
    try:
        center, width = (_first(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    except (TypeError, ValueError):
        return None
    function = str(header.get("VOILUTFunction") or "LINEAR").upper()
    if center is None or width is None or not math.isfinite(center + width):
        return None
    if width <= 0.0 or (width < 1.0 and function not in _EXACT):
        return None
    return linear(frame, center, width, function)


def _look_up(frame: FloatArray, item: Dataset, meta: Dataset) -> FloatArray:
    """Map values through a lookup table (DICOM PS3.3, C.11.2.1.1).

    pydicom's own function wraps around where a table of 8-bit entries is longer than 256.
    """
    count, first, depth = (int(v) for v in item.LUTDescriptor)
    count = count or 65536
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if meta.TransferSyntaxUID.is_little_endian else ">"
        data = np.frombuffer(data, np.uint8 if len(data) < 2 * count else f"{order}u2")
    table = np.asarray(data, np.float32)[:count]
    index = np.clip(np.rint(frame).astype(np.int64) - first, 0, len(table) - 1)
    return np.clip(table[index] / np.float32(2**depth - 1), 0.0, 1.0)


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0]) if hasattr(value, "__getitem__") else float(value)


def _range(
    values: list[FloatArray], arrays: list[npt.NDArray[Any]], dataset: Dataset
) -> tuple[float, float]:
    """Return the smallest and the largest value outside the padding."""
    padding = dataset.get("PixelPaddingValue")
    lows, highs = [], []
    for frame, stored in zip(values, arrays, strict=True):
        kept = frame[stored != padding] if padding is not None else frame
        kept = kept if kept.size and kept.max() > kept.min() else frame
        lows.append(float(kept.min()))
        highs.append(float(kept.max()))
    return min(lows), max(highs)


def _check_contrast(*frames: FloatArray) -> None:
    if max(float(f.max()) for f in frames) == min(float(f.min()) for f in frames):
        raise NotAssessableError(
            "An image holds more than one grey value. Received: every pixel is the same."
        )


def _to_bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    top = max(float(array.max()), 1.0)
    return np.rint(np.clip(array.astype(np.float64), 0.0, None) / top * 255.0).astype(np.uint8)
