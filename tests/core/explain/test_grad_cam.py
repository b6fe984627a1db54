import keras
import numpy as np
import pytest
from keras import layers

from core.explain.features import depth_pass
from core.explain.grad_cam import full_pass, fused_pass, split_at, target_layer
from core.models import registry
from core.models.head import LESION_LAYER, LOGITS_LAYER

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(2, 32, 32, 1)).astype(np.float32)


def toy(kernel):
    """Two feature maps (x and -x), averaged, then a dense layer without bias."""
    inputs = keras.Input((2, 2, 1))
    weights = np.array([1.0, -1.0], np.float32).reshape(1, 1, 1, 2)
    features = layers.Conv2D(
        2, 1, use_bias=False, name="features", kernel_initializer=lambda *a, **k: weights
    )(inputs)
    pooled = layers.GlobalAveragePooling2D()(features)
    logits = layers.Dense(
        2, use_bias=False, kernel_initializer=lambda *a, **k: kernel, name=LOGITS_LAYER
    )(pooled)
    return keras.Model(inputs, {LOGITS_LAYER: logits})


def test_the_map_of_a_toy_is_what_the_hand_computes():
    kernel = np.array([[2.0, -1.0], [0.0, 3.0]], np.float32)
    x = np.array([[1.0, -2.0], [4.0, 0.0]], np.float32).reshape(1, 2, 2, 1)
    logits, maps, lesion = fused_pass(toy(kernel))(x)
    # Mean of the features is (0.75, -0.75).
    np.testing.assert_allclose(logits, [[1.5, -3.0]], rtol=1e-5)
    # Class 0 weighs the maps by (2, 0) / 4: ReLU of x / 2. Class 1 by (-1, 3) / 4: ReLU of -x.
    np.testing.assert_allclose(maps[0, 0], [[0.25, 0], [1.0, 0]], atol=1e-6)
    np.testing.assert_allclose(maps[0, 1], [[0, 1.0], [0, 0]], atol=1e-6)
    assert lesion is None


def test_a_map_without_evidence_is_zero_not_nan():
    kernel = np.zeros((2, 2), np.float32)
    _, maps, _ = fused_pass(toy(kernel))(np.ones((1, 2, 2, 1), np.float32))
    assert not maps.any()


@pytest.mark.parametrize("name", ["cnn", "vgg16"])
@pytest.mark.parametrize("head", ["lesion", "average"])
def test_the_fused_pass_agrees_with_the_model(name, head, images):
    model = registry.build(name, 32, LABELS, head)
    logits, maps, lesion = fused_pass(model)(images)
    outputs = model(images, training=False)
    np.testing.assert_allclose(logits, np.array(outputs[LOGITS_LAYER]), atol=1e-4)
    assert maps.shape[:2] == (2, 4)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert (lesion is None) == (head == "average")
    if lesion is not None:
        expected = 1 / (1 + np.exp(-np.array(outputs[LESION_LAYER])[..., 0]))
        np.testing.assert_allclose(lesion, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "vgg16"])
def test_the_fused_map_is_tf_keras_vis_grad_cam(name, images):
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    model = registry.build(name, 32, LABELS)
    plain = keras.Model(model.input, model.output[LOGITS_LAYER])
    layer = target_layer(model)
    theirs = Gradcam(plain, clone=False)(
        CategoricalScore([1, 3]),
        images,
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )
    _, maps, _ = fused_pass(model)(images)
    theirs = np.asarray(theirs)
    peak = theirs.max(axis=(1, 2), keepdims=True)
    theirs = np.divide(theirs, peak, out=np.zeros_like(theirs), where=peak > 0)
    np.testing.assert_allclose(maps[[0, 1], [1, 3]], theirs, atol=1e-4)


@pytest.mark.parametrize("head", ["lesion", "average"])
def test_the_full_pass_adds_the_features_and_changes_nothing_else(head, images):
    model = registry.build("cnn", 32, LABELS, head)
    logits, maps, lesion, features = full_pass(model)(images)
    expected = fused_pass(model)(images)
    np.testing.assert_allclose(logits, expected[0], atol=1e-6)
    np.testing.assert_allclose(maps, expected[1], atol=1e-6)
    assert (lesion is None) == (expected[2] is None)
    assert features.shape == (2, 160 + 256)
    np.testing.assert_allclose(features, depth_pass(model)(images), atol=1e-5)


def test_the_default_layer_is_the_last_map_before_the_head():
    assert target_layer(registry.build("vgg16", 32, LABELS)) == "block5_conv3"
    assert target_layer(registry.build("vgg19", 32, LABELS)) == "block5_conv4"
    assert target_layer(registry.build("cnn", 32, LABELS, "average")) == "features"


def test_a_model_cut_in_two_is_still_the_model(images):
    model = registry.build("cnn", 32, LABELS)
    trunk, head = split_at(model, "block3_conv2_relu")
    np.testing.assert_allclose(
        np.array(head(trunk(images))[LOGITS_LAYER]),
        np.array(model(images)[LOGITS_LAYER]),
        atol=1e-5,
    )
