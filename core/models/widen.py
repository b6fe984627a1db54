"""Growing the small network into VGG16 without changing what it computes.

Chen, Goodfellow & Shlens 2016, "Net2Net: Accelerating Learning via Knowledge Transfer", arXiv
1511.05641. Both networks halve the map between the same five blocks, so VGG16 can hold the small
one: its batch normalisation is folded into kernels and biases, its filters become the first
channels of each block, and convolutions it doesn't have start as identities. Unlike the paper's
Net2WiderNet, the other channels aren't copies but fresh filters that the old channels don't
listen to yet: copies would need noise to ever become different.
"""

from collections.abc import Mapping
from math import erf
from typing import Final

import keras
import numpy as np
import numpy.typing as npt

from core.models.backbone import caffe_mixture
from core.models.grow import identity_kernel
from core.models.weights import transfer_weights

Array = npt.NDArray[np.float32]
Tensors = Mapping[str, npt.NDArray[np.floating]]

BLOCKS: Final = (2, 2, 3, 3, 3)
"""Convolutions in each block of VGG16."""
_EPSILON: Final = 1e-3


def widen(model: keras.Model, tensors: Tensors, seed: int = 0) -> tuple[int, int]:
    """Start VGG16 from the small network's weights.

    Args:
        model: A VGG16 with the `lesion` head, at random weights.
        tensors: Weights of `core.models.cnn.build_cnn` with the same head, by variable path.
        seed: Seed of the fresh filters.

    Returns:
        How many convolutions and dense layers were taken over, and how many the donor has.

    Raises:
        ValueError: If a block of the donor is wider than VGG16's.
    """
    rng = np.random.default_rng(seed)
    taken = 0
    for block, depth in enumerate(BLOCKS, start=1):
        for number in range(1, depth + 1):
            layer = model.get_layer(f"block{block}_conv{number}")
            if f"{layer.name}/kernel" in tensors:
                kernel, bias = _folded(tensors, layer.name)
                _place(layer, kernel, bias, rng, first=taken == 0)
                taken += 1
            else:
                layer.kernel.assign(identity_kernel(tuple(layer.kernel.shape)))
                layer.bias.assign(np.zeros(tuple(layer.bias.shape), np.float32))
    last = f"block{len(BLOCKS)}_conv2_norm"
    _settle_norm(model.get_layer("head_norm"), tensors[f"{last}/gamma"], tensors[f"{last}/beta"])
    donors = 1 + 2 * (len(BLOCKS) - 1)
    return taken + _head(model, tensors, rng), donors + 3


def _folded(tensors: Tensors, name: str) -> tuple[Array, Array]:
    """Return a convolution's kernel and bias with its batch normalisation multiplied in."""
    norm = {
        key: tensors[f"{name}_norm/{key}"].astype(np.float32)
        for key in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + _EPSILON)
    kernel = tensors[f"{name}/kernel"].astype(np.float32) * scale
    return kernel, norm["beta"] - norm["moving_mean"] * scale


def _place(
    layer: keras.layers.Layer, kernel: Array, bias: Array, rng: np.random.Generator, first: bool
) -> None:
    """Put a small kernel into the first channels of a wide layer; fresh filters fill the rest."""
    shape = tuple(layer.kernel.shape)
    if first:
        shape = (*shape[:2], 1, shape[3])
    rows, columns, inputs, outputs = shape
    if kernel.shape[2] > inputs or kernel.shape[3] > outputs:
        raise ValueError(
            f"A donor's {layer.name} is at most {inputs} by {outputs} channels. "
            f"Received: {kernel.shape[2]} by {kernel.shape[3]}."
        )
    # He et al. 2015, arXiv 1502.01852.
    wide = rng.normal(0.0, np.sqrt(2.0 / (rows * columns * inputs)), shape).astype(np.float32)
    wide[..., : kernel.shape[3]] = 0.0
    wide[:, :, : kernel.shape[2], : kernel.shape[3]] = kernel
    if first:
        # What the donor saw as one standardised channel reaches VGG16 as three shifted ones.
        wide = wide * caffe_mixture()[:, None]
    layer.kernel.assign(wide)
    layer.bias.assign(np.pad(bias, (0, outputs - len(bias))))


def _settle_norm(layer: keras.layers.Layer, gamma: Array, beta: Array) -> None:
    """Let the head's batch normalisation pass on what it gets, in training as well.

    Before its ReLU a channel of the donor has mean beta and deviation gamma; a rectified normal
    distribution's moments are what the layer will find in a batch, and must give back.
    """
    spread = np.maximum(np.abs(gamma.astype(np.float64)), 1e-3)
    ratio = beta.astype(np.float64) / spread
    density = np.exp(-0.5 * ratio**2) / np.sqrt(2 * np.pi)
    below = np.array([0.5 * (1.0 + erf(value / np.sqrt(2.0))) for value in ratio])
    mean = spread * density + beta * below
    variance = np.maximum((beta**2 + spread**2) * below + beta * spread * density - mean**2, 1e-4)
    width = int(layer.gamma.shape[0])
    for variable, values, rest in (
        (layer.gamma, np.sqrt(variance + _EPSILON), 1.0),
        (layer.beta, mean, 0.0),
        (layer.moving_mean, mean, 0.0),
        (layer.moving_variance, variance, 1.0),
    ):
        padded = np.full(width, rest, np.float32)
        padded[: len(values)] = values
        variable.assign(padded)


def _head(model: keras.Model, tensors: Tensors, rng: np.random.Generator) -> int:
    """Take over the head; where the classes differ, what names them stays new."""
    features = int(model.get_layer("head_norm").gamma.shape[0])
    lesion = tensors["lesion/kernel"].astype(np.float32)
    small = lesion.shape[2]
    kernel = np.zeros((1, 1, features, 1), np.float32)
    kernel[:, :, :small] = lesion
    model.get_layer("lesion").kernel.assign(kernel)

    dense, hidden = model.get_layer("head_dense"), tensors["head_dense/kernel"].astype(np.float32)
    units = hidden.shape[1]
    wide = rng.normal(0.0, np.sqrt(2.0 / (2 * features)), (2 * features, dense.units))
    wide[:, :units] = 0.0
    # The dense layer sees the features under the lesion map, then their average.
    wide[:small, :units], wide[features : features + small, :units] = hidden[:small], hidden[small:]
    dense.kernel.assign(wide.astype(np.float32))
    dense.bias.assign(np.pad(tensors["head_dense/bias"], (0, dense.units - units)))
    scalars = ("lesion/bias", "logits/scale", "logits/shift")
    transfer_weights(model, {key: tensors[key] for key in scalars if key in tensors})

    name = "head_types" if "head_types/kernel" in tensors else "logits"
    types = tensors[f"{name}/kernel"].astype(np.float32)
    layer = next((x for x in model.layers if x.name == name), None)
    if layer is None or not hasattr(layer, "kernel") or layer.units != types.shape[1]:
        return 2
    layer.kernel.assign(np.pad(types, ((0, dense.units - units), (0, 0))))
    layer.bias.assign(tensors[f"{name}/bias"].astype(np.float32))
    return 3
