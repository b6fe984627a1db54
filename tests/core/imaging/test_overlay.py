import cv2
import numpy as np
import pytest

from core.imaging.overlay import COLOUR_MAPS, colour_table, overlay, to_grey_rgb, to_png


@pytest.fixture
def ramp():
    return np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)


def test_opacity_zero_is_the_slice_itself(ramp):
    np.testing.assert_array_equal(overlay(ramp, ramp, opacity=0.0), to_grey_rgb(ramp))


def test_full_opacity_at_the_maximum_is_the_top_colour(ramp):
    picture = overlay(ramp, np.ones_like(ramp), opacity=1.0, colour_map="viridis")
    assert (picture == colour_table("viridis")[255]).all()


def test_blend_by_hand():
    # Slice 0.2 is grey 51; half of opacity 0.8 at cam 0.5 paints 40 % of colour 128.
    picture = overlay(
        np.full((1, 1), 0.2, np.float32), np.full((1, 1), 0.5, np.float32), 0.8, "cividis"
    )
    expected = np.rint(51 * 0.6 + colour_table("cividis")[128].astype(float) * 0.4)
    np.testing.assert_array_equal(picture[0, 0], expected)


def test_nothing_is_painted_below_the_threshold(ramp):
    cam = np.full_like(ramp, 0.3)
    cam[4:, :] = 0.9
    picture = overlay(ramp, cam, opacity=1.0, threshold=0.5)
    np.testing.assert_array_equal(picture[:4], to_grey_rgb(ramp)[:4])
    assert (picture[4:] != to_grey_rgb(ramp)[4:]).any()


def test_contour_draws_white_on_the_rim_and_spares_the_far_corner():
    cam = np.zeros((40, 40), np.float32)
    cam[10:30, 10:30] = 1.0
    plain = np.zeros((40, 40), np.float32)
    picture = overlay(plain, cam, opacity=0.0, contour=True)
    assert (picture[10, 15] == 255).all()
    assert (picture[0, 0] == 0).all()
    assert (picture[20, 20] == 0).all()


def test_contour_follows_the_threshold():
    cam = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (101, 1))
    plain = np.zeros_like(cam)
    for threshold in (0.3, 0.8):
        picture = overlay(plain, cam, 0.0, threshold=threshold, contour=True)
        columns = np.flatnonzero((picture[50] == 255).all(axis=1))
        assert columns.min() == round(threshold * 100)


def test_nan_in_the_map_counts_as_nothing(ramp):
    cam = np.full_like(ramp, np.nan)
    np.testing.assert_array_equal(overlay(ramp, cam, 1.0), to_grey_rgb(ramp))


@pytest.mark.parametrize("name", [n for n in COLOUR_MAPS if n != "turbo"])
def test_safe_colour_maps_grow_brighter_all_the_way(name):
    luminance = colour_table(name).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(np.convolve(luminance, np.ones(8) / 8, "valid")) > 0).all()


def test_wrong_arguments_are_named(ramp):
    with pytest.raises(ValueError, match=r"of one shape\. Received: \(8, 8\) and \(4, 4\)"):
        overlay(ramp, ramp[:4, :4])
    with pytest.raises(ValueError, match=r"opacity lies in 0 to 1\. Received: 1\.5"):
        overlay(ramp, ramp, opacity=1.5)
    with pytest.raises(ValueError, match=r"threshold lies in 0 to 1"):
        overlay(ramp, ramp, threshold=-0.1)
    with pytest.raises(ValueError, match=r"one of viridis.*Received: 'jet'"):
        overlay(ramp, ramp, colour_map="jet")


def test_png_keeps_the_colours(ramp):
    picture = overlay(ramp, ramp, 0.9, "turbo")
    decoded = cv2.imdecode(np.frombuffer(to_png(picture), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[:, :, ::-1], picture)
    with pytest.raises(ValueError, match=r"uint8 of shape \(H, W, 3\)"):
        to_png(picture.astype(np.float32))
