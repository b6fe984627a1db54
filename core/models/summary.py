"""The layers of a model as a table."""

from typing import NamedTuple

import keras
import numpy as np


class LayerRow(NamedTuple):
    """One layer.

    Attributes:
        name: Its name.
        kind: Its class, such as `Conv2D`.
        shape: Shape of its output without the batch, such as `80 × 80 × 32`.
        parameters: How many numbers it holds.
        trainable: How many of them training may change.
    """

    name: str
    kind: str
    shape: str
    parameters: int
    trainable: int


def layer_rows(model: keras.Model) -> list[LayerRow]:
    """List the layers of a model in their order."""
    return [
        LayerRow(
            layer.name,
            type(layer).__name__,
            _shape(layer),
            int(layer.count_params()),
            sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights),
        )
        for layer in model.layers
    ]


def _shape(layer: keras.Layer) -> str:
    output = layer.output[0] if isinstance(layer.output, list | tuple) else layer.output
    return " × ".join("?" if side is None else str(side) for side in output.shape[1:])
