"""Pictures that are no brain MRI: real ones that installed packages carry, and drawn ones.

Nothing is downloaded. Real pictures come from the wheels of scikit-image, scikit-learn and
pydicom; each is varied by crops, mirroring and gamma, so that a kind holds as many pictures as
another. Drawn ones are drawn anew from a seed.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from core.errors import InputError
from core.imaging.decode import decode_image
from core.imaging.inputs import read_path
from core.types import FloatArray, Slice

Draw = Callable[[np.random.Generator], npt.NDArray[np.floating]]
SIDE: Final = 256

# Kind: files below the data folders of scikit-image (s), scikit-learn (l) and pydicom (d).
REAL: Final[dict[str, tuple[str, ...]]] = {
    "photographs": (
        "l/china.jpg", "l/flower.jpg", "s/astronaut.png", "s/camera.png", "s/chelsea.png",
        "s/coffee.png", "s/rocket.jpg", "s/motorcycle_left.png", "s/horse.png", "s/coins.png",
    ),
    "textures": ("s/brick.png", "s/grass.png", "s/gravel.png"),
    "space": ("s/hubble_deep_field.jpg", "s/moon.png"),
    "printed pages": ("s/page.png", "s/text.png"),
    "microscopy": ("s/cell.png", "s/ihc.png", "s/microaneurysms.png"),
    "eye (fundus)": ("s/retina.jpg",),
    "CT": ("d/CT_small.dcm", "d/693_J2KI.dcm"),
    "CT of the head": ("d/J2K_pixelrep_mismatch.dcm",),
    "MRI of the abdomen": ("d/examples_overlay.dcm", "d/MR_small.dcm"),
    "ultrasound": ("d/examples_rgb_color.dcm", "d/examples_jpeg2k.dcm", "d/examples_palette.dcm"),
    "bone scan": ("d/JPEG2000.dcm",),
}  # fmt: skip


def _file(name: str) -> Path | None:
    from importlib.util import find_spec

    where = {"s": ("skimage", "data"), "l": ("sklearn", "datasets/images"),
             "d": ("pydicom", "data/test_files")}  # fmt: skip
    key, file = name.split("/")
    spec = find_spec(where[key][0])
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / where[key][1] / file
    return path if path.is_file() else None


def _originals(names: tuple[str, ...]) -> list[Slice]:
    """Decode what is installed, coloured pictures once more as grey ones."""
    slices = []
    for name in names:
        path = _file(name)
        if path is None:
            continue
        try:
            read = read_path(path)[:1]
        except InputError:
            continue
        slices += read
        slices += [Slice(s.pixels, s.name) for s in read if s.colourful > 0]
    return slices


def _vary(slice_: Slice, rng: np.random.Generator) -> Slice:
    pixels = slice_.pixels
    share = rng.uniform(0.6, 1.0)
    height, width = (max(int(share * n), 8) for n in pixels.shape)
    top, left = (
        int(rng.integers(0, n - m + 1)) for n, m in zip(pixels.shape, (height, width), strict=True)
    )
    cut = pixels[top : top + height, left : left + width]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    cut = np.clip(cut, 0, 1) ** rng.uniform(0.7, 1.4)
    return Slice(np.ascontiguousarray(cut, np.float32), slice_.name, colourful=slice_.colourful)


def _noise(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    kind, sigma = rng.integers(3), float(rng.choice([0.0, 0.0, 1.5, 4.0, 12.0]))
    if kind == 0:
        field = rng.normal(size=(SIDE, SIDE))
    elif kind == 1:
        field = rng.random((SIDE, SIDE))
    else:
        field = (rng.random((SIDE, SIDE)) < rng.uniform(0.02, 0.5)).astype(float)
    field = gaussian_filter(field, sigma) if sigma else field
    return (field - field.min()) / max(np.ptp(field), 1e-9)


def _flat(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    level, slope = rng.uniform(0.1, 0.9), rng.choice([0.0, 0.0, 0.3])
    ramp = np.linspace(-slope, slope, SIDE)[None, :] + np.zeros((SIDE, 1))
    return level + ramp + rng.normal(0, rng.choice([0.002, 0.01]), ramp.shape)


def _font(rng: np.random.Generator) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(int(rng.integers(10, 26)))


def _text(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    paper, ink = (250, 20) if rng.random() < 0.6 else (15, 235)
    image = Image.new("L", (480, 620), paper)
    draw, font = ImageDraw.Draw(image), _font(rng)
    words = ("findings", "the", "patient", "was", "seen", "on", "with", "no", "change", "since")
    for top in range(int(rng.integers(20, 80)), 580, int(rng.integers(18, 40))):
        line = " ".join(rng.choice(words, int(rng.integers(3, 14))))
        draw.text((int(rng.integers(20, 60)), top), line, fill=ink, font=font)
    return np.asarray(image, np.float32) / 255


def _screen(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    dark = rng.random() < 0.5
    paper, ink, panel = (30, 225, 55) if dark else (250, 25, 232)
    image = Image.new("L", (960, 600), paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 960, 36), fill=90)
    draw.rectangle((0, 36, int(rng.integers(120, 240)), 600), fill=panel)
    for top in range(50, 580, int(rng.integers(20, 40))):
        draw.text((10, top), "a menu entry", fill=ink)
    for left in range(260, 900, int(rng.integers(180, 340))):
        grey = int(rng.integers(60, 200))
        draw.rectangle((left, 90, left + 150, int(rng.integers(200, 500))), fill=grey, outline=ink)
        draw.text((left + 8, 100), "a panel", fill=ink, font=_font(rng))
    return np.asarray(image, np.float32) / 255


def _grid() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return y, x


def _tissue(rng: np.random.Generator, sigma: float = 3.0) -> npt.NDArray[np.floating]:
    field = gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma)
    return field / np.abs(field).max()


def _blob(
    y: npt.NDArray[np.floating], x: npt.NDArray[np.floating],
    centre: tuple[float, float], radii: tuple[float, float],
) -> npt.NDArray[np.floating]:  # fmt: skip
    radius = np.hypot((y - centre[0]) / radii[0], (x - centre[1]) / radii[1])
    return np.clip((1.0 - radius) / 0.06, 0, 1)


def _chest(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Draw lungs, spine, heart and ribs, as on an X-ray."""
    y, x = _grid()
    picture = 0.55 + 0.1 * _tissue(rng, 12) - 0.1 * np.abs(x)
    for side in (-1, 1):
        picture -= 0.4 * _blob(y, x, (-0.05, side * 0.42), (rng.uniform(0.6, 0.75), 0.3))
    picture += 0.3 * np.exp(-((x / 0.09) ** 2))
    picture += 0.25 * _blob(y, x, (0.25, 0.12), (0.35, rng.uniform(0.25, 0.35)))
    for rib in np.arange(-0.7, 0.6, 0.14):
        bend = rib + 0.25 * np.abs(x) ** 1.5
        picture += 0.1 * np.exp(-(((y - bend) / 0.025) ** 2)) * (np.abs(x) < 0.75)
    return picture + rng.normal(0, 0.01, picture.shape)


def _hand(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Draw a hand's bones on black, as on an X-ray."""
    image = Image.new("L", (SIDE, SIDE), int(rng.integers(4, 20)))
    draw = ImageDraw.Draw(image)
    base = (SIDE / 2 + rng.uniform(-10, 10), SIDE * 0.68)
    draw.ellipse((base[0] - 50, base[1] - 45, base[0] + 50, base[1] + 70), fill=95)
    for turn in np.deg2rad([-60, -22, -7, 8, 24]) + rng.uniform(-0.06, 0.06, 5):
        tip = (base[0] + 150 * np.sin(turn), base[1] - 150 * np.cos(turn))
        draw.line((*base, *tip), fill=90, width=26)
        draw.line((*base, *tip), fill=190, width=11)
        for joint in (0.45, 0.65, 0.85):
            at = [a + joint * (b - a) for a, b in zip(base, tip, strict=True)]
            draw.ellipse((at[0] - 7, at[1] - 4, at[0] + 7, at[1] + 4), fill=70)
    return gaussian_filter(np.asarray(image, np.float32) / 255, 1) + rng.normal(
        0, 0.01, (SIDE, SIDE)
    )


def _knee(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Draw a knee from the side, as on MRI."""
    y, x = _grid()
    width = rng.uniform(0.5, 0.62)
    picture = 0.35 * np.clip((width - np.abs(x + 0.1 * y)) / 0.08, 0, 1)
    picture += 0.35 * _blob(y, x, (-0.42, 0.02), (0.55, 0.3))
    picture += 0.35 * _blob(y, x, (0.55, 0.0), (0.52, 0.28))
    picture += 0.35 * _blob(y, x, (-0.15, -0.4), (0.2, 0.1))
    picture -= 0.35 * np.exp(-(((y - 0.08) / 0.04) ** 2)) * (np.abs(x) < 0.35)
    return np.clip(picture * (1 + 0.25 * _tissue(rng)), 0, 1) + rng.normal(0, 0.01, y.shape)


def _trunk(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Draw a slice of the trunk with fat, liver, kidneys and spine, as on CT."""
    y, x = _grid()
    wide = rng.uniform(0.85, 0.95)
    picture = 0.25 * _blob(y, x, (0, 0), (0.62, wide)) + 0.25 * _blob(
        y, x, (0, 0), (0.55, wide - 0.1)
    )
    picture += 0.15 * _blob(y, x, (-0.1, -0.38), (0.35, 0.34))
    for side in (-1, 1):
        picture += 0.2 * _blob(y, x, (0.2, side * 0.4), (0.14, 0.1))
    picture += 0.4 * _blob(y, x, (0.32, 0), (0.12, 0.14))
    picture -= 0.35 * _blob(y, x, (-0.25, rng.uniform(0.2, 0.4)), (0.12, 0.16))
    return np.clip(picture + 0.04 * _tissue(rng, 2), 0, 1)


def _head_ct(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Draw a head as on CT: a thick white skull around almost even grey."""
    y, x = _grid()
    tall, wide = rng.uniform(0.75, 0.9), rng.uniform(0.6, 0.72)
    skull = _blob(y, x, (0, 0), (tall, wide))
    brain = _blob(y, x, (0, 0), (tall - 0.11, wide - 0.11))
    picture = skull * (1 - brain) + brain * (0.42 + 0.02 * _tissue(rng, 4))
    for side in (-1, 1):
        picture -= 0.15 * _blob(y, x, (0.0, side * 0.08), (0.22, 0.05))
    return np.clip(picture, 0, 1) + rng.normal(0, 0.006, y.shape)


def _drawing(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    image = Image.new("L", (SIDE, SIDE), int(rng.integers(0, 40)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 6))):
        a, b = np.sort(rng.integers(20, SIDE - 20, (2, 2)), axis=0)
        shape = (int(a[0]), int(a[1]), int(b[0]) + 2, int(b[1]) + 2)
        grey = int(rng.integers(90, 256))
        (draw.ellipse if rng.random() < 0.6 else draw.rectangle)(shape, fill=grey)
    return np.asarray(image, np.float32) / 255


def _fruit(rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Draw an oval with a head's texture and no anatomy: the hardest thing to tell by shape."""
    y, x = _grid()
    oval = _blob(y, x, (0, 0), (rng.uniform(0.7, 0.9), rng.uniform(0.6, 0.75)))
    return oval * (0.5 + 0.45 * _tissue(rng, float(rng.uniform(2, 6)))) + rng.normal(
        0, 0.01, y.shape
    )


DRAWN: Final[dict[str, Draw]] = {
    "noise (drawn)": _noise,
    "flat grey (drawn)": _flat,
    "text pages (drawn)": _text,
    "screenshots (drawn)": _screen,
    "chest X-ray (drawn)": _chest,
    "hand X-ray (drawn)": _hand,
    "knee MRI (drawn)": _knee,
    "trunk CT (drawn)": _trunk,
    "head CT (drawn)": _head_ct,
    "shapes (drawn)": _drawing,
    "textured ovals (drawn)": _fruit,
}


def other_images(count: int = 40, seed: int = 0) -> Iterator[tuple[str, list[Slice]]]:
    """Yield every kind with its pictures.

    Args:
        count: Pictures of each kind; a real kind also holds its originals uncut.
        seed: Seed of drawings and variations.

    Yields:
        The kind's name and its decoded pictures; kinds whose package isn't installed are left
        out.
    """
    for number, (kind, names) in enumerate(REAL.items()):
        rng = np.random.default_rng((seed, number))
        originals = _originals(names)
        if originals:
            more = max(count - len(originals), 0)
            picked = [originals[i % len(originals)] for i in range(more)]
            yield kind, originals + [_vary(s, rng) for s in picked]
    for number, (kind, draw) in enumerate(DRAWN.items()):
        rng = np.random.default_rng((seed, 100 + number))
        yield kind, [_as_slice(draw(rng), kind) for _ in range(count)]


def _as_slice(pixels: npt.NDArray[np.floating], kind: str) -> Slice:
    """Take a drawing through PNG and the decoder, as an upload would go."""
    data = io.BytesIO()
    grey: FloatArray = np.clip(pixels, 0, 1).astype(np.float32)
    Image.fromarray(np.rint(grey * 255).astype(np.uint8)).save(data, "PNG")
    return decode_image(data.getvalue(), f"{kind}.png")
