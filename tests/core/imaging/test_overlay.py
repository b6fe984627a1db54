import cv2
import numpy as np
import pytest

from core.imaging.overlay import (
    COLOUR_MAPS,
    colour_table,
    isolines,
    outline,
    overlay,
    to_grey_rgb,
    to_png,
    wipe,
)


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


def test_lines_leave_the_anatomy_between_them_as_it_was(ramp):
    wide = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (20, 1))
    slice_ = np.full_like(wide, 0.4)
    lines = isolines(slice_, wide, colour_map="viridis")
    changed = (lines[5:15] != 102).any(axis=(0, 2))
    assert all(changed[column - 1 : column + 2].any() for column in (30, 50, 70, 90))
    assert not changed[[10, 40, 60, 80]].any()
    high = isolines(slice_, wide, threshold=0.6)
    assert not (high != 102).any(axis=(0, 2))[:69].any()
    assert (high != 102).any()


def test_lines_have_the_colour_of_their_value():
    cam = np.zeros((20, 20), np.float32)
    cam[5:15, 5:15] = 0.35
    lines = isolines(np.zeros_like(cam), cam, colour_map="viridis")
    np.testing.assert_array_equal(lines[5, 10], colour_table("viridis")[round(0.3 * 255)])
    np.testing.assert_array_equal(isolines(np.zeros_like(cam), cam, opacity=0.0), 0)


def test_lines_refuse_what_an_overlay_refuses(ramp):
    with pytest.raises(ValueError, match=r"of one shape\. Received: \(8, 8\) and \(4, 4\)"):
        isolines(ramp, ramp[:4, :4])
    with pytest.raises(ValueError, match=r"threshold lies in 0 to 1\. Received: 2"):
        isolines(ramp, ramp, threshold=2.0)


@pytest.mark.parametrize(("position", "left"), [(0.0, 0), (0.25, 10), (1.0, 40)])
def test_a_wipe_shows_the_first_picture_left_of_its_line(position, left):
    before, after = np.full((6, 40, 3), 50, np.uint8), np.full((6, 40, 3), 90, np.uint8)
    joined = wipe(before, after, position)
    assert (joined[:, : max(left - 1, 0)] == 50).all()
    assert (joined[:, left + 1 :] == 90).all()
    assert (joined == 255).any() == (0 < left < 40)
    assert (before == 50).all()
    assert (after == 90).all()


def test_a_wipe_refuses_other_shapes_and_places():
    one = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"of one shape\. Received: \(4, 4, 3\) and \(2, 4, 3\)"):
        wipe(one, one[:2], 0.5)
    with pytest.raises(ValueError, match=r"in 0 to 1\. Received: 1\.5"):
        wipe(one, one, 1.5)


def test_an_outline_marks_the_border_alone():
    picture, region = np.full((40, 40, 3), 128, np.uint8), np.zeros((40, 40), bool)
    region[10:30, 10:30] = True
    marked = outline(picture, region)
    assert (marked[10, 20] == 255).all()
    assert (marked[20, 20] == 128).all()
    assert (marked[2, 2] == 128).all()
    assert (picture == 128).all()
    with pytest.raises(ValueError, match=r"Received: \(8, 8\)"):
        outline(picture, region[:8, :8])
