"""Grad-CAM fused with the prediction: one forward pass, then a gradient through the head alone.

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) weighs the channels of a feature map by the
mean gradient of a logit. The feature map explained here is the last one, so the gradient only
crosses the head, and maps of all classes cost next to nothing beside the forward pass.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from core.models.head import LESION_LAYER, LOGITS_LAYER
from core.types import FloatArray

FusedPass = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray | None]]


def target_layer(model: keras.Model) -> str:
    """Return the layer that Grad-CAM explains by default.

    It is the input of the head (before the last pooling, if any): the last map that still has
    places, where features are most abstract.
    """
    for name in ("features", "block5_conv4", "block5_conv3"):
        if name in {layer.name for layer in model.layers}:
            layer = model.get_layer(name)
            break
    else:
        spatial = [x for x in model.layers if len(getattr(x.output, "shape", ())) == 4]
        spatial = [x for x in spatial if not x.name.startswith((LESION_LAYER, "head_"))]
        layer = spatial[-1]
    return str(layer.name)


def split_at(model: keras.Model, layer: str) -> tuple[keras.Model, keras.Model]:
    """Cut a model in two: from the slice to a layer's output, and from there to the outputs."""
    features = model.get_layer(layer).output
    return keras.Model(model.input, features), keras.Model(features, model.output)


def fused_pass(model: keras.Model, layer: str | None = None) -> FusedPass:
    """Compile the pass that gives logits and Grad-CAM of every class together.

    Args:
        model: From float32 (batch, size, size, 1) to `logits` and perhaps `lesion`.
        layer: The explained layer; `target_layer(model)` by default.

    Returns:
        A function from float32 (batch, size, size, 1) to

        - logits, float32 of shape (batch, classes);
        - maps, float32 of shape (batch, classes, rows, columns), each in 0 to 1;
        - the lesion map as probabilities, float32 (batch, rows, columns), or None.
    """
    import tensorflow as tf

    trunk, head = split_at(model, layer or target_layer(model))
    size = model.input.shape[1]

    @tf.function(
        input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)],
        reduce_retracing=True,
    )
    def run(images: tf.Tensor) -> tuple[Any, ...]:
        features = tf.cast(trunk(images, training=False), tf.float32)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(features)
            outputs = head(features, training=False)
            logits = tf.cast(outputs[LOGITS_LAYER], tf.float32)
            columns = tf.unstack(logits, axis=-1)
        maps = []
        for column in columns:
            gradient = tape.gradient(column, features)
            weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
            raw = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))
            peak = tf.reduce_max(raw, axis=(1, 2), keepdims=True)
            maps.append(tf.math.divide_no_nan(raw, peak))
        lesion = outputs.get(LESION_LAYER)
        if lesion is None:
            return logits, tf.stack(maps, axis=1)
        return logits, tf.stack(maps, axis=1), tf.sigmoid(tf.cast(lesion, tf.float32)[..., 0])

    def call(images: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        values = [np.asarray(value) for value in run(tf.constant(images, tf.float32))]
        return values[0], values[1], values[2] if len(values) > 2 else None

    return call
