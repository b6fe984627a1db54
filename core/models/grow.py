"""Growing VGG16 into VGG19 without changing what it computes.

Chen, Goodfellow & Shlens 2016, "Net2Net: Accelerating Learning via Knowledge Transfer", arXiv
1511.05641 (Net2DeeperNet): a convolution whose kernel is the identity, put after a ReLU and
followed by one, passes its input on unchanged, because a ReLU of a ReLU is the same ReLU.
"""

from collections.abc import Mapping
from typing import Final

import keras
import numpy as np

from core.models.weights import transfer_weights

GROWTH: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("vgg16", "vgg19"): ("block3_conv4", "block4_conv4", "block5_conv4"),
}
"""(from, to): the convolutions that are new."""


def identity_kernel(shape: tuple[int, ...]) -> np.ndarray:
    """Return the kernel of a convolution that changes nothing.

    Args:
        shape: (rows, columns, channels, channels), rows and columns odd.

    Returns:
        float32 of that shape: 1 in the middle of each channel's own filter, 0 elsewhere.

    Raises:
        ValueError: If the shape allows no identity.
    """
    rows, columns, inputs, outputs = shape
    if inputs != outputs or rows % 2 == 0 or columns % 2 == 0:
        raise ValueError(
            f"An identity kernel is odd and keeps the channels. Received: shape {shape}."
        )
    kernel = np.zeros(shape, np.float32)
    kernel[rows // 2, columns // 2] = np.eye(inputs, dtype=np.float32)
    return kernel


def grow(model: keras.Model, origin: str, tensors: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Start a deeper network from a shallower one's weights.

    Args:
        model: The deeper network, named as in the registry.
        origin: Name of the shallower architecture.
        tensors: Its weights by variable path.

    Returns:
        How many variables were taken over, and how many the shallower network gave.

    Raises:
        KeyError: If `GROWTH` doesn't know the pair.
    """
    new = GROWTH[origin, model.name]
    taken, total = transfer_weights(model, tensors)
    for name in new:
        layer = model.get_layer(name)
        layer.kernel.assign(identity_kernel(tuple(layer.kernel.shape)))
        layer.bias.assign(np.zeros(tuple(layer.bias.shape), np.float32))
    return taken, total - 2 * len(new)
