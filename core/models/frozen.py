"""Weights as constants of a compiled pass: folded and laid out once instead of in every call."""

from collections.abc import Callable
from typing import Any, Final

import keras
import numpy as np

LIMIT: Final = 5_000_000
"""Most weights that become constants. TensorFlow copies a constant at every step on its way into
a pass, and the larger a network is, the smaller a share of its time folding saves."""


def constant_pass(model: keras.Model) -> Callable[[Any], Any]:
    """Return the forward pass of a model, to be called inside one `tf.function`.

    Small networks get their weights as constants, so that number formats are converted and batch
    normalisation is folded when the pass is compiled. What is assigned to the model after the
    first call is then not seen any more.

    Args:
        model: A part whose weights no longer change.

    Returns:
        A function from a tensor to the model's outputs, as `model(images, training=False)`.
    """
    if model.count_params() > LIMIT:
        return lambda images: model(images, training=False)

    def run(images: Any) -> Any:
        import tensorflow as tf

        def constants(variables: list[Any]) -> list[Any]:
            # Outside of the graph that is being traced, where variables have values.
            with tf.init_scope():
                values = [np.asarray(keras.ops.convert_to_numpy(v)) for v in variables]
            return [tf.constant(value) for value in values]

        outputs, _ = model.stateless_call(
            constants(model.trainable_variables),
            constants(model.non_trainable_variables),
            images,
            training=False,
        )
        return outputs

    return run
