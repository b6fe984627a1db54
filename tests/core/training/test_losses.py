import numpy as np
import pytest

from core.training.losses import (
    allowed_accuracy,
    lesion_loss,
    on_the_map,
    partial_cross_entropy,
    place_loss,
    taught,
)

LOGITS = np.array([[2.0, 0.0, -1.0]], np.float32)
P = np.exp(LOGITS[0]) / np.exp(LOGITS[0]).sum()


def test_one_allowed_class_is_the_ordinary_cross_entropy():
    loss = np.array(partial_cross_entropy(np.array([[0, 1, 0]], np.float32), LOGITS))
    np.testing.assert_allclose(loss, [-np.log(P[1])], rtol=1e-5)


def test_some_tumour_is_the_log_of_the_summed_probability():
    loss = np.array(partial_cross_entropy(np.array([[1, 0, 1]], np.float32), LOGITS))
    np.testing.assert_allclose(loss, [-np.log(P[0] + P[2])], rtol=1e-5)


def test_everything_allowed_costs_nothing():
    loss = np.array(partial_cross_entropy(np.ones((1, 3), np.float32), LOGITS))
    np.testing.assert_allclose(loss, [0.0], atol=1e-6)


def test_lesion_loss_is_the_weighted_cross_entropy_of_known_cells():
    target = np.array([1.0, 0.0, -1.0, -1.0], np.float32).reshape(1, 2, 2, 1)
    logits = np.array([0.5, 2.0, 9.0, -9.0], np.float32).reshape(1, 2, 2, 1)
    hit, miss = np.log1p(np.exp(-0.5)), np.log1p(np.exp(2.0))
    np.testing.assert_allclose(
        np.array(lesion_loss(target, logits)), [(2 * hit + miss) / 3], rtol=1e-5
    )


def test_lesion_loss_is_zero_where_nothing_is_known():
    target = np.full((2, 2, 2, 1), -1.0, np.float32)
    assert np.array(lesion_loss(target, np.full_like(target, 7.0))).tolist() == [0.0, 0.0]


def test_place_loss_is_the_log_of_the_attention_off_the_lesion():
    """exp(logits) are 1, 2, 3 and 4: the lesion has 1, an unknown place 4, of 10."""
    target = np.array([0.2, 0.0, 0.0, -1.0], np.float32).reshape(1, 2, 2, 1)
    logits = np.log(np.array([1.0, 2.0, 3.0, 4.0], np.float32)).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(np.array(place_loss(target, logits)), [-np.log(0.5)], rtol=1e-5)
    whole = np.array(on_the_map(0.5)(target, logits))
    expected = np.array(lesion_loss(target, logits)) - 0.5 * np.log(0.5)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)


@pytest.mark.parametrize("known", [0.0, -1.0])
def test_place_loss_is_zero_without_a_known_lesion(known):
    target = np.full((2, 2, 2, 1), known, np.float32)
    logits = np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1)
    assert np.array(place_loss(target, logits)).tolist() == [0.0, 0.0]


def test_one_wrong_place_costs_the_attention_far_more_than_the_mean():
    """A spot of evidence on the skull, as a shortcut leaves it, beside a found lesion."""
    target = np.zeros((1, 16, 16, 1), np.float32)
    target[0, 8:10, 8:10] = 1.0
    found = np.where(target > 0, 3.0, -6.0).astype(np.float32)
    spotted = found.copy()
    spotted[0, 1, 8] = 6.0
    mean, place = (
        float(np.array(loss(target, spotted) - loss(target, found))[0])
        for loss in (lesion_loss, place_loss)
    )
    assert mean < 0.03
    assert place > 1.0


def test_a_student_learns_from_label_and_teachers_by_their_share():
    answer = np.array([[0.2, 0.7, 0.1]], np.float32)
    target = np.concatenate([np.array([[0, 1, 0]], np.float32), answer], axis=1)
    expected = -0.75 * np.log(P[1]) - 0.25 * (answer[0] * np.log(P)).sum()
    np.testing.assert_allclose(np.array(taught(0.25)(target, LOGITS)), [expected], rtol=1e-5)
    assert np.array(allowed_accuracy(target, LOGITS)).tolist() == [0]


def test_a_slice_that_no_teacher_saw_counts_by_its_label_alone():
    target = np.array([[0, 1, 0, 0, 0, 0]], np.float32)
    loss = np.array(taught(0.75)(target, LOGITS))
    np.testing.assert_allclose(loss, [-np.log(P[1])], rtol=1e-5)


@pytest.mark.parametrize(("allowed", "expected"), [([1, 0, 0], 1), ([1, 1, 0], 1), ([0, 1, 1], 0)])
def test_accuracy_counts_any_allowed_class(allowed, expected):
    value = np.array(allowed_accuracy(np.array([allowed], np.float32), LOGITS))
    assert value.tolist() == [expected]
