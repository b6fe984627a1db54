"""Deep links: query parameters that choose a widget's value, and follow it."""

from collections.abc import Sequence

import streamlit as st

from ui.errors import plain


def follow(param: str, options: Sequence[str], default: str) -> None:
    """Take a choice from the address before its widget is drawn.

    A new valid value becomes the state of the widget whose key is `param`; an invalid one
    gives the default and a warning.

    Args:
        param: Name of the query parameter, and key of the widget.
        options: Every valid value.
        default: Value where the address holds none, or an invalid one.
    """
    given = st.query_params.get(param)
    if given is not None and given != st.session_state.get(_seen(param)):
        if given in options:
            st.session_state[param] = given
        else:
            st.session_state[param] = default
            shown = given if len(given) <= 40 else given[:40] + "…"
            st.warning(
                f"“{param}” in the address is one of: {plain(', '.join(options))}. "
                f"Received: {plain(repr(shown))}. Showing {plain(default)} instead.",
                icon=":material/link_off:",
            )
    if st.session_state.get(param) not in options:
        st.session_state[param] = default


def publish(param: str, value: str) -> None:
    """Write a choice back to the address, so that it can be copied."""
    st.session_state[_seen(param)] = value
    if st.query_params.get(param) != value:
        st.query_params[param] = value


def withdraw(param: str) -> None:
    """Take a parameter that no longer applies out of the address."""
    st.session_state.pop(_seen(param), None)
    if param in st.query_params:
        del st.query_params[param]


def _seen(param: str) -> str:
    return f"_link_{param}"
