"""The convolutions of a model, each with the layer that holds its activated output."""

from typing import NamedTuple

import keras
from keras import layers as keras_layers

from core.models.fine import FINE_LAYER
from core.models.head import LESION_LAYER


class ConvLayer(NamedTuple):
    """A layer that can be explained.

    Attributes:
        name: Name for `core.explain.methods.explain`.
        shape: Rows, columns and channels of its output.
    """

    name: str
    shape: tuple[int, int, int]


def layers(model: keras.Model) -> list[ConvLayer]:
    """List every convolution of a model, from fine and early to coarse and late.

    A convolution stands for its activated output: where normalisation and activation are
    layers of their own, the last of them is named. The head's lesion map isn't listed; it is
    an answer, not a feature map. A fine map (`core.models.fine`) is listed as a whole.

    Args:
        model: From slices to logits.
    """
    found = []
    for layer in model.layers:
        whole = layer.name == FINE_LAYER
        part = layer.name == LESION_LAYER or layer.name.startswith(f"{FINE_LAYER}_")
        if whole or (isinstance(layer, keras_layers.Conv2D) and not part):
            last = layer if whole else activated(model, layer)
            _, rows, columns, channels = last.output.shape
            found.append(ConvLayer(last.name, (rows, columns, channels)))
    return found


def activated(model: keras.Model, layer: keras.Layer) -> keras.Layer:
    """Follow a convolution through its normalisation to its activation."""
    simple = (keras_layers.BatchNormalization, keras_layers.Activation, keras_layers.ReLU)
    own = {id(known) for known in model.layers}
    while True:
        # Every sub-model that was cut from this one adds nodes for the same layers.
        users = {id(node.operation): node.operation for node in layer._outbound_nodes}
        users = {key: user for key, user in users.items() if key in own}
        user = next(iter(users.values()), None)
        if len(users) != 1 or not isinstance(user, simple) or user.name.startswith("head_"):
            return layer
        layer = user
