import keras
import numpy as np
import pytest

from core.explain.closed_form import closed_form
from core.explain.grad_cam import _backward, split_at, target_layer
from core.models import registry
from core.models.head import LOGITS_LAYER

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def head_of(name, head="lesion", labels=LABELS, layer=None):
    """The head of a network whose every weight is random, and a map to feed it."""
    keras.utils.set_random_seed(0)
    model = registry.build(name, 32, labels, head)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.2, 1.2, variable.shape) * rng.choice([-1, 1], variable.shape))
        if "variance" in variable.path:
            variable.assign(np.abs(variable))
    part = split_at(model, layer or target_layer(model))[1]
    return part, rng.gamma(1.0, size=(3, *part.input.shape[1:])).astype(np.float32)


@pytest.mark.parametrize("name", ["cnn", "vgg16"])
def test_the_weights_are_those_of_a_backward_pass(name):
    head, features = head_of(name)
    outputs, weights = closed_form(head)(features)
    expected_outputs, expected = _backward(head)(keras.ops.convert_to_tensor(features))
    np.testing.assert_allclose(outputs[LOGITS_LAYER], expected_outputs[LOGITS_LAYER], rtol=1e-5)
    assert np.abs(expected).min(axis=(0, 2)).max() > 0
    np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("head", "labels", "layer"),
    [
        ("average", LABELS, None),
        ("lesion", ("glioma", "meningioma"), None),
        ("lesion", LABELS, "block4_conv2_relu"),
    ],
    ids=["global average", "without a no-tumour class", "an earlier layer"],
)
def test_other_heads_take_the_backward_pass(head, labels, layer):
    assert closed_form(head_of("cnn", head, labels, layer)[0]) is None
