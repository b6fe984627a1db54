"""Deep links: query parameters that choose a widget's value, and follow it."""

from collections.abc import Sequence
from math import isfinite

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui.errors import plain
from ui.language import _


def follow(param: str, options: Sequence[str], default: str) -> None:
    """Take a choice from the address before its widget is drawn.

    A new valid value becomes the state of the widget whose key is `param`; an invalid one
    gives the default and a warning. On the way from another page its choice comes along.

    Args:
        param: Name of the query parameter, and key of the widget.
        options: Every valid value.
        default: Value where the address holds none, or an invalid one.
    """
    state, given = st.session_state, st.query_params.get(param)
    if arriving(param):
        # Each page's widget keeps a state of its own, which may be older than the link.
        other = state.pop(_seen(param), None)
        state.pop(_fault(param), None)
        state[_at(param)] = _page()
        if given is None and other in options:
            given = other
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
                    options=plain(", ".join(_some(options))),
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


def follow_number(param: str, key: str, low: float, high: float, default: float) -> None:
    """Take a number from the address before its widget is drawn, as `follow` takes a choice.

    Args:
        param: Name of the query parameter.
        key: Key of the widget.
        low: Smallest valid value.
        high: Largest valid value.
        default: Value where the address holds none, or an invalid one; its type is the widget's.
    """
    state, given = st.session_state, st.query_params.get(param)
    if given != state.get(_seen(param)):
        state[_seen(param)] = given
        state.pop(_fault(param), None)
        if given is not None:
            value = _number(given)
            if value is not None and low <= value <= high:
                state[key] = type(default)(value)
            else:
                state[key] = default
                shown = given if len(given) <= 40 else given[:40] + "…"
                state[_fault(param)] = (
                    default,
                    _(
                        "“{param}” in the address lies in {low:g} to {high:g}. "
                        "Received: {given}. Showing {default:g} instead."
                    ).format(
                        param=param, low=low, high=high, given=plain(repr(shown)), default=default
                    ),
                )
    state.setdefault(key, default)
    fallback, text = state.get(_fault(param), (None, ""))
    if fallback is not None and fallback == state[key]:
        st.warning(text, icon=":material/link_off:")


def _some(options: Sequence[str]) -> list[str]:
    """Return the options, or the first and the last where they would fill the screen."""
    names = list(options)
    return names if len(names) <= 8 else [*names[:3], "…", names[-1]]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def publish(param: str, value: str) -> None:
    """Write a choice back to the address, so that it can be copied."""
    st.session_state[_seen(param)] = value
    if st.query_params.get(param) != value:
        st.query_params[param] = value


def withdraw(param: str) -> None:
    """Take a parameter that no longer applies out of the address."""
    st.session_state.pop(_seen(param), None)
    st.session_state[_at(param)] = _page()
    if param in st.query_params:
        del st.query_params[param]


def forget(param: str) -> None:
    """Carry a choice to no further page, as something else takes its place there."""
    st.session_state.pop(_seen(param), None)


def arriving(param: str) -> bool:
    """Return whether this page was entered since a page last followed or withdrew a parameter."""
    return bool(st.session_state.get(_at(param)) != _page())


def carried(param: str) -> str | None:
    """Return what the address names, or else what was published last, here or elsewhere."""
    value: str | None = st.query_params.get(param, st.session_state.get(_seen(param)))
    return value


def _page() -> str:
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.page_script_hash


def _at(param: str) -> str:
    return f"_link_at_{param}"


def _seen(param: str) -> str:
    return f"_link_{param}"


def _fault(param: str) -> str:
    return f"_link_fault_{param}"
