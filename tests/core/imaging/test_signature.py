import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UnreadableError, UnsupportedTypeError
from core.imaging.signature import DESCRIPTIONS, IMAGES, detect, looks_like_image, require


def nifti_head(magic: bytes = b"n+1\x00", order: str = "<") -> bytes:
    return struct.pack(f"{order}i", 348) + bytes(340) + magic + bytes(4)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "png"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "jpeg"),
        (b"BM" + struct.pack("<IIII", 90, 0, 54, 40), "bmp"),
        (b"II*\x00" + bytes(8), "tiff"),
        (b"MM\x00*" + bytes(8), "tiff"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (bytes(128) + b"DICM" + bytes(8), "dicom"),
        (b"II*\x00" + bytes(124) + b"DICM", "dicom"),
        (b"\x7fELF" + bytes(124) + b"DICM", "dicom-program"),
        (b"MZ" + bytes(126) + b"DICM", "dicom-program"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "dicom-bare"),
        (nifti_head(), "nifti"),
        (nifti_head(order=">"), "nifti"),
        (struct.pack("<i", 540) + b"n+2\x00\r\n\x1a\n" + bytes(528), "nifti"),
        (gzip.compress(nifti_head(), mtime=0), "nifti-gz"),
        (nifti_head(b"ni1\x00"), "nifti-pair"),
        (nifti_head(bytes(4)), "nifti-pair"),
        (gzip.compress(b"hello", mtime=0), "gzip"),
        (b"\x1f\x8b\x08 broken", "gzip"),
        (b"GIF89a" + bytes(10), "gif"),
        (b"PK\x03\x04" + bytes(30), "zip"),
        (b"%PDF-1.7\n", "pdf"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "svg"),
        (b"\xef\xbb\xbf <!DOCTYPE html><html>", "html"),
        (b"\x7fELF\x02\x01", "elf"),
        (b"MZ\x90\x00", "pe"),
        (b"#!/bin/sh\n", "script"),
        (b"BMW and Mercedes are makes of cars", "text"),
        ("Bäume, Übung, größer".encode(), "text"),
        (b'{"a": 1}', "text"),
        (b"\x00\x01\x02\x03", "unknown"),
        (b"\x80\x81\x82 binary rest that is no text at all", "unknown"),
    ],
)
def test_each_kind_is_told_from_its_bytes(data, kind):
    assert detect(data) == kind


def test_an_empty_file_is_unreadable():
    with pytest.raises(UnreadableError, match=r"Received: an empty file \(0 bytes\)"):
        require(b"")


def test_bare_dicom_is_unreadable_not_unsupported():
    with pytest.raises(UnreadableError, match="DICM at byte 128"):
        require(b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100")


def test_the_refusal_names_what_is_read_and_what_was_received():
    with pytest.raises(
        UnsupportedTypeError,
        match=r"^GliaLens reads JPEG, PNG, BMP, TIFF and WebP images, DICOM and NIfTI files\. "
        r"Received: a PDF document\.$",
    ):
        require(b"%PDF-1.7\n")
    with pytest.raises(UnsupportedTypeError, match=r"WebP images\. Received: a DICOM file\.$"):
        require(bytes(128) + b"DICM", IMAGES)


def test_names_claim_to_be_images():
    assert looks_like_image("A.PNG")
    assert looks_like_image("brain.nii.gz")
    assert not looks_like_image("table.csv.gz")


@given(st.binary(max_size=600))
def test_any_bytes_get_a_described_kind(data):
    assert detect(data) in DESCRIPTIONS
