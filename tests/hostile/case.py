"""What a bad input is, and what each door must say to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One bad (or only odd) input, made by code.

    Attributes:
        name: What it is, in words.
        kind: `file`, `zip`, `name`, `path`, `manifest`, `dataset`, `boxes`, `run`, `weights`,
            `settings` or `request`: which doors it knocks at (see `test_corpus.py`).
        build: Makes it: bytes of a file, or whatever its kind needs.
        says: Regular expression of the sentence: an error where it is refused, a note where
            it is read; empty where nothing need be said.
        exit: Exit code of the command line; None where it has no such door.
        status: Status of the service; None where it has no such door.
        file: Name under which a file is handed over.
        row: Its number in the list of 52 inputs that the project started from.
    """

    name: str
    kind: str
    build: Callable[..., Any]
    says: str
    exit: int | None = 1
    status: int | None = 422
    file: str = "slice.png"
    row: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether it is read in the end."""
        return self.exit == 0


def fixed(value: Any) -> Callable[..., Any]:
    """Return a builder of something ready."""
    return lambda *_: value
