"""Grad-CAM fused with the prediction: one forward pass, then a gradient through the head alone.

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) weighs the channels of a feature map by the
mean gradient of a logit. The feature map explained here is the last one, so the gradient only
crosses the head, and maps of all classes cost next to nothing beside the forward pass.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from core.explain.closed_form import HeadPass, closed_form
from core.explain.features import DEPTHS, FEATURES, trunk_pass
from core.models.head import AVERAGE_LAYER, LESION_LAYER, LOGITS_LAYER, features_layer
from core.types import FloatArray

FusedPass = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray | None]]
FullPass = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray | None, FloatArray]]


def target_layer(model: keras.Model) -> str:
    """Return the layer that Grad-CAM explains by default.

    It is the input of the head (before the last pooling, if any): the last map that still has
    places, where features are most abstract.
    """
    names = {layer.name for layer in model.layers}
    if AVERAGE_LAYER in names:
        return features_layer(model)
    spatial = [x for x in model.layers if len(getattr(x.output, "shape", ())) == 4]
    spatial = [x for x in spatial if not x.name.startswith((LESION_LAYER, "head_"))]
    return str(spatial[-1].name)


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
    run = _compiled(model, layer, gated=False)

    def call(images: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        logits, maps, lesion, _ = run(images)
        return logits, maps, lesion

    return call


def full_pass(model: keras.Model, layer: str | None = None) -> FullPass:
    """Compile `fused_pass` with the features that the gate judges as a fourth result.

    Args:
        model: See `fused_pass`; with a head of `core.models.head`.
        layer: See `fused_pass`.

    Returns:
        A function to the results of `fused_pass` and the features, float32 of shape
        (batch, features), as `core.explain.features.depth_pass` gives them.
    """
    run = _compiled(model, layer, gated=True)

    def call(
        images: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray | None, FloatArray]:
        logits, maps, lesion, vectors = run(images)
        assert vectors is not None  # noqa: S101 - narrows the type
        return logits, maps, lesion, vectors

    return call


def _backward(head: keras.Model) -> HeadPass:
    """Return `closed_form`'s pass for any head, through automatic differentiation."""

    def run(features: Any) -> tuple[dict[str, Any], Any]:
        import tensorflow as tf

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(features)
            outputs = head(features, training=False)
            columns = tf.unstack(tf.cast(outputs[LOGITS_LAYER], tf.float32), axis=-1)
        gradients = [tape.gradient(column, features) for column in columns]
        return outputs, tf.stack([tf.reduce_mean(g, axis=(1, 2)) for g in gradients], axis=1)

    return run


def pass_function(model: keras.Model, layer: str | None, gated: bool) -> Any:
    """Return the TensorFlow function behind `fused_pass` and, with `gated`, `full_pass`.

    Args:
        model: See `fused_pass`.
        layer: See `fused_pass`.
        gated: Whether the features of the gate are wanted.

    Returns:
        A `tf.function` from float32 (batch, size, size, 1) to a dictionary of float32 tensors:
        `logits`, `maps`, perhaps `lesion`, and `depths` if wanted.
    """
    import tensorflow as tf

    size, features = model.input.shape[1], model.get_layer(layer or target_layer(model)).output
    early_pass = trunk_pass(model, features, gated)
    head = keras.Model(features, model.output)
    head_pass = closed_form(head) or _backward(head)

    @tf.function(
        input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32, name="slice")],
        reduce_retracing=True,
    )
    def run(images: tf.Tensor) -> dict[str, Any]:
        early = early_pass(images)
        features = tf.cast(early[FEATURES], tf.float32)
        outputs, weights = head_pass(features)
        logits = tf.cast(outputs[LOGITS_LAYER], tf.float32)
        raw = tf.nn.relu(tf.einsum("brxc,bkc->bkrx", features, weights))
        peak = tf.reduce_max(raw, axis=(2, 3), keepdims=True)
        found = {LOGITS_LAYER: logits, "maps": tf.math.divide_no_nan(raw, peak)}
        if LESION_LAYER in outputs:
            found[LESION_LAYER] = tf.sigmoid(tf.cast(outputs[LESION_LAYER], tf.float32)[..., 0])
        if gated:
            found[DEPTHS] = tf.cast(early[DEPTHS], tf.float32)
        return found

    return run


def _compiled(
    model: keras.Model, layer: str | None, gated: bool
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray | None, FloatArray | None]]:
    import tensorflow as tf

    run = pass_function(model, layer, gated)

    def call(
        images: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray | None, FloatArray | None]:
        found = {key: np.asarray(v) for key, v in run(tf.constant(images, tf.float32)).items()}
        return (
            found[LOGITS_LAYER],
            found["maps"],
            found.get(LESION_LAYER),
            found.get(DEPTHS),
        )

    return call
