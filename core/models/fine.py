"""A last map of twice the resolution: what is found deep, laid over what is seen sharply.

At 1/16 of the input's side a small lesion fills a single place of the map, or falls between
four. As in a feature pyramid (Lin et al. 2017, arXiv 1612.03144) the coarse map is enlarged, and
channels that see both it and the block before stand beside it. They count for nothing at first
when a network goes on from one without them, so it computes the same (after Net2Net, arXiv
1511.05641).
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from keras import layers

FINE_LAYER: Final = "fine"
WIDTH: Final = 64
"""Channels that the fine map adds."""
_SIDE: Final = 128


def refine(coarse: Any, sharp: Any, momentum: float) -> Any:
    """Join a map with one of twice its resolution.

    Args:
        coarse: Keras tensor of shape (batch, rows, columns, channels).
        sharp: Keras tensor of shape (batch, 2 * rows, 2 * columns, others), from earlier.
        momentum: Of the batch normalisation.

    Returns:
        Keras tensor of shape (batch, 2 * rows, 2 * columns, channels + `WIDTH`): the coarse map,
        each place four times, then the channels that see both.
    """
    large = layers.UpSampling2D(2, interpolation="nearest", name="fine_large")(coarse)
    seen = [
        layers.BatchNormalization(momentum=momentum, name=f"fine_{name}_norm")(
            layers.Conv2D(_SIDE, 1, use_bias=False, kernel_initializer="he_normal", name=name)(x)
        )
        for name, x in (("fine_deep", large), ("fine_sharp", sharp))
    ]
    both = layers.ReLU(name="fine_both")(layers.Add(name="fine_sum")(seen))
    own = layers.Conv2D(
        WIDTH, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name="fine_conv"
    )(both)
    own = layers.BatchNormalization(momentum=momentum, name="fine_conv_norm")(own)
    own = layers.ReLU(name="fine_conv_relu")(own)
    return layers.Concatenate(name=FINE_LAYER)([large, own])


def widened(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make room in the weights of a head for the channels that `refine` adds.

    Args:
        tensors: Weights of a network with the `lesion` head, by variable path.

    Returns:
        Weights for the same head on the fine map. The new channels have weight 0.
    """
    out = dict(tensors)
    lesion = tensors["lesion/kernel"]
    channels = lesion.shape[2]
    out["lesion/kernel"] = np.pad(lesion, ((0, 0), (0, 0), (0, WIDTH), (0, 0)))
    # The dense layer sees the channels under the lesion map, then their average.
    halves = np.split(tensors["head_dense/kernel"], [channels])
    out["head_dense/kernel"] = np.concatenate([np.pad(h, ((0, WIDTH), (0, 0))) for h in halves])
    usual = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}
    for name, value in usual.items():
        path = f"head_norm/{name}"
        if path in tensors:
            out[path] = np.pad(tensors[path], (0, WIDTH), constant_values=value)
    return out
