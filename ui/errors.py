"""The one place where GliaLens errors become boxes on a screen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import GliaLensError
from ui.language import told

# What Markdown, GitHub's autolinks and Streamlit's `:red[…]` and `:material/…:` react to.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>$~|#@]|:(?=\S)|(?<=www)\.|^[-+=]|^\d+(?=[.)])")
# All but the spaces that keep a sign on the line of its number or word.
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")


def plain(text: str) -> str:
    """Escape a text so that Markdown shows it letter by letter, without links or images."""
    return _SPECIAL.sub(_escape, _SPACES.sub(" ", text).strip())


def _escape(match: re.Match[str]) -> str:
    found = match.group()
    return f"{found}\\" if found[0].isdigit() else f"\\{found}"


def show(error: GliaLensError) -> None:
    """Show an error's sentence."""
    st.error(plain(told(str(error))), icon=":material/error:")


@contextmanager
def noted() -> Iterator[None]:
    """Show a `GliaLensError` raised inside and go on after the block: the rest needs it not."""
    try:
        yield
    except GliaLensError as error:
        show(error)


@contextmanager
def shown() -> Iterator[None]:
    """Show a `GliaLensError` raised inside and stop the script there."""
    try:
        yield
    except GliaLensError as error:
        show(error)
        st.stop()
