"""Window and level of what is shown; what a model sees never passes through here."""

from typing import Final

import numpy as np
import streamlit as st

from core.imaging.window import FULL, Window, apply, presets
from core.types import FloatArray, Slice
from ui.language import _

_LEVEL, _WIDTH = "window_level", "window_width"
_START: Final = {_LEVEL: 50, _WIDTH: 100}


def adjusted(slice_: Slice) -> FloatArray:
    """Draw the controls, and return the slice as a screen shows it.

    Args:
        slice_: The slice; its own values stay as they are.

    Returns:
        float32 of the slice's shape, in 0 to 1; the slice's own pixels through the full window.
    """
    for key, value in _START.items():
        st.session_state.setdefault(key, value)
    with st.expander(_("Window and level"), icon=":material/contrast:"):
        st.caption(_("For the eye alone: the model always sees the slice as it was read."))
        left, right = st.columns(2)
        level = left.slider(
            _("Level"), 0, 100, key=_LEVEL, format="%d %%", persist_state="session",
            help=_("The value that is shown as middle grey."),
        )  # fmt: skip
        width = right.slider(
            _("Width"), 1, 100, key=_WIDTH, format="%d %%", persist_state="session",
            help=_("The span from black to white; a narrow one has more contrast."),
        )  # fmt: skip
        with st.container(horizontal=True):
            _buttons(slice_)
    if (level, width) == tuple(_START.values()):
        return slice_.pixels
    return np.asarray(apply(slice_.pixels, Window(level / 100, width / 100)) / 255.0, np.float32)


def _buttons(slice_: Slice) -> None:
    names = {
        "Head": _("Head"),
        "Soft tissue": _("Soft tissue"),
        "Narrow": _("Narrow"),
        "Dark detail": _("Dark detail"),
    }
    for key, window in presets(slice_).items():
        if key in names:
            st.button(names[key], key=f"window_{key}", on_click=_set, args=(window,))
    st.button(
        _("Reset"), key="window_reset", icon=":material/restart_alt:", on_click=_set, args=(FULL,)
    )


def _set(window: Window) -> None:
    st.session_state[_LEVEL] = round(100 * window.level)
    st.session_state[_WIDTH] = max(1, round(100 * window.width))
