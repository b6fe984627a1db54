"""The batches that run or rest in memory: a few at a time, each found again by its session."""

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import streamlit as st

from core.batch.job import BatchJob
from core.batch.sources import Source, check_total
from core.models.registry import ModelStatus
from ui import cache

MOST: Final = 4
"""Most batches in memory, of all visitors together; the one longest untouched gives way."""
HOURS: Final = 2
"""After how long a batch is forgotten."""
_TOKEN: Final = "batch"  # noqa: S105


@st.cache_resource(
    max_entries=MOST,
    ttl=HOURS * 3600,
    show_spinner=False,
    on_release=lambda job: job.cancel(),
)
def _job(token: str) -> BatchJob:
    return BatchJob()


def current() -> BatchJob | None:
    """Return the session's batch, or None; an empty one where it had to give way."""
    token = st.session_state.get(_TOKEN)
    return None if token is None else _job(token)


def start(sources: Sequence[Source], status: ModelStatus) -> None:
    """Start a batch in place of the session's last one, which is cancelled and forgotten.

    Args:
        sources: The uploads.
        status: A ready model.

    Raises:
        TooLargeError: If the uploads together are too large.
    """
    # Checked before the last batch is given up.
    check_total(sources)
    token, loading = uuid4().hex, cache.warm(status.name)
    labels = status.card.labels if status.card is not None else ()
    forget()
    st.session_state[_TOKEN] = token
    _job(token).start(sources, status.name, labels, loading.result)


def forget() -> None:
    """Cancel the session's batch and drop what it holds."""
    token = st.session_state.pop(_TOKEN, None)
    if token is not None:
        _job(token).cancel()
        _job.clear(token)
