"""The words of the screens in the reader's language, chosen once per browser session.

Outside a session (commands, tests, background threads) everything is English. Nothing that
is cached for several sessions may hold words: keep keys and English there, and translate
where it is shown.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import wording
from ui.catalogues import DEFAULT, LANGUAGES, Catalogue, read_catalogue

PARAM: Final = "lang"
"""Query parameter that names a language, as in `?lang=fr`."""

_CHOSEN, _SEEN = "_language", "_language_link"
_SPOKEN: ContextVar[str | None] = ContextVar("spoken", default=None)


def current() -> str:
    """Return the code of the session's language, or of `speaking`'s inside it.

    A new `?lang=` in the address wins; then what was chosen before, then the browser's own
    language where there is a catalogue for it.
    """
    if (spoken := _SPOKEN.get()) is not None:
        return spoken
    if get_script_run_ctx(suppress_warning=True) is None:
        return DEFAULT
    state, given = st.session_state, st.query_params.get(PARAM)
    if given != state.get(_SEEN):
        state[_SEEN] = given
        if given in LANGUAGES:
            state[_CHOSEN] = given
    if _CHOSEN not in state:
        # "fr-CA" and "fr_FR" are French; a browser may tell nothing at all.
        asked = re.split("[-_]", st.context.locale or DEFAULT)[0].lower()
        state[_CHOSEN] = asked if asked in LANGUAGES else DEFAULT
    return str(state[_CHOSEN])


def choose(language: str) -> None:
    """Speak another language from the next run of the script on.

    Args:
        language: A key of `LANGUAGES`.
    """
    st.session_state[_CHOSEN] = language
    if PARAM in st.query_params:
        # An address that names a language goes on naming the one on the screen.
        st.query_params[PARAM] = st.session_state[_SEEN] = language


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language inside the block, in a thread that belongs to no session, too.

    Args:
        language: What `current` returned in the session that the work is done for.
    """
    token = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def _words() -> Catalogue | None:
    return read_catalogue(current())


wording.install(_words)


def _(message: str) -> str:
    """Return a sentence in the chosen language.

    Args:
        message: The English sentence, a literal, with `{name}` where `.format` fills in.
    """
    return wording._(message)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the singular or the plural of a sentence in the chosen language.

    Args:
        one: The English singular, a literal.
        many: The English plural, a literal.
        count: What decides.
    """
    return wording.ngettext(one, many, count)


def told(text: str) -> str:
    """Return a sentence of core in the chosen language: a warning, a note, a summary.

    Args:
        text: As results and files keep it, in English; unknown texts are returned as they are.
    """
    return wording.told(text)
