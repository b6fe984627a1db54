import keras
import numpy as np
import pytest

from core.errors import RunError
from core.files import write_json
from core.models import registry
from core.models.cnn import build_cnn
from core.models.grow import identity_kernel
from core.models.head import LESION_LAYER, LOGITS_LAYER
from core.models.weights import save_weights
from core.models.widen import widen
from core.training.initialise import initialise
from core.training.stored import Stored

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def shallow():
    return registry.build("vgg16", 32, LABELS)


@pytest.fixture(scope="module")
def published(shallow, tiny_weights, tmp_path_factory):
    """A published folder of a random VGG16."""
    import json

    folder = tmp_path_factory.mktemp("weights") / "vgg16"
    card = json.loads((tiny_weights / "cnn" / "card.json").read_text())
    card |= {"name": "vgg16", "architecture": "vgg16"}
    card["sha256"] = save_weights(shallow, folder / "weights.safetensors")
    write_json(folder / "card.json", card)
    return folder


def test_a_vgg19_grown_from_a_vgg16_answers_the_same(shallow, published):
    deep = registry.build("vgg19", 32, LABELS)
    slices = np.random.default_rng(0).normal(size=(3, 32, 32, 1)).astype(np.float32)
    sentence = initialise(deep, str(published))
    assert "'vgg16'" in sentence
    assert "grown by 3 identity convolutions (Net2DeeperNet" in sentence
    # Published weights are float16; start the comparison from the same ones.
    initialise(shallow, str(published))
    before, after = shallow(slices, training=False), deep(slices, training=False)
    for key in (LOGITS_LAYER, LESION_LAYER):
        np.testing.assert_allclose(after[key], before[key], atol=1e-4)
    assert np.abs(np.array(before[LOGITS_LAYER])).max() > 0.01


def test_an_identity_kernel_is_one_in_the_middle():
    kernel = identity_kernel((3, 3, 4, 4))
    np.testing.assert_array_equal(kernel[1, 1], np.eye(4))
    assert kernel.sum() == 4


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (2, 2, 4, 4)])
def test_a_shape_without_an_identity_is_refused(shape):
    with pytest.raises(ValueError, match=r"keeps the channels. Received: shape"):
        identity_kernel(shape)


def test_a_vgg16_that_holds_the_small_network_answers_the_same():
    small = registry.build("cnn", 32, LABELS)
    rng = np.random.default_rng(1)
    for variable in small.weights:
        # Weights as training leaves them: norms far from their start.
        noise = rng.uniform(0.5, 1.5, tuple(variable.shape)).astype(np.float32)
        variable.assign(variable.value * noise if "kernel" in variable.path else noise)
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in small.weights}
    large = registry.build("vgg16", 32, LABELS)
    assert widen(large, tensors) == (12, 12)
    slices = rng.normal(size=(3, 32, 32, 1)).astype(np.float32)
    before, after = small(slices, training=False), large(slices, training=False)
    for key in (LOGITS_LAYER, LESION_LAYER):
        np.testing.assert_allclose(after[key], before[key], rtol=1e-3, atol=1e-3)
    assert np.ptp(np.array(before[LOGITS_LAYER])) > 0.1


def test_other_classes_start_anew_when_a_network_is_widened():
    small = registry.build("cnn", 32, ("notumor", "tumor"))
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in small.weights}
    assert widen(registry.build("vgg16", 32, LABELS), tensors) == (11, 12)


def stored(model, head):
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in model.weights}
    return Stored("cnn", head, 32, LABELS, tensors, 1.0, False, "the run 'a' (0123)")


@pytest.mark.parametrize("head", ["fine", "average"])
def test_a_small_network_with_another_head_is_not_widened(shallow, monkeypatch, head):
    small = stored(build_cnn(32, LABELS, head=head, filters=(4, 4, 4, 4, 4)), head)
    monkeypatch.setattr("core.training.initialise.read_stored", lambda *_: small)
    before = keras.ops.convert_to_numpy(shallow.get_layer("block1_conv1").kernel)
    with pytest.raises(RunError, match=rf"head is lesion. Received: the run 'a'.* is {head}\."):
        initialise(shallow, "a")
    np.testing.assert_array_equal(shallow.get_layer("block1_conv1").kernel, before)


@pytest.mark.parametrize("head", ["lesion", "fine", "average"])
def test_a_start_that_shares_the_head_alone_is_refused(monkeypatch, head):
    """The head's biases fit, and so do the inner kernels of the fine map."""
    donor, model = (build_cnn(32, LABELS, head=head, filters=(width,) * 5) for width in (4, 6))
    shared = {v.path: tuple(v.shape) for v in donor.weights}.items()
    assert shared & {v.path: tuple(v.shape) for v in model.weights}.items()
    monkeypatch.setattr("core.training.initialise.read_stored", lambda *_: stored(donor, head))
    with pytest.raises(RunError, match=r"must fit the architecture. Received: the run 'a'"):
        initialise(model, "a")


def test_a_donor_that_is_too_wide_is_refused():
    small = build_cnn(32, LABELS, filters=(80, 80, 80, 80, 80))
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in small.weights}
    with pytest.raises(ValueError, match="block1_conv1 is at most 1 by 64 channels"):
        widen(registry.build("vgg16", 32, LABELS), tensors)
