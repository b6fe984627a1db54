from dataclasses import replace

import numpy as np
import pytest

from core.ensemble import ENSEMBLE
from core.reading import percent, percent_apart, place, read_plainly, why_not_accepted
from core.types import Analysis, Explanation, Prediction

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def head(size=90):
    pixels = np.zeros((size, size), np.float32)
    pixels[9:81, 9:81] = 0.5
    return pixels


def spot(row, column, size=90):
    cam = np.zeros((size, size), np.float32)
    cam[row - 3 : row + 4, column - 3 : column + 4] = 1.0
    return cam


def prediction(top=0.91, label="meningioma", others=(), in_domain=None, labels=LABELS):
    rest = (1 - top) / (len(labels) - 1)
    probabilities = np.full(len(labels), rest, np.float32)
    probabilities[labels.index(label)] = top
    return Prediction(
        "cnn", labels, np.log(probabilities), probabilities, 0.7, (label, *others), in_domain
    )


def analysed(answer, cam=None):
    cam = spot(20, 20) if cam is None else cam
    label = answer.predicted
    return Analysis(answer, {label: Explanation(label, cam, "grad-cam", "last")})


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


def test_place_is_relative_to_the_head_where_the_slice_is_known():
    pixels = np.zeros((90, 90), np.float32)
    pixels[:30, :30] = 0.5
    assert place(spot(25, 25), pixels) == "the lower right"
    assert place(spot(25, 25)) == "the upper left"


def test_place_of_an_even_an_empty_and_a_broken_map():
    assert place(np.full((90, 90), 0.8, np.float32), head()) == "most of the head"
    assert place(np.zeros((90, 90), np.float32), head()) is None
    assert place(np.full((90, 90), np.nan, np.float32)) is None


def test_a_black_slice_counts_as_a_head_over_the_whole_frame():
    assert place(spot(80, 80), np.zeros((90, 90), np.float32)) == "the lower right"


def test_an_accepted_answer_says_what_how_sure_and_where():
    assert read_plainly(analysed(prediction())) == (
        "The model leans to meningioma, 91 %, and looked mostly at the upper left of the picture."
    )


def test_a_sure_answer_is_still_the_models_not_a_diagnosis():
    text = read_plainly(analysed(prediction(0.98)))
    assert text.startswith("The model answers meningioma, 98 %")


def test_a_diffuse_map_is_called_so():
    even = np.full((90, 90), 0.8, np.float32)
    assert read_plainly(analysed(prediction(), even), head()).endswith(
        "and looked at most of the head rather than at one spot."
    )


def test_without_a_map_nothing_is_said_of_where():
    assert read_plainly(Analysis(prediction())) == "The model leans to meningioma, 91 %."


def test_the_rest_of_the_prediction_set_is_named_no_tumour_last():
    text = read_plainly(analysed(prediction(others=("notumor", "glioma", "pituitary"))))
    assert text.endswith("It can't rule out glioma, pituitary tumour or no tumour.")


def test_no_tumour_is_no_all_clear_and_points_nowhere():
    text = read_plainly(analysed(prediction(0.97, "notumor")))
    assert text == (
        "The model answers no tumour, 97 %. This is no all-clear: on one slice it looks for "
        "glioma, meningioma or pituitary tumour alone."
    )


@pytest.mark.parametrize("label", LABELS)
def test_what_is_not_accepted_is_a_guess(label):
    text = read_plainly(analysed(prediction(0.48, label)))
    assert text.startswith("The model does not commit. Its best guess is ")
    assert "leans" not in text
    assert "answers" not in text


@pytest.mark.parametrize("top", [0.48, 0.99])
def test_of_a_picture_of_another_kind_it_tells_what_the_network_computes(top):
    text = read_plainly(analysed(prediction(top, "glioma", ("notumor",), in_domain=False)))
    assert text == (
        f"For this picture the network computes glioma, {percent(top)}. That is no diagnosis: "
        "it computes something for any picture."
    )


@pytest.mark.parametrize("top", [0.48, 0.75, 0.99])
@pytest.mark.parametrize("label", LABELS)
def test_the_model_is_the_subject_and_the_patient_never_appears(top, label):
    text = read_plainly(analysed(prediction(top, label))).lower()
    assert text.startswith("the model ")
    for word in ("patient", "diagnos", "has a", "suffers", "healthy"):
        assert word not in text


def test_a_strangers_class_is_read_with_its_own_name():
    answer = prediction(0.8, "ependymoma_grade", labels=("ependymoma_grade", "notumor"))
    assert "leans to ependymoma grade, 80 %" in read_plainly(analysed(answer))


def test_the_reason_why_an_answer_is_not_accepted():
    assert why_not_accepted(prediction(0.48)) == (
        "The best guess reaches 48 %, below the 70 % that an answer needs."
    )
    assert why_not_accepted(prediction(0.6996)) == (
        "The best guess reaches 69.96 %, below the 70.00 % that an answer needs."
    )
    assert why_not_accepted(prediction(0.99, in_domain=False)) == (
        "The picture isn't like the brain MRI slices that this model learnt from, so its answer "
        "means nothing."
    )
    together = replace(prediction(0.99, in_domain=False), model=ENSEMBLE)
    assert "that each of the models learnt from" in why_not_accepted(together)
    assert why_not_accepted(prediction(0.99)) is None


def test_percentages_get_the_digits_that_tell_them_apart():
    assert percent_apart(0.48, 0.7) == ("48 %", "70 %")
    assert percent_apart(0.699, 0.7) == ("69.9 %", "70.0 %")
    assert percent_apart(0.7, 0.7) == ("70 %", "70 %")
    assert percent_apart(0.7 - 1e-9, 0.7) == ("70 %", "70 %")


def test_percent_never_overstates():
    assert percent(0.9999) == "over 99 %"
    assert percent(1.0) == "100 %"
    assert percent(0.0001) == "under 1 %"
    assert percent(0.0) == "0 %"
    assert percent(0.9321, 1) == "93.2 %"
