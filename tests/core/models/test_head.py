import keras
import numpy as np
import pytest

from core.evaluation.calibration import softmax
from core.models.head import LESION_LAYER, LOGITS_LAYER, LesionDecision, LesionPooling, attach_head

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def test_pooling_takes_the_feature_under_the_peak():
    features = np.arange(2 * 2 * 3, dtype=np.float32).reshape(1, 2, 2, 3)
    lesion = np.full((1, 2, 2, 1), -50, np.float32)
    lesion[0, 1, 0] = 50
    pooled = np.array(LesionPooling()([features, lesion]))
    np.testing.assert_allclose(pooled, [features[0, 1, 0]], atol=1e-4)


def test_pooling_of_a_flat_map_is_the_average():
    features = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype(np.float32)
    pooled = np.array(LesionPooling()([features, np.zeros((2, 3, 3, 1), np.float32)]))
    np.testing.assert_allclose(pooled, features.mean(axis=(1, 2)), atol=1e-5)


def test_decision_is_tumour_by_evidence_times_type():
    lesion = np.array([[[[1.0]], [[-2.0]]]], np.float32)
    types = np.array([[0.3, -1.0, 2.0]], np.float32)
    logits = np.array(LesionDecision(2)([lesion, types]))
    evidence = np.log((np.exp(1.0) + np.exp(-2.0)) / 2)
    tumour = 1 / (1 + np.exp(-evidence))
    shares = softmax(types)[0]
    expected = [tumour * shares[0], tumour * shares[1], 1 - tumour, tumour * shares[2]]
    np.testing.assert_allclose(softmax(logits)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("labels", [LABELS, ("brain_glioma", "brain_menin", "brain_tumor")])
def test_a_head_has_one_logit_per_class(labels):
    features = keras.Input((4, 4, 8))
    outputs = attach_head(features, labels)
    assert outputs[LOGITS_LAYER].shape == (None, len(labels))
    assert outputs[LESION_LAYER].shape == (None, 4, 4, 1)


def test_the_average_head_has_no_lesion_map():
    assert set(attach_head(keras.Input((4, 4, 8)), LABELS, kind="average")) == {LOGITS_LAYER}


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match=r"one of lesion, fine, average\. Received: 'mean'"):
        attach_head(keras.Input((4, 4, 8)), LABELS, kind="mean")
