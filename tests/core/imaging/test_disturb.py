import numpy as np
import pytest
from skimage.transform import rotate

from core.data.phantom import draw_phantom
from core.imaging.disturb import DISTURBED, HIDDEN_GREY, Disturbance, disturb, hidden_box
from core.types import Slice


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(1, size=96, lesion="glioma").slice


def test_nothing_asked_changes_nothing(phantom):
    assert disturb(phantom, Disturbance()) is phantom
    assert disturb(phantom, Disturbance(seed=9, hide_x=0.1)) is phantom


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": 5},
        {"shift_x": 0.1},
        {"shift_y": -0.1},
        {"contrast": 2},
        {"gamma": 0.5},
        {"blur": 1},
        {"noise": 0.1},
        {"hide_side": 0.2},
    ],
)
def test_every_disturbance_changes_the_pixels_keeps_the_shape_and_says_so(phantom, options):
    found = disturb(phantom, Disturbance(**options))
    assert found.shape == phantom.shape
    assert found.notes == (*phantom.notes, DISTURBED)
    assert found.sha256 != phantom.sha256
    assert disturb(phantom, Disturbance(**options)).sha256 == found.sha256


def test_a_rotation_agrees_with_scikit_image(phantom):
    found = disturb(phantom, Disturbance(rotation=30)).pixels
    expected = rotate(phantom.pixels, 30, order=1)
    assert np.abs(found - expected).mean() < 0.005
    quarter = disturb(phantom, Disturbance(rotation=90)).pixels
    np.testing.assert_allclose(quarter, np.rot90(phantom.pixels), atol=1e-4)


def test_a_shift_moves_right_and_down_and_fills_with_the_rim():
    pixels = np.full((20, 40), 0.2, np.float32)
    pixels[5, 10] = 1.0
    found = disturb(Slice(pixels), Disturbance(shift_x=0.25, shift_y=0.5)).pixels
    assert np.unravel_index(found.argmax(), found.shape) == (15, 20)
    np.testing.assert_allclose(found[:5], 0.2, atol=1e-6)


def test_contrast_stretches_around_the_mean_of_the_head_and_leaves_air_black():
    pixels = np.zeros((20, 20), np.float32)
    pixels[5:15, 5:10], pixels[5:15, 10:15] = 0.4, 0.6
    found = disturb(Slice(pixels), Disturbance(contrast=2)).pixels
    np.testing.assert_allclose(found[10, [7, 12]], [0.3, 0.7], atol=1e-6)
    assert found[0, 0] == 0
    flat = disturb(Slice(pixels), Disturbance(contrast=0.5)).pixels
    np.testing.assert_allclose(flat[10, [7, 12]], [0.45, 0.55], atol=1e-6)
    assert flat[0, 0] == 0


def test_gamma_is_an_exponent(phantom):
    found = disturb(phantom, Disturbance(gamma=2)).pixels
    np.testing.assert_allclose(found, phantom.pixels**2, atol=1e-6)


def test_noise_is_rician_and_depends_on_its_seed():
    black = Slice(np.zeros((200, 200), np.float32))
    found = disturb(black, Disturbance(noise=0.1, seed=1)).pixels
    # Where there is no signal, Rician noise is Rayleigh noise.
    assert found.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)
    other = disturb(black, Disturbance(noise=0.1, seed=2)).pixels
    assert not np.array_equal(found, other)


def test_blur_keeps_the_sum_and_lowers_the_peak():
    pixels = np.zeros((101, 101), np.float32)
    pixels[50, 50] = 1.0
    found = disturb(Slice(pixels), Disturbance(blur=3)).pixels
    assert found.sum() == pytest.approx(1.0, abs=1e-3)
    assert found[50, 50] == pytest.approx(1 / (2 * np.pi * 3.03**2), rel=0.02)


def test_the_square_hides_its_place_and_stops_at_the_edge():
    slice_ = Slice(np.zeros((40, 80), np.float32))
    found = disturb(slice_, Disturbance(hide_x=0.5, hide_y=0.25, hide_side=0.1)).pixels
    assert (found[6:14, 36:44] == HIDDEN_GREY).all()
    assert found.sum() == 64 * HIDDEN_GREY
    rows, columns = hidden_box((40, 80), Disturbance(hide_x=0, hide_y=1, hide_side=0.1))
    assert (rows.start, rows.stop, columns.start, columns.stop) == (36, 40, 0, 4)


@pytest.mark.parametrize(
    "options", [{"gamma": 0}, {"contrast": -1}, {"hide_side": 2}, {"rotation": float("nan")}]
)
def test_a_value_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} lies in .* Received:"):
        Disturbance(**options)
