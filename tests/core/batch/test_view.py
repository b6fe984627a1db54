import numpy as np
import pytest

from core.batch.rows import Row
from core.batch.view import NO_ANSWER, NOT_READ, Wanted, outcome, select
from core.types import Prediction

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def row(file, said, confidence, label=None, in_domain=True):
    values = np.full(4, (1 - confidence) / 3, np.float32)
    values[LABELS.index(said)] = confidence
    answer = Prediction("cnn", LABELS, np.log(values), values, 0.7, in_domain=in_domain)
    return Row(file, 0, slices=1, label=label, prediction=answer)


ROWS = (
    row("a/One.png", "pituitary", 0.9, "glioma"),
    Row("broken.png", 1, error="A file is an image. Received: a text file."),
    row("two.png", "glioma", 0.5, "glioma"),
    row("photo.png", "glioma", 0.99, "glioma", in_domain=False),
    row("three.png", "glioma", 0.8),
)


def test_every_row_has_one_outcome():
    found = [outcome(each) for each in ROWS]
    assert found == ["pituitary", NOT_READ, "glioma", NO_ANSWER, "glioma"]


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (Wanted(), [0, 1, 2, 3, 4]),
        (Wanted(answers=["glioma"]), [2, 4]),
        (Wanted(answers=[NOT_READ, NO_ANSWER]), [1, 3]),
        (Wanted(accepted=True), [0, 4]),
        (Wanted(accepted=False), [1, 2, 3]),
        (Wanted(correct=True), [2]),
        (Wanted(correct=False), [0]),
        (Wanted(low=0.6), [0, 4]),
        (Wanted(high=0.85), [2, 4]),
        (Wanted(text=" ONE"), [0]),
        (Wanted(order="unsure"), [2, 4, 0, 1, 3]),
        (Wanted(order="sure"), [0, 4, 2, 1, 3]),
        (Wanted(order="answer"), [2, 4, 0, 3, 1]),
        (Wanted(accepted=True, answers=["glioma"], order="sure"), [4]),
    ],
)
def test_rows_are_kept_and_ordered_as_asked(wanted, positions):
    assert select(ROWS, wanted) == positions
