"""The caches of explanations: maps, what they are worth, and similar slices.

Keys are the picture's digest, the model with its files' times of change, and what was asked.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core import similar
from core.evaluation.faithfulness import Faithfulness
from core.explain.faithful import check_explanation
from core.similar import SimilarCases, SimilarIndex
from core.types import Explanation, Slice
from ui import cache

_HOUR = 3600
_SHOWN = 6
# One at a time: these are the heaviest questions of a screen, and every visitor shares the cores.
_ONE = threading.Lock()


@dataclass(frozen=True)
class Layers:
    """The layers of a model that can be explained.

    Attributes:
        shapes: Rows, columns and channels by name, early and fine layers first.
        default: Name of the layer that fused Grad-CAM explains.
    """

    shapes: dict[str, tuple[int, int, int]]
    default: str


@dataclass(frozen=True, eq=False)
class Timed:
    """A map and what it cost.

    Attributes:
        explanation: The map.
        seconds: How long it took when it was computed.
    """

    explanation: Explanation
    seconds: float


def layers(name: str) -> Layers:
    """Return the layers of a ready model."""
    return _layers(name, cache.stamp(name))


@st.cache_data(max_entries=16, show_spinner=False)
def _layers(name: str, stamp: int) -> Layers:
    predictor = cache.warm(name).result()
    return Layers({layer.name: layer.shape for layer in predictor.layers()}, predictor.layer)


def explanation(name: str, slice_: Slice, method: str, target: str, layer: str) -> Timed:
    """Return a model's map of a slice; computed once per picture and question.

    Args:
        name: Name of a ready model.
        slice_: The decoded slice.
        method: A key of `core.explain.catalogue.METHODS`.
        target: Key of the class.
        layer: One of `layers`.
    """
    return _explanation(name, cache.stamp(name), slice_, method, target, layer)


@st.cache_data(
    ttl=_HOUR, max_size="128MB", show_spinner=False, hash_funcs={Slice: lambda s: s.sha256}
)
def _explanation(
    name: str, stamp: int, slice_: Slice, method: str, target: str, layer: str
) -> Timed:
    predictor = cache.warm(name).result()
    with _ONE:
        start = time.perf_counter()
        found = predictor.explain(slice_, method, target, layer)
        return Timed(found, time.perf_counter() - start)


def faithfulness(name: str, slice_: Slice, explanation: Explanation) -> Faithfulness:
    """Put a map to the test; once per picture and map.

    Args:
        name: Name of a ready model.
        slice_: The decoded slice.
        explanation: A map that is known by its class, method and layer.
    """
    return _faithfulness(name, cache.stamp(name), slice_, explanation)


@st.cache_data(
    ttl=_HOUR,
    max_entries=128,
    show_spinner=False,
    hash_funcs={
        Slice: lambda s: s.sha256,
        Explanation: lambda e: (e.label, e.method, e.layer),
    },
)
def _faithfulness(name: str, stamp: int, slice_: Slice, explanation: Explanation) -> Faithfulness:
    predictor = cache.warm(name).result()
    with _ONE:
        return check_explanation(slice_, predictor, explanation)


def similar_cases(name: str, slice_: Slice) -> SimilarCases:
    """Return the training slices most like a slice; found once per picture.

    Raises:
        DatasetError: If there is no index, it doesn't fit, or the dataset isn't here; the
            message says what to do.
    """
    path = similar.index_path(name)
    written = path.stat().st_mtime_ns if path.is_file() else 0
    return _similar(name, cache.stamp(name), str(path), written, slice_)


@st.cache_data(
    ttl=_HOUR, max_entries=128, show_spinner=False, hash_funcs={Slice: lambda s: s.sha256}
)
def _similar(name: str, stamp: int, path: str, written: int, slice_: Slice) -> SimilarCases:
    predictor = cache.warm(name).result()
    with _ONE:
        return similar.find_similar(slice_, predictor, _index(name, stamp, path, written), _SHOWN)


@st.cache_resource(max_entries=3, show_spinner=False)
def _index(name: str, stamp: int, path: str, written: int) -> SimilarIndex:
    return similar.read_index(cache.warm(name).result(), Path(path))
