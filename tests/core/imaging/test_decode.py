import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from core.errors import (
    GliaLensError,
    NotAssessableError,
    TooLargeError,
    UnreadableError,
    UnsupportedTypeError,
)
from core.imaging.decode import decode_image
from core.imaging.limits import Limits


def encode(image: Image.Image, format_: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def ramp(height: int = 24, width: int = 32) -> np.ndarray:
    return (np.arange(height * width) % 251).reshape(height, width).astype(np.uint8)


def grey_image() -> Image.Image:
    return Image.fromarray(ramp())


def colours() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(10_000_000), 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("format_", "options"),
    [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_8_bit_grey_is_exactly_value_over_255(format_, options):
    slice_ = decode_image(encode(grey_image(), format_, **options))
    np.testing.assert_array_equal(slice_.pixels, ramp().astype(np.float32) / np.float32(255))
    assert slice_.pixels.dtype == np.float32
    assert slice_.colourful == 0.0
    assert slice_.notes == ()


def test_grey_stored_as_rgb_is_the_same_slice():
    plain = decode_image(encode(grey_image()))
    doubled = decode_image(encode(grey_image().convert("RGB")))
    assert doubled.sha256 == plain.sha256
    assert doubled.colourful == 0.0


@pytest.mark.parametrize(("format_", "quality"), [("JPEG", 95), ("WEBP", 95)])
def test_lossy_formats_come_close(format_, quality):
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    slice_ = decode_image(encode(Image.fromarray(smooth), format_, quality=quality))
    assert slice_.shape == (48, 64)
    assert np.abs(slice_.pixels - smooth / 255).max() < 0.03


def test_colour_becomes_bt601_luma():
    rgb = colours()
    slice_ = decode_image(encode(Image.fromarray(rgb)))
    luma = rgb @ np.array([0.299, 0.587, 0.114]) / 255
    assert np.abs(slice_.pixels - luma).max() < 0.6 / 255
    assert slice_.colourful > 0.3


def test_transparency_is_composited_on_black():
    rgba = np.full((16, 16, 4), 255, np.uint8)
    rgba[:, 8:, 3] = 0
    rgba[:, 4:8, 3] = 128
    expected = np.repeat([[1.0, 128 / 255, 0.0]], 16, 0).repeat([4, 4, 8], 1)
    for image in (Image.fromarray(rgba), Image.fromarray(rgba).convert("LA")):
        np.testing.assert_allclose(decode_image(encode(image)).pixels, expected, atol=0.003)


def test_a_transparent_palette_colour_is_black():
    image = grey_image().convert("P")
    pixels = decode_image(encode(image, transparency=7)).pixels
    expected = np.asarray(image.convert("L"), np.float32) / 255
    expected[np.asarray(image) == 7] = 0.0
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


def test_palette_bilevel_and_cmyk_are_read():
    palette = decode_image(encode(Image.fromarray(colours()).quantize(32)))
    assert palette.shape == (24, 32)
    bilevel = decode_image(encode(grey_image().convert("1")))
    assert set(np.unique(bilevel.pixels)) == {0.0, 1.0}
    rgb = grey_image().resize((64, 64)).convert("RGB")
    cmyk = decode_image(encode(rgb.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk.pixels - np.asarray(rgb.convert("L")) / 255).mean() < 0.05


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bit_is_stretched_and_never_clipped(format_):
    values = np.arange(1000, 1000 + 24 * 32 * 4, 4, dtype=np.uint16).reshape(24, 32)
    slice_ = decode_image(encode(Image.fromarray(values), format_))
    expected = (values - 1000.0) / (values.max() - 1000.0)
    np.testing.assert_allclose(slice_.pixels, expected, atol=1e-6)
    assert len(np.unique(slice_.pixels)) == values.size
    assert "stretched" in slice_.notes[0]


def test_16_bit_tiff_where_white_is_zero_is_inverted():
    values = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    data = encode(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    pixels = decode_image(data).pixels
    assert pixels[0, 0] == 1.0
    assert pixels[-1, -1] == 0.0


def test_float_tiff_is_read_and_nan_is_refused():
    values = np.linspace(-3.5, 12.0, 24 * 32, dtype=np.float32).reshape(24, 32)
    pixels = decode_image(encode(Image.fromarray(values), "TIFF")).pixels
    np.testing.assert_allclose(pixels, (values + 3.5) / 15.5, atol=1e-6)
    values[3, 3] = np.nan
    with pytest.raises(UnreadableError, match="NaN or infinity"):
        decode_image(encode(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(format_):
    upright = np.zeros((48, 32), np.uint8)
    upright[:16] = 255
    stored = Image.fromarray(np.rot90(upright, 1).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    slice_ = decode_image(encode(stored, format_, exif=exif))
    assert slice_.shape == (48, 32)
    assert slice_.pixels[:12].mean() > 0.95
    assert slice_.pixels[20:].mean() < 0.05


def test_a_wrong_extension_is_noted():
    slice_ = decode_image(encode(grey_image()), "scan.jpg")
    assert slice_.notes == ("The name ends in .jpg, but the content is a PNG image.",)
    assert decode_image(encode(grey_image()), "scan.PNG").notes == ()
    assert decode_image(encode(grey_image()), "scan").notes == ()


def test_the_name_is_made_safe():
    name = decode_image(encode(grey_image()), "../../<x>.png").name
    assert not set(name) & set("/<>")


def test_many_pages_give_the_first_and_a_note():
    data = encode(grey_image(), "TIFF", save_all=True, append_images=[Image.new("L", (32, 24))])
    slice_ = decode_image(data)
    np.testing.assert_array_equal(slice_.pixels, ramp() / np.float32(255))
    assert "several pages" in slice_.notes[0]


def test_the_same_bytes_give_the_same_slice():
    data = encode(Image.fromarray(colours()), "JPEG")
    assert decode_image(data).sha256 == decode_image(data).sha256


def test_nothing_is_unreadable():
    with pytest.raises(UnreadableError, match="0 bytes"):
        decode_image(b"")


@pytest.mark.parametrize(
    ("data", "received"),
    [
        (b"just words", "a text file"),
        (b"\x7fELF\x02", "a Linux program"),
        (b"MZ\x90", "a Windows program"),
        (b"<svg></svg>", "an SVG drawing"),
        (b"%PDF-1.4", "a PDF document"),
        (b"<html></html>", "an HTML page"),
        (b"PK\x03\x04", "a zip archive"),
        (encode(Image.new("L", (20, 20)), "GIF"), "a GIF"),
    ],
)
def test_other_types_are_refused(data, received):
    with pytest.raises(UnsupportedTypeError, match=f"Received: {received}"):
        decode_image(data, "scan.png")


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_animations_are_refused(format_):
    frames = [Image.fromarray(np.roll(ramp(), step)) for step in range(3)]
    data = encode(frames[0], format_, save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(UnsupportedTypeError, match="Received: an animated"):
        decode_image(data)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_truncated_file_never_becomes_another_picture(format_):
    data = encode(grey_image(), format_)
    whole = decode_image(data)
    refused = 0
    for length in range(1, len(data)):
        try:
            part = decode_image(data[:length])
        except GliaLensError:
            refused += 1
        else:
            assert part.sha256 == whole.sha256
    assert refused >= 0.75 * (len(data) - 1)
    with pytest.raises(UnreadableError, match="truncated or damaged"):
        decode_image(data[: len(data) // 2])


def test_a_png_bomb_is_refused_from_its_header():
    data = png_header(50_000, 50_000)
    tracemalloc.start()
    with pytest.raises(TooLargeError, match=r"Received: 50000 x 50000, 2,500,000,000 pixels"):
        decode_image(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("side", [9000, 12_000, 20_000])
def test_large_headers_are_refused(side):
    with pytest.raises(TooLargeError, match="at most 25,000,000 pixels"):
        decode_image(png_header(side, side))


def test_a_webp_is_measured_before_its_canvas_exists():
    data = bytearray(encode(Image.fromarray(colours()), "WEBP", lossless=True))
    data[21:25] = (0x3FFF | 0x3FFF << 14).to_bytes(4, "little")
    with pytest.raises(TooLargeError, match="16384 x 16384"):
        decode_image(bytes(data))


def test_too_many_bytes_are_refused_first():
    with pytest.raises(TooLargeError, match=r"at most 0\.0009766 MB"):
        decode_image(bytes(2000), limits=Limits(max_bytes=1024))


@pytest.mark.parametrize("size", [(1, 1), (15, 40), (40, 15)])
def test_tiny_images_are_not_assessable(size):
    with pytest.raises(NotAssessableError, match=f"Received: {size[0]} x {size[1]}"):
        decode_image(encode(Image.new("L", size)))


def test_extreme_shapes_are_not_assessable():
    with pytest.raises(NotAssessableError, match="at most 6 times"):
        decode_image(encode(Image.new("L", (200, 32))))


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_one_value_is_not_assessable(mode):
    with pytest.raises(NotAssessableError, match="every pixel is the same"):
        decode_image(encode(Image.new(mode, (32, 32), 7 if mode != "RGB" else (7, 9, 11))))
