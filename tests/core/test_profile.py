import numpy as np
import pytest

from core import figures
from core.coverage import coverages, labels_within
from core.models.card import parse_card
from core.profile import along
from core.types import Prediction
from tests.pages.conftest import LABELS, card


def answer(*probabilities, labels=LABELS, in_domain=True):
    p = np.asarray(probabilities, np.float32)
    return Prediction("cnn", labels, np.log(p), p, 0.7, (), in_domain)


ANSWERS = {
    4: answer(0.1, 0.1, 0.7, 0.1),
    1: answer(0.6, 0.1, 0.2, 0.1),
    2: answer(0.2, 0.1, 0.1, 0.6, in_domain=False),
    3: answer(0.3, 0.3, 0.3, 0.1, in_domain=None),
}


def test_the_profile_is_in_order_and_knows_the_tumour():
    profile = along(ANSWERS)
    assert profile.positions.tolist() == [1, 2, 3, 4]
    assert profile.tumour == pytest.approx([0.8, 0.9, 0.7, 0.3], abs=1e-6)
    assert profile.judged.tolist() == [True, False, True, True]
    assert profile.at(4) == pytest.approx(dict(zip(LABELS, (0.1, 0.1, 0.7, 0.1), strict=True)))


def test_the_suspicious_slice_is_one_that_the_model_may_judge():
    assert along(ANSWERS).suspicious == 1
    assert along({2: ANSWERS[2]}).suspicious is None


def test_without_a_class_for_no_tumour_the_likeliest_type_counts():
    types = ("glioma", "pituitary")
    profile = along({0: answer(0.6, 0.4, labels=types), 1: answer(0.1, 0.9, labels=types)})
    assert profile.tumour == pytest.approx([0.6, 0.9])
    assert profile.suspicious == 1


def test_a_profile_needs_answers():
    with pytest.raises(ValueError, match="Received: none"):
        along({})
    with pytest.raises(KeyError):
        along(ANSWERS).at(0)


def test_the_figure_marks_the_suspicious_and_the_unknown_slices():
    figure = figures.probability_profile(along(ANSWERS), 6, current=3)
    assert [trace.name for trace in figure.data] == [
        "Glioma", "Meningioma", "No tumour", "Pituitary tumour",
    ]  # fmt: skip
    assert list(figure.data[0].x) == [2, 3, 4, 5]
    assert list(figure.data[2].y) == pytest.approx([0.2, 0.1, 0.3, 0.7])
    assert len({trace.line.dash for trace in figure.data}) == 4
    assert figure.layout.annotations[0].text == "▼ slice 2: tumour 80 %"
    grey, line = figure.layout.shapes
    assert (grey.x0, grey.x1) == (2.5, 3.5)
    assert line.x0 == line.x1 == 4


def test_an_empty_profile_says_so():
    figure = figures.probability_profile(None, 6)
    assert figure.layout.annotations[0].text == "No slice was predicted yet."


def test_grey_bars_have_one_colour():
    greyed = figures.probability_bars({"glioma": 0.6, "notumor": 0.4}, 0.7, greyed=True)
    coloured = figures.probability_bars({"glioma": 0.6, "notumor": 0.4}, 0.7)
    assert len(set(greyed.data[0].marker.color)) == 1
    assert len(set(coloured.data[0].marker.color)) == 2


def test_coverages_come_from_the_card_alone():
    assert coverages(None) == {}
    assert coverages(parse_card(card())) == {}
    raw = card() | {"conformal": {"0.95": 0.68, "0.90": 0.43, "2": 0.5}}
    assert coverages(parse_card(raw)) == {0.90: 0.43, 0.95: 0.68}


def test_a_wider_coverage_holds_more_labels():
    prediction = answer(0.5, 0.35, 0.1, 0.05)
    assert labels_within(prediction, 0.43) == ("glioma",)
    assert labels_within(prediction, 0.68) == ("glioma", "meningioma")
    assert labels_within(prediction, 0.95) == ("glioma", "meningioma", "notumor", "pituitary")
