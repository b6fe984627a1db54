"""Whole files that the fuzzer starts from: drawn by code, brought by libraries, and real ones."""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pydicom.data

from core.data.phantom import draw_phantom
from core.imaging.signature import HEAD_BYTES, SUPPORTED, detect
from core.settings import PROJECT_ROOT
from tests.hostile.archives import packed
from tests.hostile.pictures import encoded, grey
from tests.hostile.volumes import dicom, nifti

MOST_BYTES = 200_000
MOST_OF_A_SOURCE = 50


@dataclass(frozen=True)
class Seed:
    """A file that can be read.

    Attributes:
        source: `phantom`, `library` or `real`.
        kind: `upload`, `manifest` or `card`: who reads it.
        data: Its bytes.
    """

    source: str
    kind: str
    data: bytes


def phantoms() -> Iterator[bytes]:
    """Yield drawn slices in every format that is read."""
    for size in (32, 64):
        pixels = grey(size)
        wide = pixels.astype(np.uint16) * 200
        yield from (encoded(pixels, form) for form in ("PNG", "JPEG", "BMP", "TIFF", "WEBP"))
        yield encoded(pixels, "JPEG", progressive=True)
        yield encoded(np.stack((pixels,) * 3, axis=-1), "WEBP", lossless=True)
        for form in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
            yield encoded(pixels, "TIFF", compression=form)
        yield encoded(wide, "PNG")
        yield encoded(wide, "TIFF")
        yield dicom(wide, WindowCenter="800", WindowWidth="1600", RescaleSlope="1")
        yield dicom(np.stack((wide, wide // 2)), SpacingBetweenSlices="2", PixelSpacing=["1", "1"])
        volume = np.stack([draw_phantom(k, size=size).slice.pixels for k in range(5)], axis=-1)
        yield nifti(volume)
        yield gzip.compress(nifti(volume))
        yield packed(("a.png", encoded(pixels)), ("b/c.dcm", dicom(wide)), ("n.txt", b"words"))


def library() -> Iterator[bytes]:
    """Yield the small test files that pydicom and nibabel bring along."""
    folders = (
        (Path(nibabel.__file__).parent / "tests" / "data", "*.nii*"),
        (Path(pydicom.data.__file__).parent / "test_files", "*.dcm"),
    )
    for folder, pattern in folders:
        for file in sorted(folder.rglob(pattern)):
            yield file.read_bytes()


def real() -> Iterator[bytes]:
    """Yield real slices from the folder that `GLIALENS_TEST_DATA` names, evenly spread."""
    named = os.environ.get("GLIALENS_TEST_DATA")
    folder = Path(named) if named else PROJECT_ROOT.parent / "shared" / "data"
    files = sorted(folder.rglob("*.jpg")) if folder.is_dir() else []
    for file in files[:: max(len(files) // MOST_OF_A_SOURCE, 1)][:MOST_OF_A_SOURCE]:
        yield file.read_bytes()


def tables() -> Iterator[Seed]:
    """Yield a manifest and a card."""
    rows = "".join(f"one/glioma/{k}.png,glioma,g{k // 2},train,one\n" for k in range(6))
    yield Seed("phantom", "manifest", f"path,label,group,split,source\n{rows}".encode())
    card = {
        "name": "cnn",
        "architecture": "cnn",
        "input_size": 128,
        "labels": ["glioma", "notumor"],
        "temperature": 1.3,
        "threshold": 0.7,
        "sha256": "0" * 64,
        "init": "random",
        "trained_on": {"sources": []},
        "metrics": {"test": {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 3}}},
        "command": "train",
        "version": "0",
        "created": "2026-01-01T00:00:00+00:00",
        "conformal": {"0.95": 0.7},
    }
    yield Seed("phantom", "card", json.dumps(card, indent=1).encode())


def all_seeds() -> list[Seed]:
    """Return every seed, at most `MOST_OF_A_SOURCE` of what others made, the larger left out."""
    found = [Seed("phantom", "upload", data) for data in phantoms()]
    for source, files in (("library", library()), ("real", real())):
        fit = [
            data
            for data in files
            if len(data) <= MOST_BYTES and detect(data[:HEAD_BYTES]) in SUPPORTED
        ]
        found += [Seed(source, "upload", data) for data in fit[:MOST_OF_A_SOURCE]]
    return [*found, *tables()]
