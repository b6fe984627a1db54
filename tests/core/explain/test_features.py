import numpy as np
import pytest

from core.explain.features import depth_layers, depth_pass, feature_pass
from core.models import registry

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(3, 32, 32, 1)).astype(np.float32)


@pytest.mark.parametrize(("head", "width"), [("lesion", 512), ("average", 256)])
def test_the_decision_rests_on_what_enters_the_dense_layer(head, width, images):
    model = registry.build("cnn", 32, LABELS, head)
    features = feature_pass(model)(images)
    assert features.shape == (3, width)
    dense = model.get_layer("head_dense")
    inner = np.maximum(features @ np.array(dense.kernel) + np.array(dense.bias), 0)
    types = model.get_layer("head_types" if head == "lesion" else "logits")
    found = inner @ np.array(types.kernel) + np.array(types.bias)
    logits = np.array(model(images, training=False)["logits"])
    if head == "average":
        np.testing.assert_allclose(found, logits, atol=1e-4)
    else:
        # The types' differences are those of the logits; no tumour is the third of four.
        ours, theirs = found - found[:, :1], logits[:, [0, 1, 3]] - logits[:, :1]
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_gate_sees_the_mean_maps_of_the_two_coarsest_resolutions(images):
    import keras

    model = registry.build("cnn", 32, LABELS)
    assert depth_layers(model) == ["block4_conv2_relu", "features"]
    outputs = [model.get_layer(name).output for name in depth_layers(model)]
    maps = keras.Model(model.input, outputs)(images)
    expected = np.concatenate([np.array(m).mean(axis=(1, 2)) for m in maps], axis=1)
    np.testing.assert_allclose(depth_pass(model)(images), expected, atol=1e-5)


def test_wide_maps_give_every_other_channel(images):
    model = registry.build("vgg16", 32, LABELS)
    assert depth_layers(model) == ["block4_conv3", "block5_conv3"]
    assert depth_pass(model)(images).shape == (3, 512)


def test_a_pass_is_compiled_once():
    model = registry.build("cnn", 32, LABELS)
    assert feature_pass(model) is feature_pass(model)
    assert depth_pass(model) is not feature_pass(model)
