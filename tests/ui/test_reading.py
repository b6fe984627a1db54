import numpy as np
import pytest

from core.types import Analysis, Explanation, Prediction
from ui.reading import percent, place, summary, why_not_accepted

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def head(size=90):
    pixels = np.zeros((size, size), np.float32)
    pixels[9:81, 9:81] = 0.5
    return pixels


def spot(row, column, size=90):
    cam = np.zeros((size, size), np.float32)
    cam[row - 3 : row + 4, column - 3 : column + 4] = 1.0
    return cam


def prediction(top=0.91, threshold=0.7, in_domain=None, others=()):
    rest = (1 - top) / 3
    probabilities = np.array([rest, top, rest, rest], np.float32)
    return Prediction(
        "cnn",
        LABELS,
        np.log(probabilities),
        probabilities,
        threshold,
        ("meningioma", *others),
        in_domain,
    )


def analysed(p, cam):
    return Analysis(p, {"meningioma": Explanation("meningioma", cam, "grad-cam", "last")})


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (20, 20, "the upper left"),
        (45, 45, "the centre"),
        (70, 45, "the lower middle"),
        (45, 70, "the right"),
        (20, 70, "the upper right"),
    ],
)
def test_place_names_the_part_of_the_head(row, column, words):
    assert place(spot(row, column), head()) == words


def test_two_spots_are_both_named_rather_than_their_middle():
    both = spot(20, 20) + spot(70, 70)
    assert place(both, head()) == "the upper left and the lower right"
    small = spot(70, 70)
    small[:70] = 0.0
    small[:, :70] = 0.0
    assert place(spot(20, 20) + small, head()) == "the upper left"


def test_place_is_relative_to_the_head_not_the_frame():
    pixels = np.zeros((90, 90), np.float32)
    pixels[:30, :30] = 0.5
    assert place(spot(25, 25), pixels) == "the lower right"


def test_place_of_an_even_and_of_an_empty_map():
    assert place(np.full((90, 90), 0.8, np.float32), head()) == "most of the head"
    assert place(np.zeros((90, 90), np.float32), head()) is None


def test_summary_of_an_accepted_answer():
    text = summary(analysed(prediction(), spot(20, 20)), head())
    assert text == (
        "The model leans to meningioma, 91 %, and looked mostly at the upper left of the picture."
    )


def test_summary_names_what_it_cannot_rule_out():
    text = summary(analysed(prediction(others=("glioma",)), spot(20, 20)), head())
    assert text.endswith("It can't rule out glioma.")


def test_summary_does_not_commit_below_the_threshold():
    unsure = prediction(0.48)
    assert summary(analysed(unsure, spot(20, 20)), head()).startswith(
        "The model does not commit. Its best guess is meningioma, 48 %"
    )
    assert why_not_accepted(unsure) == (
        "The best guess reaches 48 %, below the 70 % that an answer needs."
    )


def test_another_kind_of_picture_is_not_accepted_however_sure():
    foreign = prediction(0.99, in_domain=False)
    assert "doesn't look like the brain MRI" in why_not_accepted(foreign)
    assert why_not_accepted(prediction(0.99)) is None


def test_percent_never_overstates():
    assert percent(0.9999) == "over 99 %"
    assert percent(1.0) == "100 %"
    assert percent(0.0001) == "under 1 %"
    assert percent(0.0) == "0 %"
    assert percent(0.9321, 1) == "93.2 %"
