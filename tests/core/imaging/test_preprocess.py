import numpy as np
import pytest

from core.imaging.preprocess import head_box, prepare, preprocess, standardise
from core.types import Slice


def head_on_black(height=120, width=160, top=20, left=50, side=60):
    pixels = np.zeros((height, width), np.float32)
    pixels[top : top + side, left : left + side] = 0.6
    pixels[top + 20 : top + 40, left + 20 : left + 40] = 0.9
    return pixels


def test_head_box_surrounds_the_bright_region_with_a_small_margin():
    top, left, bottom, right = head_box(head_on_black())
    assert 12 <= top <= 20
    assert 42 <= left <= 50
    assert 80 <= bottom <= 88
    assert 110 <= right <= 118


def test_head_box_ignores_a_scale_bar_and_noise():
    pixels = head_on_black()
    pixels[110, 10:150] = 1.0
    rng = np.random.default_rng(0)
    noisy = np.clip(pixels + rng.normal(0, 0.01, pixels.shape), 0, 1).astype(np.float32)
    assert head_box(noisy)[2] <= 90


def test_head_box_takes_the_whole_slice_where_nothing_stands_out():
    assert head_box(np.full((40, 50), 0.5, np.float32)) == (0, 0, 40, 50)


def test_prepare_keeps_the_aspect_ratio():
    pixels = np.zeros((200, 200), np.float32)
    pixels[20:180, 60:140] = 0.7
    image, _ = prepare(pixels, 64)
    rows, columns = np.nonzero(image > 90)
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx(2.0, rel=0.1)
    assert image.dtype == np.uint8
    assert image.shape == (64, 64)


def test_a_box_moves_with_the_pixels_it_bounds():
    pixels = head_on_black()
    pixels[30:40, 70:90] = 1.0
    image, geometry = prepare(pixels, 96)
    x, y, width, height = geometry.box_to_input((80 / 160, 35 / 120, 20 / 160, 10 / 120))
    rows, columns = np.nonzero(image > 245)
    assert columns.mean() / 96 == pytest.approx(x, abs=0.02)
    assert rows.mean() / 96 == pytest.approx(y, abs=0.02)
    assert np.ptp(columns) / 96 == pytest.approx(width, abs=0.03)
    assert np.ptp(rows) / 96 == pytest.approx(height, abs=0.03)


def test_a_map_returns_to_where_its_pixels_came_from():
    pixels = head_on_black()
    image, geometry = prepare(pixels, 64)
    back = geometry.map_to_slice((image > 200).astype(np.float32))
    assert back.shape == pixels.shape
    rows, columns = np.nonzero(back > 0.5)
    assert rows.mean() == pytest.approx(49.5, abs=1.5)
    assert columns.mean() == pytest.approx(79.5, abs=1.5)


def test_standardise_gives_each_slice_mean_0_and_deviation_1():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 255, (3, 20, 20)).astype(np.uint8)
    images[2] //= 4
    out = standardise(images)
    np.testing.assert_allclose(out.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=(1, 2)), 1, atol=1e-4)
    assert out.dtype == np.float32


def test_standardise_turns_a_flat_slice_into_zeros():
    assert not standardise(np.full((1, 8, 8), 77, np.uint8)).any()


def test_brightness_and_contrast_do_not_change_the_model_input():
    pixels = head_on_black()
    first, _ = preprocess(Slice(pixels), 48)
    second, _ = preprocess(Slice((pixels * 0.5).astype(np.float32)), 48)
    assert first.shape == (48, 48, 1)
    np.testing.assert_allclose(first, second, atol=0.03)


def test_training_and_inference_see_the_same_numbers():
    """The training pool keeps `prepare`'s uint8; inference must not see anything else."""
    pixels = head_on_black()
    inference, _ = preprocess(Slice(pixels), 48)
    training = standardise(np.stack([prepare(pixels, 48)[0]]))[0]
    np.testing.assert_array_equal(inference[..., 0], training)
