import numpy as np
import pytest

from core.files import write_json
from core.models import registry
from core.models.grow import identity_kernel
from core.models.head import LESION_LAYER, LOGITS_LAYER
from core.models.weights import save_weights
from core.training.initialise import initialise

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
