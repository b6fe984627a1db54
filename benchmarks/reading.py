"""Decoding and preparing, per megapixel and format, and what a second model need not do again."""

import io
import logging
import statistics
import time
from typing import Any

import cv2
import nibabel as nib
import numpy as np
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from benchmarks.timing import interleave, paired_ratio, summary
from core.data.phantom import draw_phantom
from core.imaging.inputs import read_bytes
from core.imaging.preprocess import preprocess
from core.imaging.quality import assess
from core.types import ByteArray

FORMATS = ("jpeg", "png", "bmp", "tiff", "webp", "dicom", "nifti")
_DEPTH = 4
_SAFE = ("dicom", "nifti")


def encode(pixels: ByteArray, form: str) -> bytes:
    """Write a picture in a format; a NIfTI volume repeats it on four slices."""
    if form == "dicom":
        return _dicom(pixels.astype(np.uint16) * 16)
    if form == "nifti":
        return bytes(nib.Nifti1Image(np.stack([pixels.T] * _DEPTH, -1), np.eye(4)).to_bytes())
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def _dicom(pixels: "np.ndarray[Any, np.dtype[np.uint16]]") -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("x", {}, file_meta=meta, preamble=bytes(128))
    data.Modality, data.PhotometricInterpretation = "MR", "MONOCHROME2"
    data.SOPClassUID = MRImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.BitsAllocated, data.BitsStored = 1, 16, 12
    data.HighBit, data.PixelRepresentation = 11, 0
    data.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    data.save_as(buffer)
    return buffer.getvalue()


def measure(sides: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """Time every format at every size; the floor is OpenCV's bare decoding of the PNG."""
    rows = []
    for side in sides:
        drawn = draw_phantom(0, size=side).slice
        pixels = np.rint(drawn.pixels * 255).astype(np.uint8)
        files = {form: encode(pixels, form) for form in FORMATS}
        png = np.frombuffer(files["png"], np.uint8)
        cases = {form: lambda data=data: read_bytes(data) for form, data in files.items()}
        cases["floor"] = lambda png=png: cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
        cases["preprocess to 224"] = lambda drawn=drawn: preprocess(drawn, 224)
        cases["quality"] = lambda drawn=drawn: assess(drawn)
        seconds = interleave(cases, rounds, warm=1)
        floor = seconds.pop("floor")
        for name, values in seconds.items():
            pictures = _DEPTH if name == "nifti" else 1
            megapixels = side * side * pictures / 1e6
            rows.append(
                {
                    "what": name,
                    "side": side,
                    "slices": pictures,
                    "in_a_process_of_its_own": name in _SAFE,
                    **summary(values),
                    "ms_per_megapixel": round(1000 * statistics.median(values) / megapixels, 2),
                    "ratio_to_opencv_png": paired_ratio(values, floor),
                }
            )
    return rows


def second_model(rounds: int = 5) -> dict[str, Any]:
    """Time what a case costs before its first model answers, and before its second one.

    Screens ask `ui.cache.slices` for a file's slices, which decodes each content once.
    """
    from ui import cache

    # Outside of a running dashboard the cache lives in memory, too, and says so at each call.
    logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)
    first, second, again = [], [], []
    for seed in range(rounds):
        pixels = np.rint(draw_phantom(seed, size=512).slice.pixels * 255).astype(np.uint8)
        data = encode(pixels, "dicom")
        for into in (first, second):
            began = time.perf_counter()
            found = cache.slices(data, "case.dcm")
            into.append(time.perf_counter() - began)
        began = time.perf_counter()
        preprocess(found[0], 224)
        again.append(time.perf_counter() - began)
    return {
        "what": "a DICOM slice of 512 pixels",
        "decode_first_model": summary(first),
        "decode_second_model": summary(second),
        "preprocess_each_model": summary(again),
        "decoding_saved": round(1 - statistics.median(second) / statistics.median(first), 4),
    }
