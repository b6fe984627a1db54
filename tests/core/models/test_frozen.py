import keras
import numpy as np
import pytest
import tensorflow as tf

from core.models import frozen, registry
from core.models.frozen import constant_pass
from core.models.head import LOGITS_LAYER
from core.models.precision import built_in

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
IMAGES = np.random.default_rng(0).normal(size=(2, 32, 32, 1)).astype(np.float32)


def logits_model(policy="float32"):
    with built_in(policy):
        model = registry.build("cnn", 32, LABELS)
    return keras.Model(model.input, model.output[LOGITS_LAYER])


@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 1e-2)])
def test_constants_give_the_answers_of_the_model(policy, tolerance):
    model = logits_model(policy)
    expected = np.asarray(model(IMAGES, training=False))
    found = np.asarray(tf.function(constant_pass(model))(tf.constant(IMAGES)))
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert np.abs(expected[0] - expected[1]).max() > 10 * tolerance


def test_a_small_network_keeps_the_weights_of_its_first_call():
    model = logits_model()
    run = tf.function(constant_pass(model))
    before = np.asarray(run(tf.constant(IMAGES)))
    bias = model.get_layer("head_types").bias
    bias.assign(bias + np.array([5.0, 0.0, 0.0], np.float32))
    np.testing.assert_array_equal(np.asarray(run(tf.constant(IMAGES))), before)


def test_a_large_network_keeps_its_variables(monkeypatch):
    model = logits_model()
    monkeypatch.setattr(frozen, "LIMIT", model.count_params() - 1)
    run = tf.function(constant_pass(model))
    before = np.asarray(run(tf.constant(IMAGES)))
    bias = model.get_layer("head_types").bias
    bias.assign(bias + np.array([5.0, 0.0, 0.0], np.float32))
    assert np.abs(np.asarray(run(tf.constant(IMAGES))) - before).max() > 1.0
