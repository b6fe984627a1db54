import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.inference import load_folder
from core.uncertainty import Spread, disturbed, spread

LABELS = ("glioma", "notumor")


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return load_folder(tiny_weights / "cnn")


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(2, size=80, lesion="pituitary").slice


def test_the_first_answer_is_the_slices_own(predictor, phantom):
    found = spread(phantom, predictor, copies=5)
    own = predictor.predict([phantom])[0]
    assert found.probabilities.shape == (6, 4)
    np.testing.assert_allclose(found.probabilities[0], own.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)


def test_one_batch_asks_the_model_once(predictor, phantom, monkeypatch):
    calls = []
    logits = predictor.logits
    monkeypatch.setattr(
        predictor, "logits", lambda images: calls.append(len(images)) or logits(images)
    )
    spread(phantom, predictor, copies=7)
    assert calls == [8]


def test_the_seed_fixes_the_spread(predictor, phantom):
    once, again = spread(phantom, predictor, seed=1), spread(phantom, predictor, seed=1)
    np.testing.assert_array_equal(once.probabilities, again.probabilities)
    other = spread(phantom, predictor, seed=2)
    assert not np.array_equal(once.probabilities, other.probabilities)


def test_low_high_and_deviation_are_those_of_the_copies():
    values = np.stack([np.linspace(0, 1, 101), np.linspace(1, 0, 101)], axis=1)
    found = Spread(LABELS, values.astype(np.float32))
    np.testing.assert_allclose(found.low, [0.05, 0.05], atol=1e-6)
    np.testing.assert_allclose(found.high, [0.95, 0.95], atol=1e-6)
    np.testing.assert_allclose(found.deviation, values.std(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("others", "agreement", "words"),
    [
        ([0.9] * 10, 1.0, "The answer is stable: 10 of 10"),
        ([0.9] * 5 + [0.1] * 5, 0.5, "The answer is not stable: only 5 of 10"),
    ],
)
def test_agreement_counts_the_copies_with_the_same_answer(others, agreement, words):
    first = np.array([0.8, *others], np.float32)
    found = Spread(LABELS, np.stack([first, 1 - first], axis=1))
    assert found.agreement == pytest.approx(agreement)
    assert words in found.sentence
    record = found.to_dict()
    assert record["copies"] == 10
    assert set(record["classes"]["glioma"]) == {"low", "high", "deviation"}


def test_the_copies_differ_a_little_and_every_other_is_mirrored():
    image = np.zeros((64, 64), np.uint8)
    image[16:48, 10:30] = 200
    copies = disturbed(image, 6)
    assert copies.shape == (6, 64, 64)
    assert copies.dtype == np.uint8
    for number, copy in enumerate(copies):
        shown = image[:, ::-1] if number % 2 == 0 else image
        assert np.corrcoef(copy.ravel(), shown.ravel())[0, 1] > 0.85
        assert not np.array_equal(copy, shown)


def test_the_corners_keep_the_background():
    image = np.full((32, 32), 240, np.uint8)
    image[8:24, 8:24] = 10
    corners = disturbed(image, 4)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners > 225).all()


def test_no_copies_are_refused(predictor, phantom):
    with pytest.raises(ValueError, match=r"at least one copy\. Received: 0"):
        spread(phantom, predictor, copies=0)
