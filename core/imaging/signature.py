"""What kind of file the bytes are, told from their content and never from a name."""

import string
import zlib
from typing import Final

from core.errors import UnreadableError, UnsupportedTypeError
from core.wording import mark

IMAGES: Final = frozenset({"png", "jpeg", "bmp", "tiff", "webp"})
VOLUMES: Final = frozenset({"dicom", "nifti", "nifti-gz"})
SUPPORTED: Final = IMAGES | VOLUMES
HEAD_BYTES: Final = 4096

# Extensions that belong to a kind; others under the same content earn a note.
EXTENSIONS: Final[dict[str, frozenset[str]]] = {
    "png": frozenset({".png"}),
    "jpeg": frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
    "bmp": frozenset({".bmp", ".dib"}),
    "tiff": frozenset({".tif", ".tiff"}),
    "webp": frozenset({".webp"}),
    "dicom": frozenset({".dcm", ".dicom", ".ima"}),
    "nifti": frozenset({".nii"}),
    "nifti-gz": frozenset({".gz"}),
}
KNOWN_EXTENSIONS: Final = frozenset().union(*EXTENSIONS.values())
_LISTED: Final = (*sorted(KNOWN_EXTENSIONS - {".gz"}), ".nii.gz")

DESCRIPTIONS: Final[dict[str, str]] = {
    "png": mark("a PNG image"),
    "jpeg": mark("a JPEG image"),
    "bmp": mark("a BMP image"),
    "tiff": mark("a TIFF image"),
    "webp": mark("a WebP image"),
    "dicom": mark("a DICOM file"),
    "nifti": mark("a NIfTI volume"),
    "nifti-gz": mark("a compressed NIfTI volume"),
    "dicom-bare": mark("DICOM data without the preamble and its DICM mark"),
    "dicom-program": mark("a program that poses as DICOM"),
    "nifti-pair": mark("half of a NIfTI .hdr/.img pair"),
    "gif": mark("a GIF, which may be an animation"),
    "zip": mark("a zip archive"),
    "gzip": mark("a gzip file that holds no NIfTI volume"),
    "archive": mark("an archive"),
    "pdf": mark("a PDF document"),
    "svg": mark("an SVG drawing"),
    "html": mark("an HTML page"),
    "elf": mark("a Linux program"),
    "pe": mark("a Windows program"),
    "macho": mark("a macOS program"),
    "script": mark("a script"),
    "heif": mark("an image or video in an ISO media container, such as HEIC, AVIF or MP4"),
    "jpeg2000": mark("a bare JPEG 2000 image"),
    "jxl": mark("a JPEG XL image"),
    "npy": mark("a NumPy array"),
    "hdf5": mark("an HDF5 file"),
    "text": mark("a text file"),
    "unknown": mark("content of an unknown type"),
}

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"),
    (0, b"MM\x00+", "tiff"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"7z\xbc\xaf\x27\x1c", "archive"),
    (0, b"Rar!\x1a\x07", "archive"),
    (0, b"BZh", "archive"),
    (0, b"\xfd7zXZ\x00", "archive"),
    (0, b"\x28\xb5\x2f\xfd", "archive"),
    (257, b"ustar", "archive"),
    (0, b"%PDF-", "pdf"),
    (0, b"\x7fELF", "elf"),
    (0, b"MZ", "pe"),
    (0, b"\xfe\xed\xfa", "macho"),
    (0, b"\xcf\xfa\xed\xfe", "macho"),
    (0, b"\xca\xfe\xba\xbe", "macho"),
    (0, b"#!", "script"),
    (4, b"ftyp", "heif"),
    (0, b"\x00\x00\x00\x0cjP  ", "jpeg2000"),
    (0, b"\xff\x4f\xff\x51", "jpeg2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "jxl"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\x93NUMPY", "npy"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
)
_PROGRAMS: Final = (b"\x7fELF", b"MZ", b"#!", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe")
_PRINTABLE: Final = frozenset(string.printable.encode())


def looks_like_image(name: str) -> bool:
    """Tell whether a file claims by its name to be an image or a volume."""
    return name.lower().endswith(_LISTED)


def inflate_head(data: bytes, size: int) -> bytes:
    """Return at most `size` bytes of what a gzip stream begins with; fewer if it is broken."""
    try:
        return zlib.decompressobj(wbits=31).decompress(data, size)
    except zlib.error:
        return b""


def detect(data: bytes) -> str:
    """Name the kind of a file.

    Args:
        data: The file, or at least its first `HEAD_BYTES` bytes.

    Returns:
        A key of `DESCRIPTIONS`.
    """
    head = data[:HEAD_BYTES]
    if head[128:132] == b"DICM":
        return "dicom-program" if head.startswith(_PROGRAMS) else "dicom"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    # "BM" alone also begins words: the reserved field and the info header's size tell.
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[15:18] == bytes(3):
        return "bmp"
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset):
            return kind
    if head[:2] == b"\x1f\x8b":
        inner = _nifti_kind(inflate_head(data, 352))
        return {"nifti": "nifti-gz"}.get(inner, inner) or "gzip"
    return _nifti_kind(head) or _bare_dicom(head) or _text_kind(head)


def _nifti_kind(head: bytes) -> str:
    magic = head[344:348]
    if head[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c"):
        # A 348-byte header without the single-file magic is the half of an Analyze pair.
        return "nifti" if magic == b"n+1\x00" else "nifti-pair"
    if head[4:12] == b"n+2\x00\r\n\x1a\n":
        return "nifti"
    return "nifti-pair" if head[4:8] == b"ni2\x00" else ""


def _bare_dicom(head: bytes) -> str:
    group, element, vr = head[:2], head[2:4], head[4:6]
    if group not in (b"\x02\x00", b"\x08\x00") or len(element) < 2 or element[1] > 0x20:
        return ""
    explicit = len(vr) == 2 and all(65 <= byte <= 90 for byte in vr)
    implicit = len(head) > 8 and head[6:8] == bytes(2)
    return "dicom-bare" if explicit or implicit else ""


def _text_kind(head: bytes) -> str:
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if plain.startswith(b"<") and b"<svg" in plain:
        return "svg"
    if plain.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")):
        return "html"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "text"
    if not head or b"\x00" in head:
        return "unknown"
    try:
        # The head may end within a character.
        text = head[: max(len(head) - 3, 1)].decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            return "unknown"
        text = head[: error.start].decode("utf-8")
    ascii_bytes = text.encode("ascii", errors="ignore")
    return "text" if all(byte in _PRINTABLE for byte in ascii_bytes) else "unknown"


def require(data: bytes, accepted: frozenset[str] = SUPPORTED) -> str:
    """Return the kind of a file if it is one of the accepted ones.

    Args:
        data: The whole file.
        accepted: Keys of `DESCRIPTIONS`.

    Raises:
        UnreadableError: If there are no bytes, or DICOM data lack their mark.
        UnsupportedTypeError: If the file is of another kind.
    """
    if not data:
        raise UnreadableError(
            mark("A file holds at least one image. Received: an empty file (0 bytes).")
        )
    kind = detect(data)
    if kind in accepted:
        return kind
    if kind == "dicom-bare":
        raise UnreadableError(
            mark(
                "A DICOM file has the mark DICM at byte 128. Received: {kind}; it may be a damaged "
                "or an incomplete export."
            ).format(kind=DESCRIPTIONS[kind])
        )
    raise UnsupportedTypeError(_rule(accepted).format(kind=DESCRIPTIONS[kind]))


def _rule(accepted: frozenset[str]) -> str:
    if not accepted & VOLUMES:
        return mark("GliaLens reads JPEG, PNG, BMP, TIFF and WebP images. Received: {kind}.")
    if not accepted & IMAGES:
        return mark("GliaLens reads DICOM and NIfTI files. Received: {kind}.")
    return mark(
        "GliaLens reads JPEG, PNG, BMP, TIFF and WebP images, DICOM and NIfTI files. "
        "Received: {kind}."
    )
