"""A look inside: the maps of one convolution, the liveliest first."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.explain.convolutions import layers
from core.explain.features import map_pass
from core.imaging.preprocess import preprocess
from core.types import FloatArray, Slice

if TYPE_CHECKING:
    from core.inference import Predictor


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Activated outputs of one convolution for one slice.

    Attributes:
        layer: Name of the layer.
        channels: Channel of each map, from 0.
        maps: float32 of shape (maps, rows, columns), as the network computes them.
        total: How many channels the layer has.
        silent: How many of them are the same everywhere.
    """

    layer: str
    channels: tuple[int, ...]
    maps: FloatArray
    total: int
    silent: int


def feature_maps(slice_: Slice, predictor: "Predictor", layer: str, count: int = 36) -> FeatureMaps:
    """Return the maps of a layer that vary most over the slice.

    Args:
        slice_: A decoded slice.
        predictor: The model.
        layer: A name that `core.explain.convolutions.layers` lists.
        count: Most maps to return, at least 1.

    Raises:
        ValueError: If the layer is unknown or the count below 1.
    """
    known = [found.name for found in layers(predictor.model)]
    if layer not in known:
        raise ValueError(f"A layer is one of: {', '.join(known)}. Received: {layer!r}.")
    if count < 1:
        raise ValueError(f"At least one map is asked for. Received: {count}.")
    image, _ = preprocess(slice_, predictor.card.input_size)
    maps = map_pass(predictor.model, layer)(image[np.newaxis])[0].transpose(2, 0, 1)
    spread = maps.std(axis=(1, 2))
    chosen = np.argsort(-spread, kind="stable")[:count]
    return FeatureMaps(
        layer,
        tuple(int(channel) for channel in chosen),
        np.ascontiguousarray(maps[chosen]),
        len(maps),
        int((spread <= 0.0).sum()),
    )
