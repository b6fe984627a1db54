import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_images

from core.imaging.colour import colourfulness, luma
from core.imaging.decode import decode_image
from core.imaging.quality import assess, measure
from core.types import Slice

DATA = Path(os.environ.get("GLIALENS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SOURCES = ("brain-tumor-mri", "figshare-1512427", "tcga-lgg", "br35h-external")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real MRI data are not present")


def head(seed: int = 0, side: int = 256) -> np.ndarray:
    """Draw something with a head's outline and texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = np.hypot(x / 0.68, y / 0.84)
    tissue = gaussian_filter(rng.normal(size=(side, side)), 3.0)
    picture = np.where(radius < 0.9, 0.45 + 0.9 * tissue / np.ptp(tissue), 0.02)
    picture[(radius > 0.9) & (radius < 1.0)] = 0.85
    return np.clip(picture + rng.normal(0, 0.01, picture.shape), 0, 1).astype(np.float32)


def text_page(ink: int, paper: int) -> np.ndarray:
    image = Image.new("L", (500, 600), paper)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(16)
    for line, top in enumerate(range(40, 560, 24)):
        draw.text((40, top), "the scan of a brain shows no change " * 2, fill=ink, font=font)
        draw.text((40, top), str(line), fill=ink, font=font)
    return np.asarray(image, np.float32) / 255


def screenshot(dark: bool) -> np.ndarray:
    paper, ink = (30, 230) if dark else (250, 20)
    image = Image.new("L", (1280, 800), paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1280, 40), fill=90)
    draw.rectangle((0, 40, 220, 800), fill=45 if dark else 235)
    for top in range(60, 780, 28):
        draw.text((12, top), "a menu entry", fill=ink)
    for left in (260, 600, 940):
        draw.rectangle((left, 120, left + 250, 400), fill=140, outline=ink)
        draw.text((left + 10, 130), "a panel with words", fill=ink)
    return np.asarray(image, np.float32) / 255


def noise(sigma: float) -> np.ndarray:
    field = np.random.default_rng(1).normal(size=(256, 256))
    field = gaussian_filter(field, sigma) if sigma else field
    return ((field - field.min()) / np.ptp(field)).astype(np.float32)


def flat_grey() -> np.ndarray:
    return np.clip(np.random.default_rng(2).normal(0.5, 0.004, (256, 256)), 0, 1)


def gradient() -> np.ndarray:
    return np.tile(np.linspace(0, 1, 256), (200, 1))


def checkers() -> np.ndarray:
    return (np.indices((256, 256)) // 16).sum(axis=0) % 2 * 1.0


def disc() -> np.ndarray:
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    return (np.hypot(x, y) < 0.7) * 0.8


def strips() -> np.ndarray:
    return (np.indices((256, 256))[1] // 20 % 2) * 1.0


OTHERS: dict[str, Callable[[], np.ndarray]] = {
    "dark text": lambda: text_page(0, 255),
    "light text": lambda: text_page(255, 0),
    "light screenshot": lambda: screenshot(False),
    "dark screenshot": lambda: screenshot(True),
    "white noise": lambda: noise(0),
    "fine noise": lambda: noise(2),
    "coarse noise": lambda: noise(15),
    "flat grey": flat_grey,
    "gradient": gradient,
    "checkers": checkers,
    "disc": disc,
    "strips": strips,
}


def as_slice(pixels: np.ndarray) -> Slice:
    return Slice(np.ascontiguousarray(pixels, np.float32))


@pytest.mark.parametrize("seed", range(5))
def test_a_head_passes_whichever_way_it_is_shown(seed):
    picture = head(seed)
    for shown in (picture, 1 - picture, np.rot90(picture), np.rot90(1 - picture, 2), picture.T):
        quality = assess(as_slice(shown))
        assert quality.ok, quality.reasons
        assert quality.reasons == ()


def test_a_frame_around_the_picture_does_not_matter():
    framed = head()
    framed[:3] = framed[-3:] = 1.0
    framed[:, :3] = framed[:, -3:] = 1.0
    assert assess(as_slice(framed)).ok


@pytest.mark.parametrize("kind", OTHERS)
def test_other_pictures_are_rejected_with_a_reason(kind):
    quality = assess(as_slice(OTHERS[kind]()))
    assert not quality.ok
    assert all(reason.endswith(".") for reason in quality.reasons)


def test_photographs_are_rejected():
    for photo in load_sample_images().images:
        slice_ = Slice(luma(photo), colourful=colourfulness(photo))
        assert "The picture is coloured; MRI slices are grey." in assess(slice_).reasons
        assert not assess(Slice(luma(photo))).ok


def test_an_almost_empty_picture_is_rejected():
    pixels = np.zeros((64, 64), np.float32)
    pixels[30, 30] = 1.0
    assert "No object of a head's size" in " ".join(assess(as_slice(pixels)).reasons)


def test_the_facts_of_a_known_shape():
    y, x = np.mgrid[:128, :128]
    inside = ((x - 63.5) / 40) ** 2 + ((y - 63.5) / 50) ** 2 < 1
    facts = measure(as_slice(inside * 0.8))
    assert facts["area"] == pytest.approx(np.pi * 40 * 50 / 128**2, rel=0.03)
    assert facts["ellipse"] > 0.97
    assert facts["solidity"] > 0.97
    assert facts["offset"] < 0.01
    assert facts["corners"] == facts["border"] == facts["whole"] == 1.0
    assert facts["flat"] > 0.8


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("source", SOURCES)
def test_real_slices_pass(source):
    files = sorted((DATA / source).rglob("*.jpg"))
    if not files:
        pytest.skip("this source is not present")
    chosen = random.Random(7).sample(files, min(100, len(files)))
    passed = [assess(decode_image(path.read_bytes(), path.name)).ok for path in chosen]
    assert np.mean(passed) >= 0.95
