"""A convolutional network from scratch: small enough to train on a laptop's processor."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from core.models.fine import refine
from core.models.head import attach_head

FILTERS = (32, 48, 96, 160, 256)
FEATURES_LAYER = "features"
# The default of 0.99 needs hundreds of steps to follow the weights; 0.9 lets a few dozen
# batches of plain slices recompute the statistics.
BATCH_NORM_MOMENTUM = 0.9


def _convolution(x: Any, filters: int, name: str, activation_name: str | None = None) -> Any:
    x = layers.Conv2D(
        filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=activation_name or f"{name}_relu")(x)


def build_cnn(
    size: int | None,
    labels: Sequence[str],
    *,
    head: str = "lesion",
    filters: Sequence[int] = FILTERS,
    dropout: float = 0.4,
) -> keras.Model:
    """Build the network: five blocks of convolution, batch normalisation, ReLU, max pooling.

    From the second block on, a block holds two convolutions. The `average` head follows the
    fifth max pooling; the `lesion` head pools the fifth block's map itself, at 1/16 of the
    input's side, because 1/32 is too coarse to point at a lesion.

    Args:
        size: Side of the input in pixels, or None for any multiple of 16.
        labels: Class keys in output order.
        head: `lesion`, `fine` (with the fourth block's map) or `average`; see `core.models.head`.
        filters: Channels of each block.
        dropout: Rate in the head, in 0 to 1.

    Returns:
        A model from float32 (batch, size, size, 1), standardised, to the outputs of
        `attach_head`.
    """
    inputs = keras.Input((size, size, 1), name="slice")
    x = sharp = inputs
    last = len(filters)
    for number, channels in enumerate(filters, start=1):
        if number > 1:
            x = _convolution(x, channels, f"block{number}_conv1")
        name = f"block{number}_conv2" if number > 1 else "block1_conv1"
        x = _convolution(x, channels, name, FEATURES_LAYER if number == last else None)
        if number == last - 1:
            sharp = x
        if number < last or head == "average":
            x = layers.MaxPooling2D(name=f"block{number}_pool")(x)
    if head == "fine":
        x = refine(x, sharp, BATCH_NORM_MOMENTUM)
    return keras.Model(inputs, attach_head(x, labels, kind=head, dropout=dropout), name="cnn")
