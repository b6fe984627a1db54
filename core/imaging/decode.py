"""Still images: JPEG, PNG, BMP, TIFF and WebP bytes to one greyscale slice."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.errors import NotAssessableError, TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging.colour import colourfulness, luma
from core.imaging.limits import Limits, default_limits
from core.imaging.names import safe_name, suffix_of
from core.imaging.signature import DESCRIPTIONS, EXTENSIONS, IMAGES, KNOWN_EXTENSIONS, require
from core.types import FloatArray, Slice
from core.wording import mark

# The classes themselves, rather than Image.open: it guesses among all formats, and allows
# more pixels before it complains than we do.
_READERS: Final[dict[str, Callable[[io.BytesIO], ImageFile]]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "bmp": BmpImageFile,
    "tiff": TiffImageFile,
    "webp": WebPImageFile,
}
_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    struct.error,
    zlib.error,
)
_WIDE: Final = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_COLOUR: Final = frozenset({"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "LA", "La", "CMYK", "YCbCr"})
_BITS: Final = 258
_PHOTOMETRIC: Final = 262
_TILE: Final = (322, 323)
# Encoders write about ten; each further one costs a pass over all pixels.
_MAX_SCANS: Final = 100


def decode_image(data: bytes, name: str = "image", limits: Limits | None = None) -> Slice:
    """Decode one still image.

    8-bit grey is exactly `value / 255`; colour becomes luma by ITU-R BT.601; transparency is
    composited on black. Values of more than 8 bits are stretched from their own minimum and
    maximum, never clipped. The size in the header is checked before any pixel is decoded.

    Args:
        data: The whole file.
        name: Its name, from which only a safe display name and the extension are used.
        limits: Bounds; the settings' limits by default.

    Returns:
        The slice: float32 of shape (height, width) in 0 to 1, upright by its EXIF orientation.

    Raises:
        UnsupportedTypeError: If the bytes are no such image, or an animation.
        TooLargeError: If the file or its declared size exceeds a limit.
        UnreadableError: If the file is empty, truncated or broken.
        NotAssessableError: If it is too small, too elongated, or every pixel is the same.
    """
    limits = limits or default_limits()
    limits.check_bytes(len(data))
    kind = require(data, IMAGES)
    if kind == "webp":
        # Its reader allocates the canvas on opening.
        _check_webp_size(data, limits)
    try:
        image = _READERS[kind](io.BytesIO(data))
    except _BROKEN as error:
        raise _unreadable(kind) from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(
            f"An image may have at most {limits.max_pixels:,} pixels. Received: far more."
        ) from error
    limits.check_size(*image.size)
    _check_work(image, data, limits)
    notes = _notes(kind, name, image)
    try:
        image.load()
        pixels, colourful = _to_grey(_upright(image), kind)
    except _BROKEN as error:
        raise _unreadable(kind) from error
    if pixels.max() == pixels.min():
        raise NotAssessableError(
            mark("An image holds more than one grey value. Received: every pixel is the same.")
        )
    if image.mode in _WIDE or _is_deep(kind, image, data):
        pixels = _stretch(pixels)
        if image.mode in _WIDE and _white_is_zero(image):
            pixels = np.float32(1.0) - pixels
        notes += ("The values were stretched from their own minimum and maximum.",)
    return Slice(
        np.clip(pixels, 0.0, 1.0).astype(np.float32),
        name=safe_name(name),
        notes=notes,
        colourful=colourful,
    )


def _unreadable(kind: str) -> UnreadableError:
    return UnreadableError(
        mark("An image file must be whole. Received: {kind} that is truncated or damaged.").format(
            kind=DESCRIPTIONS[kind]
        )
    )


def _check_webp_size(data: bytes, limits: Limits) -> None:
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise _unreadable("webp")
    if chunk == b"VP8X":
        width, height = (int.from_bytes(body[i : i + 3], "little") + 1 for i in (4, 7))
    elif chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(body[i : i + 2], "little") & 0x3FFF for i in (6, 8))
    limits.check_size(width, height)


def _check_work(image: ImageFile, data: bytes, limits: Limits) -> None:
    """Refuse small files that make a decoder work or allocate far beyond their size."""
    if isinstance(image, JpegImageFile) and data.count(b"\xff\xda") > _MAX_SCANS:
        raise UnreadableError(
            f"A JPEG image has at most {_MAX_SCANS} scans. Received: one with more."
        )
    if isinstance(image, TiffImageFile):
        width, height = (image.tag_v2.get(tag, 1) for tag in _TILE)
        # A tile is decoded whole, however little of it the image shows.
        if not (isinstance(width, int) and isinstance(height, int)):
            raise _unreadable("tiff")
        if width * height > limits.max_pixels:
            raise TooLargeError(
                f"An image's tile may have at most {limits.max_pixels:,} pixels. "
                f"Received: {width} x {height}."
            )


def _notes(kind: str, name: str, image: ImageFile) -> tuple[str, ...]:
    if getattr(image, "is_animated", False):
        if kind != "tiff":
            raise UnsupportedTypeError(
                "GliaLens reads still images. "
                f"Received: an animated {DESCRIPTIONS[kind].removeprefix('a ')}."
            )
        page: tuple[str, ...] = (mark("The file holds several pages; the first was read."),)
    else:
        page = ()
    suffix = suffix_of(name)
    if suffix in KNOWN_EXTENSIONS and suffix not in EXTENSIONS[kind]:
        said = mark("The name ends in {suffix}, but the content is {kind}.")
        return (said.format(suffix=suffix, kind=DESCRIPTIONS[kind]), *page)
    return page


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _BROKEN:
        # A broken EXIF block says nothing about the pixels.
        return image


def _is_deep(kind: str, image: Image.Image, data: bytes) -> bool:
    """Tell whether a colour image had more than 8 bits a channel before it was loaded."""
    if kind == "png":
        return data[24] == 16
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(_BITS, (8,))) > 8
    return False


def _white_is_zero(image: Image.Image) -> bool:
    # Pillow itself inverts only up to 8 bits.
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0


def _to_grey(image: Image.Image, kind: str) -> tuple[FloatArray, float]:
    """Return values (in 0 to 1 only for 8 bits) and the colourfulness."""
    if image.mode in _WIDE:
        return _wide_values(image), 0.0
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L"), np.float32) / np.float32(255.0), 0.0
    if image.mode not in _COLOUR | {"1", "L"}:
        raise UnsupportedTypeError(
            "GliaLens reads grey, RGB, palette and CMYK images, with or without transparency. "
            f"Received: {DESCRIPTIONS[kind]} of the colour mode {image.mode}."
        )
    colour = image
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        colour = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    rgb = np.asarray(colour.convert("RGB"))
    return luma(rgb), colourfulness(rgb)


def _wide_values(image: Image.Image) -> FloatArray:
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise UnreadableError(
            "Every pixel holds a finite number. Received: an image with NaN or infinity."
        )
    # Offset first: float32 alone would merge neighbours among large integers.
    return (values - values.min()).astype(np.float32)


def _stretch(values: FloatArray) -> FloatArray:
    low, high = float(values.min()), float(values.max())
    return ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)
