"""The caches of the Playground: disturbed slices, occlusion, feature maps, layers.

Keys are the picture's digest, the model with its files' times of change, and what was asked.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from core.explain.occlusion import Occlusion, occlusion_map
from core.imaging.disturb import Disturbance, disturb
from core.types import Slice
from ui import cache

if TYPE_CHECKING:
    from core.explain.feature_maps import FeatureMaps
    from core.models.summary import LayerRow

_HOUR: Final = 3600
_HASH: Final[dict[str | type[Any], Callable[[Any], Any]]] = {
    Slice: lambda slice_: (slice_.sha256, slice_.notes)
}
# One occlusion map at a time: it asks the model hundreds of times, and visitors share the cores.
_ONE = threading.Lock()


@st.cache_data(max_entries=32, ttl=_HOUR, show_spinner=False, hash_funcs=_HASH)
def disturbed(slice_: Slice, disturbance: Disturbance) -> Slice:
    """Return a disturbed copy of a slice."""
    return disturb(slice_, disturbance)


def occlusion(name: str, slice_: Slice, label: str, side: float) -> Occlusion:
    """Return what a class loses where a square hides the slice; computed once.

    Args:
        name: Name of a ready model.
        slice_: The slice.
        label: Key of the class.
        side: Side of the square as a share of the model input.

    Raises:
        ModelNotReadyError: If the model's weights are missing or damaged.
    """
    return _occlusion(name, cache.stamp(name), slice_, label, side)


@st.cache_data(max_entries=32, ttl=_HOUR, show_spinner=False, hash_funcs=_HASH)
def _occlusion(name: str, stamp: int, slice_: Slice, label: str, side: float) -> Occlusion:
    predictor = cache.warm(name).result()
    with _ONE:
        return occlusion_map(slice_, predictor, label, side)


def maps(name: str, slice_: Slice, layer: str, count: int) -> "FeatureMaps":
    """Return the liveliest feature maps of a layer; computed once.

    Raises:
        ModelNotReadyError: If the model's weights are missing or damaged.
    """
    return _maps(name, cache.stamp(name), slice_, layer, count)


@st.cache_data(max_entries=32, ttl=_HOUR, show_spinner=False, hash_funcs=_HASH)
def _maps(name: str, stamp: int, slice_: Slice, layer: str, count: int) -> "FeatureMaps":
    # Keras comes with it: not before the model that is looked into.
    from core.explain.feature_maps import feature_maps

    return feature_maps(slice_, cache.warm(name).result(), layer, count)


def layers(name: str) -> "list[LayerRow]":
    """Return the layers of a ready model.

    Raises:
        ModelNotReadyError: If the model's weights are missing or damaged.
    """
    return _layers(name, cache.stamp(name))


@st.cache_data(max_entries=8, ttl=_HOUR, show_spinner=False)
def _layers(name: str, stamp: int) -> "list[LayerRow]":
    from core.models.summary import layer_rows

    return layer_rows(cache.warm(name).result().model)
