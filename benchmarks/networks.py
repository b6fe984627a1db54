"""What benchmarks need of networks: untrained ones to time, and what they compute per slice.

How long a pass takes doesn't depend on what the weights are, so untrained ones serve for timing.
"""

from typing import Any

import keras
import numpy as np

from core.gate import Gate
from core.inference import Predictor
from core.labels import CLASSES
from core.models import registry
from core.models.card import Card
from core.models.precision import built_in
from core.types import FloatArray

NETWORKS = ("cnn", "vgg16", "vgg19")


def untrained(name: str, size: int, policy: str) -> keras.Model:
    """Build a network with random weights in a number format."""
    with built_in(policy):
        return registry.build(name, size, tuple(CLASSES))


def untrained_predictor(name: str, size: int, policy: str) -> Predictor:
    """Return a predictor as a published model gives it, gate included, with random weights."""
    from core.explain.features import depths

    model = untrained(name, size, policy)
    width = depths(model).shape[-1]
    gate = Gate(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), float("inf"))
    card = Card(
        name, name, size, tuple(CLASSES), 1.0, 0.7, "", "random", {}, {}, "", "", "", raw={}
    )
    return Predictor(card, model, gate=gate)


def compiled(model: keras.Model) -> Any:
    """Compile the bare forward pass to the logits the way `Predictor` compiles it."""
    import tensorflow as tf

    from core.models.frozen import constant_pass
    from core.models.head import LOGITS_LAYER

    size = model.input.shape[1]
    inner = constant_pass(keras.Model(model.input, model.output[LOGITS_LAYER]))

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)])
    def run(images: Any) -> Any:
        return tf.cast(inner(images), tf.float32)

    return lambda images: np.asarray(run(tf.constant(images, tf.float32)))


def operations(model: keras.Model) -> int:
    """Return the floating point operations of one slice in convolutions and dense layers.

    A multiplication and an addition count as two; all other layers are left out.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            _, rows, columns, channels = layer.output.shape
            total += 2 * rows * columns * channels * int(np.prod(layer.kernel_size))
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            places = int(np.prod(layer.output.shape[1:-1], dtype=np.int64))
            total += 2 * places * int(np.prod(layer.kernel.shape))
    return total


def noise(batch: int, size: int) -> FloatArray:
    """Return standardised noise of shape (batch, size, size, 1)."""
    drawn = np.random.default_rng(0).normal(size=(batch, size, size, 1))
    return np.asarray(drawn, np.float32)
