"""Deep links: query parameters that choose a widget's value, and follow it."""

from collections.abc import Sequence

import streamlit as st

from ui.errors import plain
from ui.language import _


def follow(param: str, options: Sequence[str], default: str) -> None:
    """Take a choice from the address before its widget is drawn.

    A new valid value becomes the state of the widget whose key is `param`; an invalid one
    gives the default and a warning.

    Args:
        param: Name of the query parameter, and key of the widget.
        options: Every valid value.
        default: Value where the address holds none, or an invalid one.
    """
    state, given = st.session_state, st.query_params.get(param)
    if given != state.get(_seen(param)):
        # A new link, or none: what was wrong with the last one is over.
        state.pop(_fault(param), None)
        if given in options:
            state[param] = given
        elif given is not None:
            state[param] = default
            shown = given if len(given) <= 40 else given[:40] + "…"
            state[_fault(param)] = (
                default,
                _(
                    "“{param}” in the address is one of: {options}. Received: {given}. "
                    "Showing {default} instead."
                ).format(
                    param=param,
                    options=plain(", ".join(options)),
                    given=plain(repr(shown)),
                    default=plain(default),
                ),
            )
    if state.get(param) not in options:
        state[param] = default
    # The warning outlives reruns that nobody asked for, until another value is chosen.
    fallback, text = state.get(_fault(param), (None, ""))
    if fallback == state[param]:
        st.warning(text, icon=":material/link_off:")


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


def _fault(param: str) -> str:
    return f"_link_fault_{param}"
