"""The caches of uploads, volumes and repeated answers; the others stand in `ui.cache`.

Everything is keyed by content: digests of files and of pixels.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import streamlit as st

from core.data.phantom import phantom_volume
from core.imaging.stacks import Reading, Stack, another_volume, read_stacks
from core.types import Prediction, Slice
from core.uncertainty import Spread, spread
from ui.cache import stamp, warm
from ui.samples import Sample
from ui.uploads import Upload

_HOUR: Final = 3600


def reading(uploads: Sequence[Upload]) -> Reading:
    """Read uploads that may belong together once; what is wrong is in the result."""
    return _reading(digest(uploads), list(uploads))


def digest(uploads: Sequence[Upload]) -> str:
    """Return a key of the uploads' names and contents."""
    return sha256("\n".join(u.digest for u in uploads).encode()).hexdigest()


# A resource, as copying a volume for every rerun would cost more than reading the screen.
@st.cache_resource(max_entries=4, ttl=_HOUR, show_spinner=False)
def _reading(digest: str, _uploads: list[Upload]) -> Reading:
    return read_stacks((upload.name, upload.data) for upload in _uploads)


def volume_of(stack: Stack, number: int, key: str) -> Stack:
    """Read another volume of a stack's file once.

    Args:
        stack: Its first volume.
        number: Which volume, from 1.
        key: What tells the stack from all others, whoever uploaded them.

    Raises:
        InputError: If that volume can't be read.
    """
    return stack if number == stack.number else _volume(key, number, stack)


@st.cache_resource(max_entries=4, ttl=_HOUR, show_spinner=False)
def _volume(key: str, number: int, _stack: Stack) -> Stack:
    return another_volume(_stack, number)


@st.cache_resource(max_entries=2, show_spinner=False)
def sample_stack(sample: Sample) -> Stack:
    """Draw the slices of a sample volume once."""
    drawn = phantom_volume(sample.seed, sample.depth, size=192, lesion="meningioma")
    return Stack(sample.id, drawn)


def answers(name: str, key: str) -> dict[int, Prediction]:
    """Return a model's answers to a volume's slices so far, by position: add to it.

    Args:
        name: Name of a ready model.
        key: What tells the volume and its plane (`ui.scrub.Look.key`).
    """
    return _answers(name, stamp(name), key)


@st.cache_resource(max_entries=16, ttl=_HOUR, show_spinner=False)
def _answers(name: str, stamp: int, key: str) -> dict[int, Prediction]:
    return {}


def predictions(name: str, slices: Sequence[Slice]) -> list[Prediction]:
    """Return a model's answers to a few slices, in order; not kept.

    Raises:
        UnknownModelError: If the registry has no such model.
        ModelNotReadyError: If its weights are missing or damaged.
    """
    return warm(name).result().predict(slices)


def spread_of(name: str, slice_: Slice) -> Spread:
    """Return how far an answer moves when the slice is disturbed; computed once per picture.

    Raises:
        UnknownModelError: If the registry has no such model.
        ModelNotReadyError: If its weights are missing or damaged.
    """
    return _spread(name, stamp(name), slice_)


@st.cache_data(
    ttl=_HOUR,
    max_entries=256,
    show_spinner=False,
    hash_funcs={Slice: lambda slice_: slice_.sha256},
)
def _spread(name: str, stamp: int, slice_: Slice) -> Spread:
    return spread(slice_, warm(name).result())
