"""DICOM and NIfTI files with headers that lie, lack, loop or overflow."""

# ruff: noqa: E501 (a table reads best with a case a line)

import gzip
import io
import struct
import zlib

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    MRImageStorage,
)

from tests.hostile.case import Case, fixed
from tests.hostile.pictures import NOT_READ, encoded, grey

DAMAGED = r"A DICOM file must be whole\. Received: one that is truncated or damaged\."
PIXELS = r"holds all the pixels that it declares\. Received: {}"
VOXELS = r"holds all the voxels that its header declares\. Received: "
STILL = r"GliaLens reads DICOM files of still images\. Received: "


def dicom(pixels: np.ndarray | None = None, syntax: str = ExplicitVRLittleEndian, **tags) -> bytes:
    """An MR slice of a phantom; a tag of None is left out."""
    pixels = grey().astype(np.uint16) * 16 if pixels is None else pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = syntax
    data = FileDataset("x", {}, file_meta=meta, preamble=bytes(128))
    values = {
        "Modality": "MR",
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": pixels.tobytes(),
    }
    if pixels.ndim == 3:
        values["NumberOfFrames"] = len(pixels)
    for keyword, value in (values | tags).items():
        if value is not None:
            setattr(data, keyword, value)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data)
    return buffer.getvalue()


def with_syntax(uid: bytes) -> bytes:
    """A file whose meta group names another transfer syntax."""
    return dicom().replace(b"1.2.840.10008.1.2.1\x00", uid.ljust(20, b"\x00"))


def deflated_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(600)) + packer.flush()
    element = struct.pack("<HH2sH", 2, 0x10, b"UI", 22) + b"1.2.840.10008.1.2.1.99"
    return bytes(128) + b"DICM" + element + body


def nested(depth: int = 3000) -> bytes:
    """Sequences in sequences of undefined length, until Python's stack ends."""
    head = dicom(PixelData=None)
    opening = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return head[:132] + meta_of(head) + opening * depth


def meta_of(data: bytes) -> bytes:
    """The file meta group of a DICOM file."""
    (length,) = struct.unpack_from("<I", data, 140)
    return data[132 : 144 + length]


def endless_tag() -> bytes:
    """An element that claims four gigabytes."""
    data = dicom()
    return data[:132] + meta_of(data) + struct.pack("<HH2sHI", 0x28, 0x10, b"OB", 0, 0xFFFFFFF0)


def not_finite_slope() -> bytes:
    return dicom(RescaleSlope="1.5", RescaleIntercept="0").replace(b"1.5 ", b"NaN ")


def aborting() -> bytes:
    """A JPEG with junk between its markers, at which one decoder gives up its process."""
    picture = encoded(grey(), "JPEG")
    at = picture.index(b"\xff\xda")
    return dicom(
        grey(),
        JPEGBaseline8Bit,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelData=encapsulate([picture[:at] + b"\x13" * 40 + picture[at:]]),
    )


def unknown_value() -> bytes:
    """Rows of a kind of value that DICOM doesn't know."""
    return dicom().replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00WS")


def nifti(values: np.ndarray | None = None, kind=nib.Nifti1Image) -> bytes:
    return kind(volume() if values is None else values, np.eye(4)).to_bytes()


def volume(shape: tuple[int, ...] = (20, 24, 18)) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def patched(offset: int, form: str, *values: float, data: bytes | None = None) -> bytes:
    changed = bytearray(nifti() if data is None else data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def shaped(*dims: int) -> bytes:
    return patched(40, "<8h", len(dims), *dims, *[1] * (7 - len(dims)))


def gzip_bomb(megabytes: int = 600) -> bytes:
    """A NIfTI header and then zeros, 600 kB that inflate to 600 MB."""
    head = bytearray(nifti()[:352])
    struct.pack_into("<8h", head, 40, 3, 1000, 1000, megabytes, 1, 1, 1, 1)
    struct.pack_into("<hh", head, 70, 2, 8)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(bytes(head))]
    parts += [packer.compress(bytes(2**20)) for _ in range(megabytes)]
    return b"".join(parts) + packer.flush()


def not_finite(value: float, everywhere: bool = False) -> bytes:
    values = volume()
    values[... if everywhere else (3, 4, 5)] = value
    return nifti(values)


def quaternion(*values: float) -> bytes:
    image = nib.Nifti1Image(volume(), np.eye(4))
    image.set_sform(None, 0)
    image.set_qform(np.eye(4), 1)
    return patched(256, "<3f", *values, data=image.to_bytes())


def _dicom(name, build, says, status, row=None, file="slice.dcm"):
    return Case(name, "file", build, says, 0 if status == 200 else 1, status, file, row)


def _nifti(name, build, says, status, row=None, file="head.nii"):
    return _dicom(name, build, says, status, row, file)


CASES = (
    _dicom("dicom without an extension", dicom, "", 200, 6, "IM0001"),
    _dicom("dicom named png", dicom, "", 200, 6, "slice.png"),
    _dicom("dicom without preamble", lambda: dicom()[132:], "has the mark DICM at byte 128", 422, 25),
    _dicom("dicom without pixels", lambda: dicom(PixelData=None), "without pixel data", 422, 26),
    _dicom("65,535 x 65,535", lambda: dicom(Rows=65535, Columns=65535), PIXELS.format("1 x 65535"), 422,
           27),
    _dicom("a million frames", lambda: dicom(NumberOfFrames="1000000"), PIXELS.format("1000000"), 422,
           27),
    _dicom("negative frames", lambda: dicom(NumberOfFrames="-3"), PIXELS.format("-3"), 422, 27),
    _dicom("frames that are no number", lambda: dicom(NumberOfFrames="2").replace(b"2 ", b"ab"),
           DAMAGED + "|declares its rows", 422),
    _dicom("too few pixels", lambda: dicom(Rows=97), PIXELS.format("1 x 97 x 96"), 422, 28),
    _dicom("no rows", lambda: dicom(Rows=None), "declares its rows, columns and bits", 422),
    _dicom("zero columns", lambda: dicom(Columns=0), PIXELS.format("1 x 96 x 0"), 422),
    _dicom("zero bits", lambda: dicom(BitsAllocated=0), "pixels that it declares", 422),
    _dicom("7 samples a pixel", lambda: dicom(SamplesPerPixel=7), "pixels that it declares", 422),
    _dicom("deflated bomb", deflated_bomb, r"not compressed\. Received: a deflated", 415, 29),
    _dicom("zeros after the mark", lambda: bytes(128) + b"DICM" + bytes(8 * 2**20),
           "names its transfer syntax", 422, 30),
    _dicom("3,000 nested sequences", nested, "without pixel data|bounds of time|must be whole", 422, 31),
    _dicom("element of 4 GB", endless_tag, "declares its rows, columns and bits", 422),
    _dicom("broken JPEG 2000", lambda: dicom(syntax=JPEG2000Lossless,
           PixelData=encapsulate([b"\xff\x4f\xff\x51" + bytes(64)])), DAMAGED, 422, 32),
    _dicom("video", lambda: dicom(syntax="1.2.840.10008.1.2.4.102", PixelData=encapsulate([b"v" * 64])),
           STILL + "MPEG-4", 415, 32),
    _dicom("unknown transfer syntax", lambda: with_syntax(b"9.9.9"), STILL + "an unknown transfer", 415,
           32),
    _dicom("no transfer syntax", lambda: bytes(128) + b"DICM" + dicom()[400:], "names its transfer", 422),
    _dicom("monochrome1", lambda: dicom(PhotometricInterpretation="MONOCHROME1"), "", 200, 33),
    _dicom("unknown photometric", lambda: dicom(PhotometricInterpretation="RAINBOW"), DAMAGED, 422),
    _dicom("window width of 0", lambda: dicom(WindowCenter="5", WindowWidth="0"), "minimum to maximum",
           200, 34),
    _dicom("slope nan", not_finite_slope, "slope and intercept are finite. Received: nan", 422, 35),
    _dicom("ct", lambda: dicom(Modality="CT"), "MR images alone.*modality CT", 200, 36),
    _dicom("name in the modality", lambda: dicom(Modality="MUSTERMANN"), "of the modality unknown", 200,
           36),
    _dicom("four frames", lambda: dicom(np.stack([grey().astype(np.uint16) * k for k in (9, 8, 7, 6)])),
           "", 200, 36),
    _dicom("elf in the preamble", lambda: b"\x7fELF" + dicom()[4:], "program that poses as DICOM", 415,
           37),
    _dicom("exe in the preamble", lambda: b"MZ" + dicom()[2:], "program that poses as DICOM", 415, 37),
    _dicom("burned-in text", lambda: dicom(BurnedInAnnotation="YES"), "marks burned-in text", 200, 38),
    _dicom("picture that breaks its decoder", aborting, "breaks its decoder|must be whole", 422),
    _dicom("value of an unknown kind", unknown_value, DAMAGED, 422),
    _dicom("one grey value", lambda: dicom(np.full((64, 64), 9, np.uint16)), "every pixel is the same",
           422),
    _nifti("32,767 cubed", lambda: shaped(32767, 32767, 32767), VOXELS + "32767 x 32767 x 32767", 422, 39),
    _nifti("negative dimension", lambda: shaped(20, -24, 18), "dimensions of at least 1", 422, 40),
    _nifti("zero slices", lambda: shaped(20, 24, 0), "2 to 7 dimensions of at least 1.*24 x 0", 422, 40),
    _nifti("rank 0", lambda: patched(40, "<h", 0), "2 to 7 dimensions.*0 dimensions, none", 422, 40),
    _nifti("rank 300", lambda: patched(40, "<h", 300), "2 to 7 dimensions|invalid header", 422, 40),
    _nifti("unknown data type", lambda: patched(70, "<h", 999), "known data type", 422, 40),
    _nifti("complex voxels", lambda: patched(70, "<hh", 32, 64), "whole numbers or floats", 415, 40),
    _nifti("rgb voxels", lambda: patched(70, "<hh", 128, 24), "whole numbers or floats", 415, 40),
    _nifti("five dimensions", lambda: nifti(volume((16, 16, 3, 2, 2))), "up to 4 dimensions", 415, 42),
    _nifti("four dimensions", lambda: nifti(volume((16, 16, 3, 2))), "holds 2 volumes; number 1", 200, 42),
    _nifti("two dimensions", lambda: nifti(volume((20, 24))), "", 200, 42),
    _nifti("offset inside the header", lambda: patched(108, "<f", 12.0), "behind its header", 422),
    _nifti("offset nan", lambda: patched(108, "<f", np.nan), "behind its header", 422),
    _nifti("offset of a gigabyte", lambda: patched(108, "<f", 1e9), "behind its header", 422),
    _nifti("gzip bomb", gzip_bomb, r"(voxels|inflate to at most 256 MB)\. Received: ", 413, 41,
           "head.nii.gz"),
    _nifti("gzip of text", lambda: gzip.compress(b"words"), NOT_READ + "a gzip file that holds no", 415,
           file="head.nii.gz"),
    _nifti("half a gzip", lambda: gzip.compress(nifti())[:2000], "compressed file must be whole", 422,
           file="head.nii.gz"),
    _nifti("gzip with a broken checksum", lambda: gzip.compress(nifti()[:9000])[:-8] + bytes(8),
           VOXELS + "|must be whole", 422, file="head.nii.gz"),
    _nifti("some nan", lambda: not_finite(np.nan), "NaN or infinity; they are shown as black", 200, 43),
    _nifti("some infinity", lambda: not_finite(-np.inf), "NaN or infinity; they are shown", 200, 43),
    _nifti("only nan", lambda: not_finite(np.nan, everywhere=True), "only NaN or infinity", 422, 43),
    _nifti("infinite slope", lambda: patched(112, "<2f", 1, np.inf), "scaling is finite", 422, 43),
    _nifti("one value", lambda: nifti(np.ones((20, 24, 18), np.float32)), "every voxel is the same", 422),
    _nifti("half of a pair", lambda: nifti()[:344] + b"ni1\x00", NOT_READ + "half of a NIfTI", 415, 44,
           "head.hdr"),
    _nifti("quaternion beyond 1", lambda: quaternion(5, 5, 5), "does not tell its orientation", 200),
    _nifti("quaternion of infinity", lambda: quaternion(*[np.inf] * 3), "not tell its orientation", 200),
    _nifti("negative spacing", lambda: patched(80, "<f", -2, data=quaternion(0, 0, 0)),
           "does not tell its orientation", 200),
    _nifti("handedness of 3", lambda: patched(76, "<f", 3, data=quaternion(0, 0, 0)),
           "does not tell its orientation", 200),
    _nifti("slices of 3 x 2", lambda: nifti(volume((3, 2, 30))), "at least 16 pixels a side", 422),
    _nifti("half a header", lambda: nifti(kind=nib.Nifti2Image)[:400], "header has 540 bytes", 422),
    _nifti("gzip of half a header", lambda: gzip.compress(nifti(kind=nib.Nifti2Image)[:400]),
           "header has 540 bytes", 422, file="head.nii.gz"),
    _nifti("header alone", lambda: nifti()[:352], VOXELS, 422),
    _nifti("magic alone", lambda: b"\x5c\x01\x00\x00" + bytes(340) + b"n+1\x00", "dimensions", 422),
    _nifti("text named nii.gz", fixed(b"no gzip at all"), NOT_READ + "a text file", 415,
           file="head.nii.gz"),
)  # fmt: skip
