"""The features of a slice inside a model: those it decides on, and those that betray a stranger."""

import threading
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import layers as keras_layers

from core.explain.convolutions import layers
from core.models.fine import FINE_LAYER
from core.models.frozen import constant_pass
from core.models.head import LOGITS_LAYER, features_layer
from core.types import FloatArray

HIDDEN_LAYER: Final = "head_dense"
DEPTHS: Final = "depths"
FEATURES: Final = "features"
CHANNELS: Final = 256
"""Most channels of one depth that take part in the gate's features."""
FeaturePass = Callable[[FloatArray], FloatArray]

_passes: "WeakKeyDictionary[keras.Model, dict[str, FeaturePass]]" = WeakKeyDictionary()
_lock = threading.Lock()


def penultimate(model: keras.Model) -> Any:
    """Return the symbolic features that the decision rests on: the head's dense layer's input."""
    return model.get_layer(HIDDEN_LAYER).input


def depth_layers(model: keras.Model) -> list[str]:
    """Name the last convolution of each of the two coarsest resolutions."""
    found = [layer for layer in layers(model) if layer.name != FINE_LAYER]
    last = {layer.shape[0]: layer.name for layer in found}
    return list(last.values())[-2:]


def depths(model: keras.Model) -> Any:
    """Return the symbolic features of the gate: mean maps of two depths, one after the other.

    The head keeps of a map what tells the classes apart, which strangers share by accident;
    what makes a picture strange is seen further back. Wide maps give every n-th channel.
    """
    parts = []
    for name in depth_layers(model):
        maps = model.get_layer(name).output
        mean = keras_layers.GlobalAveragePooling2D(dtype="float32")(maps)
        parts.append(mean[:, :: -(-maps.shape[-1] // CHANNELS)])
    return parts[0] if len(parts) == 1 else keras_layers.Concatenate(dtype="float32")(parts)


def feature_pass(model: keras.Model) -> FeaturePass:
    """Compile the pass to the features that the decision rests on, once per model.

    Args:
        model: From float32 (batch, size, size, 1) to the outputs of a head.

    Returns:
        A function from float32 (batch, size, size, 1), standardised, to float32
        (batch, features).
    """
    return _pass(model, "penultimate", penultimate)


def depth_pass(model: keras.Model) -> FeaturePass:
    """Compile the pass to the features of the gate, once per model; see `feature_pass`."""
    return _pass(model, "depths", depths)


def map_pass(model: keras.Model, layer: str) -> FeaturePass:
    """Compile the pass to one layer's output, (batch, rows, columns, channels), once per layer."""
    return _pass(model, f"maps of {layer}", lambda found: found.get_layer(layer).output)


def trunk_pass(model: keras.Model, features: Any, gated: bool) -> Callable[[Any], Any]:
    """Return the pass to the map that a head begins at, to be called inside one `tf.function`.

    Args:
        model: From float32 (batch, size, size, 1) to the outputs of a head.
        features: The symbolic map.
        gated: Whether the features of `depths` are wanted, too.

    Returns:
        A function from a tensor of slices to a dictionary: the map under `FEATURES` and, if
        wanted, the gate's features under `DEPTHS`.
    """
    wanted = {FEATURES: features} | ({DEPTHS: depths(model)} if gated else {})
    return constant_pass(keras.Model(model.input, wanted))


def forward_pass(
    model: keras.Model, gated: bool
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray | None]]:
    """Compile the pass to logits and, for a gate, its features.

    Args:
        model: From float32 (batch, size, size, 1) to the outputs of a head.
        gated: Whether the features of `depths` are wanted, too.

    Returns:
        A function from float32 (batch, size, size, 1), standardised, to float32 logits
        (batch, classes) and float32 features (batch, features), None without a gate.
    """
    import tensorflow as tf

    size, features = model.input.shape[1], model.get_layer(features_layer(model)).output
    early_pass = trunk_pass(model, features, gated)
    # The head keeps its variables: publishing moves its decision.
    head = keras.Model(features, model.output[LOGITS_LAYER])

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)])
    def run(images: Any) -> Any:
        early = early_pass(images)
        found = {LOGITS_LAYER: head(tf.cast(early.pop(FEATURES), tf.float32), training=False)}
        return {name: tf.cast(value, tf.float32) for name, value in (found | early).items()}

    def call(images: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        found = {key: np.asarray(v) for key, v in run(tf.constant(images, tf.float32)).items()}
        return found[LOGITS_LAYER], found.get(DEPTHS)

    return call


def _pass(model: keras.Model, key: str, symbol: Callable[[keras.Model], Any]) -> FeaturePass:
    import tensorflow as tf

    with _lock:
        known = _passes.setdefault(model, {})
        if key in known:
            return known[key]
        size = model.input.shape[1]
        inner = keras.Model(model.input, symbol(model))

        @tf.function(
            input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)],
            reduce_retracing=True,
        )
        def run(images: tf.Tensor) -> Any:
            return tf.cast(inner(images, training=False), tf.float32)

        def call(images: FloatArray) -> FloatArray:
            return np.asarray(run(tf.constant(images, tf.float32)))

        known[key] = call
        return call
