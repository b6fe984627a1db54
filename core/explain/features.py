"""The features that a model's last layers decide on: one vector per slice."""

import threading
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import keras
import numpy as np

from core.types import FloatArray

HIDDEN_LAYER: Final = "head_dense"
FeaturePass = Callable[[FloatArray], FloatArray]

_passes: "WeakKeyDictionary[keras.Model, FeaturePass]" = WeakKeyDictionary()
_lock = threading.Lock()


def penultimate(model: keras.Model) -> Any:
    """Return the symbolic features: the pooled maps that enter the head's dense layer."""
    return model.get_layer(HIDDEN_LAYER).input


def feature_pass(model: keras.Model) -> FeaturePass:
    """Compile the pass to a model's features, once per model.

    Args:
        model: From float32 (batch, size, size, 1) to the outputs of a head.

    Returns:
        A function from float32 (batch, size, size, 1), standardised, to float32
        (batch, features).
    """
    import tensorflow as tf

    with _lock:
        if model in _passes:
            return _passes[model]
        size = model.input.shape[1]
        inner = keras.Model(model.input, penultimate(model))

        @tf.function(
            input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)],
            reduce_retracing=True,
        )
        def run(images: tf.Tensor) -> Any:
            return tf.cast(inner(images, training=False), tf.float32)

        def call(images: FloatArray) -> FloatArray:
            return np.asarray(run(tf.constant(images, tf.float32)))

        _passes[model] = call
        return call
