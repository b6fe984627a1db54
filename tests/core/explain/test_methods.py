import keras
import numpy as np
import pytest
from keras import layers as keras_layers

from core.data.phantom import draw_phantom
from core.explain.catalogue import METHODS
from core.explain.grad_cam import fused_pass
from core.explain.methods import explain, input_map, layers, resolve_layer
from core.imaging.preprocess import preprocess
from core.inference import load_folder
from core.models import registry
from core.models.head import LOGITS_LAYER

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return load_folder(tiny_weights / "cnn")


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(0, size=96, lesion="glioma").slice


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).normal(size=(1, 32, 32, 1)).astype(np.float32)


def toy():
    """Feature maps x and -x, each averaged, then weighed by 2 and -1 into one logit of two."""
    inputs = keras.Input((2, 2, 1))
    split = np.array([1.0, -1.0], np.float32).reshape(1, 1, 1, 2)
    features = keras_layers.Conv2D(
        2, 1, use_bias=False, name="features", kernel_initializer=lambda *a, **k: split
    )(inputs)
    kernel = np.array([[2.0, 0.0], [-1.0, 0.0]], np.float32)
    pooled = keras_layers.GlobalAveragePooling2D()(features)
    logits = keras_layers.Dense(
        2, use_bias=False, kernel_initializer=lambda *a, **k: kernel, name=LOGITS_LAYER
    )(pooled)
    return keras.Model(inputs, {LOGITS_LAYER: logits})


def test_the_maps_of_a_toy_are_what_the_hand_computes():
    x = np.array([[1.0, -2.0], [4.0, 0.0]], np.float32).reshape(1, 2, 2, 1)
    # The gradient is 2/4 on x and -1/4 on -x everywhere: Grad-CAM adds 2x/4 + x/4 = 3x/4.
    np.testing.assert_allclose(
        input_map(toy(), x, "grad-cam", 0, "features"), [[0.25, 0], [1, 0]], atol=1e-6
    )
    # LayerCAM and Grad-CAM++ leave out the channel with the negative gradient: 2x/4.
    for method in ("layer-cam", "grad-cam++"):
        np.testing.assert_allclose(
            input_map(toy(), x, method, 0, "features"), [[0.25, 0], [1, 0]], atol=1e-5
        )
    # The logit is linear in x, so every pixel matters as much.
    np.testing.assert_allclose(
        input_map(toy(), x, "smoothgrad", 0, "input"), np.ones((2, 2)), atol=1e-6
    )


def test_score_cam_of_a_toy_weighs_each_channel_by_the_probability_it_leaves():
    x = np.array([[1.0, -2.0], [4.0, 0.0]], np.float32).reshape(1, 2, 2, 1)
    flat = x.ravel()
    weights = []
    for channel in (flat, -flat):
        mask = (channel - channel.min()) / (channel.max() - channel.min())
        logit = 3 * (flat * mask).mean()
        weights.append(1 / (1 + np.exp(-logit)))
    raw = np.maximum((weights[0] - weights[1]) * flat, 0)
    found = input_map(toy(), x, "score-cam", 0, "features")
    np.testing.assert_allclose(found.ravel(), raw / raw.max(), atol=1e-5)


@pytest.mark.parametrize("layer", ["features", "block4_conv2_relu", "block2_conv1_relu"])
def test_grad_cam_of_any_layer_is_that_of_tf_keras_vis(predictor, image, layer):
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    plain = keras.Model(predictor.model.input, predictor.model.output[LOGITS_LAYER])
    theirs = Gradcam(plain, clone=False)(
        CategoricalScore(2),
        image,
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )[0]
    ours = input_map(predictor.model, image, "grad-cam", 2, layer)
    peak = np.max(theirs)
    np.testing.assert_allclose(ours, theirs / peak if peak > 0 else theirs, atol=1e-4)


def test_the_default_explanation_is_the_fused_map(predictor, phantom):
    ours = explain(phantom, predictor, target="meningioma")
    fused = predictor.analyse(phantom).explanations["meningioma"]
    np.testing.assert_allclose(ours.cam, fused.cam, atol=1e-4)
    assert (ours.method, ours.layer, ours.label) == ("grad-cam", "features", "meningioma")


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_gives_a_map_of_the_slice_the_same_each_time(
    predictor, phantom, method, capfd
):
    once = explain(phantom, predictor, method, "pituitary")
    again = explain(phantom, predictor, method, "pituitary")
    assert once.cam.shape == phantom.shape
    assert once.cam.dtype == np.float32
    assert once.cam.min() >= 0
    assert once.cam.max() <= 1
    assert once.method == method
    np.testing.assert_allclose(once.cam, again.cam, atol=1e-6)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("method", ["grad-cam++", "layer-cam", "score-cam"])
def test_an_early_layer_gives_a_finer_map(predictor, image, method):
    shape = input_map(predictor.model, image, method, 0, "block2_conv2_relu").shape
    assert shape == (16, 16)


def test_without_a_class_the_predicted_one_is_explained(predictor, phantom):
    found = explain(phantom, predictor)
    assert found.label == predictor.predict([phantom])[0].predicted


def test_a_huge_logit_does_not_overflow_grad_cam_plus_plus(image):
    model = registry.build("cnn", 32, LABELS, "average")
    model.get_layer(LOGITS_LAYER).bias.assign([200.0, 0.0, 0.0, 0.0])
    grid = input_map(model, image, "grad-cam++", 0, "features")
    assert np.isfinite(grid).all()
    assert grid.max() == pytest.approx(1.0)


def test_every_convolution_is_listed_with_its_activated_shape():
    found = layers(registry.build("cnn", 32, LABELS))
    assert found[0] == ("block1_conv1_relu", (32, 32, 32))
    assert found[-1] == ("features", (2, 2, 256))
    assert len(found) == 9
    vgg = layers(registry.build("vgg16", 32, LABELS))
    assert len(vgg) == 13
    assert vgg[-1] == ("block5_conv3", (2, 2, 512))


def test_the_list_stays_the_same_when_the_model_has_been_cut():
    model = registry.build("cnn", 32, LABELS)
    before = layers(model)
    fused_pass(model)
    fused_pass(model, "block3_conv2_relu")
    assert layers(model) == before


def test_a_convolution_may_be_named_itself():
    model = registry.build("cnn", 32, LABELS)
    assert resolve_layer(model, "block1_conv1") == "block1_conv1_relu"
    assert resolve_layer(model, "block5_conv2") == "features"
    assert resolve_layer(model, None) == "features"


def test_what_is_unknown_is_told_what_there_is(predictor, phantom):
    with pytest.raises(ValueError, match=r"layer is one of: block1_conv1_relu.*'lesion'"):
        explain(phantom, predictor, layer="lesion")
    with pytest.raises(ValueError, match=r"class is one of: glioma, .* Received: 'stroke'"):
        explain(phantom, predictor, target="stroke")
    with pytest.raises(ValueError, match=r"method is one of: grad-cam.* Received: 'lime'"):
        explain(phantom, predictor, "lime")


def test_the_fused_pass_of_another_layer_agrees(predictor, phantom):
    image, geometry = preprocess(phantom, 32)
    expected = fused_pass(predictor.model, "block3_conv2_relu")(image[np.newaxis])[1][0, 1]
    found = explain(phantom, predictor, "grad-cam", "meningioma", "block3_conv2")
    np.testing.assert_allclose(found.cam, np.clip(geometry.map_to_slice(expected), 0, 1), atol=1e-4)
