"""Still images that are broken, enormous, disguised or merely odd."""

# ruff: noqa: E501 (a table reads best with a case a line)

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from core.data.phantom import draw_phantom
from tests.hostile.case import Case, fixed

NOT_READ = (
    r"GliaLens reads JPEG, PNG, BMP, TIFF and WebP images, DICOM and NIfTI files\. Received: "
)
WHOLE = r"An image file must be whole\. Received: a {} image that is truncated or damaged\."
SIZE = r"An image may have at most 25,000,000 pixels\. Received: {}"
FLAT = r"An image holds more than one grey value\. Received: every pixel is the same\."


def grey(size: int = 96) -> np.ndarray:
    """A phantom's grey values, uint8."""
    return np.rint(draw_phantom(1, size=size, lesion="glioma").slice.pixels * 255).astype(np.uint8)


def encoded(picture: np.ndarray | Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, pixels: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG whose header says what it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def png_bomb(side: int = 9000) -> bytes:
    """A PNG of some kilobytes that would inflate to side x side pixels; whole and valid."""
    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png_of(side, side, body)


def text_bomb() -> bytes:
    """A fine PNG with a comment of 100 kB that inflates to 100 MB."""
    whole = encoded(grey())
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(100)) + packer.flush()
    return whole[:33] + chunk(b"zTXt", b"Comment\x00\x00" + body) + whole[33:]


def bmp_of(width: int, height: int) -> bytes:
    head = struct.pack("<2sIII", b"BM", 54, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def tiff_of(fields: list[tuple[int, int, int]], body: bytes) -> bytes:
    """A little-endian TIFF of one directory; a field is (tag, type, value), 273 and 324 wait
    for the body's place."""
    place = 8 + 2 + 12 * len(fields) + 4
    lines = [
        struct.pack("<HHII", tag, kind, 1, place if tag in (273, 324) else value)
        for tag, kind, value in sorted(fields)
    ]
    head = b"II*\x00" + struct.pack("<IH", 8, len(fields))
    return head + b"".join(lines) + bytes(4) + body


def tiff_tile_bomb(side: int = 30_000) -> bytes:
    """64 x 64 pixels in one tile of 900 million."""
    base = [(256, 4, 64), (257, 4, 64), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    body = zlib.compress(bytes(4096))
    tile = [(322, 4, side), (323, 4, side), (324, 4, 0), (325, 4, len(body))]
    return tiff_of(base + tile, body)


def jpeg_scan_bomb(scans: int = 4000) -> bytes:
    """24 million pixels and scans of 42 bytes, each a pass over all of them."""
    whole = encoded(Image.new("L", (4900, 4900), 90), "JPEG", progressive=True, quality=30)
    last = whole[whole.rfind(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + b"\xff\xd9"


def jpeg_header(width: int, height: int) -> bytes:
    whole = bytearray(encoded(grey(), "JPEG"))
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(whole)


def webp_header(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4)
    body += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def polyglot() -> bytes:
    """A PNG that is a zip, too, with a program and a script behind it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.exe", b"MZ" + bytes(64))
    return encoded(grey()) + b"<script>alert(1)</script>" + buffer.getvalue()


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(grey(), "JPEG", exif=exif)


def animated(form: str) -> bytes:
    frames = [Image.fromarray(np.roll(grey(), k * 9, axis=1)) for k in range(3)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


def broken_crc() -> bytes:
    data = bytearray(encoded(grey()))
    data[29] ^= 0xFF
    return bytes(data)


def short_palette() -> bytes:
    """Indices up to 255 into a palette of two colours."""
    rows = b"".join(b"\x00" + row.tobytes() for row in grey())
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 96, 8, 3, 0, 0, 0))
    palette = chunk(b"PLTE", bytes((0, 0, 0, 200, 200, 200)))
    rest = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + palette + rest


def float_tiff(value: float) -> bytes:
    pixels = grey().astype(np.float32) / 3.0
    pixels[0, 0] = value
    return encoded(pixels, "TIFF")


def photograph() -> bytes:
    """Coloured, bright to the edges: what a camera sees."""
    rows, columns = np.mgrid[0:96, 0:128].astype(np.float32)
    waves = [128 + 100 * np.sin(rows / a + columns / b) for a, b in ((9, 17), (21, 7), (5, 31))]
    return encoded(np.stack(waves, axis=-1).astype(np.uint8))


def mode(name: str, form: str = "PNG") -> bytes:
    return encoded(Image.fromarray(grey()).convert(name), form)


def _case(name, build, says, status, row=None, file="slice.png"):
    return Case(name, "file", build, says, 0 if status == 200 else 1, status, file, row)


CASES = (
    _case("empty", fixed(b""), r"at least one image\. Received: an empty file", 422, 1),
    _case("text as png", fixed(b"just words\n"), NOT_READ + r"a text file\.", 415, 2),
    _case("half a png", lambda: encoded(grey())[:900], WHOLE.format("PNG"), 422, 3),
    _case("half a jpeg", lambda: encoded(grey(), "JPEG")[:900], WHOLE.format("JPEG"), 422, 3),
    _case("elf", fixed(b"\x7fELF" + bytes(200)), NOT_READ + "a Linux program", 415, 4),
    _case("exe as png", fixed(b"MZ" + bytes(200)), NOT_READ + "a Windows program", 415, 4),
    _case("png as jpg", lambda: encoded(grey()), "ends in .jpg, but the content is a PNG image", 200,
          5, "slice.jpg"),
    _case("svg", fixed(b"<svg xmlns='x'/>"), NOT_READ + "an SVG drawing", 415, 7),
    _case("pdf", fixed(b"%PDF-1.7\n"), NOT_READ + "a PDF document", 415, 7),
    _case("html", fixed(b"<!doctype html><p>"), NOT_READ + "an HTML page", 415, 7),
    _case("polyglot png, zip and script", polyglot, "", 200, 8),
    _case("20,000 x 20,000 declared", lambda: png_of(20_000, 20_000, zlib.compress(bytes(64))),
          SIZE.format("20000 x 20000"), 413, 9),
    _case("12,000 x 12,000 declared", lambda: png_of(12_000, 12_000, zlib.compress(bytes(64))),
          SIZE.format("12000 x 12000"), 413, 10),
    _case("png bomb of 9,000 x 9,000", png_bomb, SIZE.format("9000 x 9000, 81,000,000"), 413, 11),
    _case("png of 2^31 - 1", lambda: png_of(2**31 - 1, 2**31 - 1, b""), "25,000,000 pixels", 413),
    _case("png of 0 x 0", lambda: png_of(0, 0, b""), WHOLE.format("PNG") + "|at least 16", 422),
    _case("bmp of 40,000 x 40,000", lambda: bmp_of(40_000, 40_000), SIZE.format("40000"), 413),
    _case("bmp of negative width", lambda: bmp_of(-64, 64), SIZE.format("4294967232"), 413),
    _case("jpeg of 65,500 x 65,500", lambda: jpeg_header(65_500, 65_500), SIZE.format("65500"), 413),
    _case("webp of 16,384 x 16,384", lambda: webp_header(16_384, 16_384), SIZE.format("16384"), 413),
    _case("tiff tile bomb", tiff_tile_bomb, r"tile may have at most 25,000,000 .*30000 x 30000", 413),
    _case("jpeg scan bomb", jpeg_scan_bomb, r"at most 100 scans\. Received: one with more", 422),
    _case("png text bomb", text_bomb, WHOLE.format("PNG"), 422),
    _case("file over 20 MB", lambda: encoded(grey()) + bytes(21 * 2**20), r"at most 20 MB\.", 413, 12),
    _case("16-bit png", lambda: encoded(grey().astype(np.uint16) * 250), "stretched from", 200, 14),
    _case("float tiff", lambda: float_tiff(0.5), "stretched from", 200, 15, "slice.tif"),
    _case("float tiff with nan", lambda: float_tiff(np.nan), "finite number.*NaN or infinity", 422, 15),
    _case("float tiff with infinity", lambda: float_tiff(np.inf), "finite number", 422, 15),
    _case("rgba", lambda: mode("RGBA"), "", 200, 16),
    _case("palette", lambda: mode("P"), "", 200, 16),
    _case("palette too short", short_palette, "", 200, 16),
    _case("1 bit", lambda: mode("1"), "", 200, 16),
    _case("cmyk", lambda: mode("CMYK", "JPEG"), "", 200, 16, "slice.jpg"),
    _case("lab tiff", lambda: mode("LAB", "TIFF"), r"Received: a TIFF image of the colour mode LAB", 415,
          16),
    _case("turned by exif", rotated, "", 200, 17, "slice.jpg"),
    _case("animated gif", lambda: animated("GIF"), NOT_READ + "a GIF", 415, 18),
    _case("animated png", lambda: animated("PNG"), "still images. Received: an animated PNG", 415, 18),
    _case("animated webp", lambda: animated("WEBP"), "an animated WebP image", 415, 18),
    _case("tiff of many pages", lambda: animated("TIFF"), "several pages; the first", 200, 18,
          "slice.tif"),
    _case("1 x 1", lambda: encoded(grey()[:1, :1]), r"at least 16 pixels a side.*1 x 1", 422, 19),
    _case("600 x 20", lambda: encoded(np.tile(grey(), (1, 7))[:20, :600]), "6 times its shorter", 422,
          19),
    _case("black", lambda: encoded(np.zeros((64, 64), np.uint8)), FLAT, 422, 20),
    _case("photograph", photograph, "The picture is coloured; MRI slices are grey", 200, 21),
    _case("broken checksum", broken_crc, WHOLE.format("PNG"), 422),
    _case("signature alone", fixed(b"\x89PNG\r\n\x1a\n"), WHOLE.format("PNG"), 422),
    _case("jpeg start alone", fixed(b"\xff\xd8\xff\xe0"), WHOLE.format("JPEG"), 422),
    _case("heic", fixed(b"\x00\x00\x00\x18ftypheic" + bytes(16)), "ISO media container", 415),
    _case("numpy array", fixed(b"\x93NUMPY\x01\x00" + bytes(64)), NOT_READ + "a NumPy array", 415),
    _case("zip where one image is asked for", lambda: polyglot()[polyglot().index(b"PK\x03\x04") :],
          NOT_READ + "a zip archive|A zip holds at least one image", 415, 7),
    _case("hdf5 model", fixed(b"\x89HDF\r\n\x1a\n" + bytes(64)), NOT_READ + "an HDF5 file", 415, 45),
)  # fmt: skip
