"""Core's sentences for people, and the one place where an interface may put another language.

Core speaks English. An interface that speaks more installs a look-up with `install`. Two
ways lead there. `_` translates at once: for sentences that are built where they are shown
(readings, figures, the printed report). `mark` names a sentence that is kept in results and
files, where it stays English, so that `told` recognises and translates it when it is shown.
"""

from collections.abc import Callable
from typing import Protocol


class Words(Protocol):
    """What `install` asks for: another language's words."""

    def gettext(self, message: str) -> str:
        """Return a sentence in another language."""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the singular or the plural of a sentence in another language."""

    def told(self, text: str) -> str:
        """Return a finished English sentence in another language."""


_words: Callable[[], Words | None] = lambda: None  # noqa: E731


def install(current: Callable[[], Words | None]) -> None:
    """Let `_` and `ngettext` ask for the words anew each time; None stands for English.

    Args:
        current: Called at every sentence, from any thread.
    """
    global _words
    _words = current


def _(message: str) -> str:
    """Return a sentence in the language of the moment.

    Args:
        message: The English sentence, a literal, with `{name}` where `.format` fills in.
    """
    words = _words()
    return message if words is None else words.gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the singular or the plural of a sentence in the language of the moment.

    Args:
        one: The English singular, a literal.
        many: The English plural, a literal.
        count: What decides.
    """
    words = _words()
    if words is None:
        return one if count == 1 else many
    return words.ngettext(one, many, count)


def mark(message: str) -> str:
    """Return a sentence unchanged; marked so, it is extracted and known to `told`.

    Args:
        message: The English sentence, a literal, with `{name}` where `.format` fills in.
    """
    return message


def told(text: str) -> str:
    """Return a finished English sentence in the language of the moment.

    Args:
        text: A marked sentence, its places filled, such as `The file holds 4 volumes.`; any
            other text is returned as it is.
    """
    words = _words()
    return text if words is None else words.told(text)


def separators() -> str:
    """Return the decimal sign and the thousands separator, in this order, as Plotly takes them."""
    # The decimal sign, then the thousands separator.
    return _(".,")


def number(value: float, digits: int = 0) -> str:
    """Write a number with the separators of the language of the moment.

    Args:
        value: Any finite number.
        digits: Digits after the decimal sign.
    """
    return f"{value:,.{digits}f}".translate(str.maketrans(".,", separators()))
