from dataclasses import replace

import numpy as np
import pytest

from core.ensemble import mean_prediction
from core.errors import ModelNotReadyError
from core.gate import WARNING
from core.types import Prediction

FIRST = Prediction(
    "cnn",
    ("glioma", "notumor"),
    np.zeros(2, np.float32),
    np.array([0.9, 0.1], np.float32),
    0.7,
    ("glioma",),
    True,
    ("a note",),
)


@pytest.mark.parametrize(
    ("domains", "together"),
    [
        ((True, True), True),
        ((True, False), False),
        ((None, False), False),
        ((True, None), None),
    ],
)
def test_one_model_that_knows_no_such_slice_is_enough(domains, together):
    predictions = [replace(FIRST, in_domain=domain) for domain in domains]
    assert mean_prediction(predictions).in_domain is together


def test_models_are_averaged_by_class_whatever_their_order():
    turned = replace(
        FIRST,
        model="vgg16",
        labels=("notumor", "glioma"),
        probabilities=np.array([0.5, 0.5], np.float32),
        warnings=("a note", "another"),
    )
    mean = mean_prediction([FIRST, turned])
    np.testing.assert_allclose(mean.probabilities, [0.7, 0.3], atol=1e-6)
    assert mean.predicted == "glioma"
    assert mean.warnings == ("a note", "another")


@pytest.mark.parametrize(
    ("strange", "said"),
    [
        ((), ("a note",)),
        (("cnn",), ("a note", "that cnn learnt from, so the mean of the models")),
        (("cnn", "vgg16"), ("a note", "that cnn, vgg16 learnt from, so the mean of the models")),
    ],
)
def test_the_models_that_find_a_slice_strange_are_named(strange, said):
    predictions = [
        replace(FIRST, model=name, warnings=(WARNING, "a note") if name in strange else ("a note",))
        for name in ("cnn", "vgg16")
    ]
    warnings = mean_prediction(predictions).warnings
    assert len(warnings) == len(said)
    assert all(part in warning for part, warning in zip(said, warnings, strict=True))


def test_other_classes_are_refused():
    other = replace(FIRST, model="mine", labels=("a", "b"))
    with pytest.raises(ModelNotReadyError, match="Received: cnn and mine, which differ"):
        mean_prediction([FIRST, other])


def test_no_model_is_refused():
    with pytest.raises(ModelNotReadyError, match=r"at least one ready model\. Received: none"):
        mean_prediction([])
