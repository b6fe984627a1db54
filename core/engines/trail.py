"""Which file was being read when a worker died: written before the read, so that it survives.

A worker that is killed can tell nobody. It therefore appends one short line before and one
after each file that it reads. Whoever takes the shard over counts the files that were begun
and never finished.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from core.errors import OutputError

STRIKES: Final = 2
"""How many workers a file may break before it is set aside."""
_BEGUN: Final = "reading"
_DONE: Final = "read"


class Trail:
    """The lines of one shard.

    Lines are only ever appended, and counted without regard to their order, so that two
    workers on one shard (a lost one that still runs) clear each other's files.

    Args:
        path: The trail's file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def broken(self) -> frozenset[int]:
        """Return the positions of the files that broke `STRIKES` workers."""
        try:
            lines = self.path.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return frozenset()
        open_reads: Counter[int] = Counter()
        for line in lines:
            word, _, position = line.partition(" ")
            if position.isdecimal():
                open_reads[int(position)] += {_BEGUN: 1, _DONE: -1}.get(word, 0)
        return frozenset(n for n, strikes in open_reads.items() if strikes >= STRIKES)

    @contextmanager
    def reading(self, position: int) -> Iterator[None]:
        """Mark a file as being read; an exception unmarks it, a death doesn't."""
        self._append(_BEGUN, position)
        try:
            yield
        finally:
            self._append(_DONE, position)

    def remove(self) -> None:
        """Forget the shard, which is finished."""
        self.path.unlink(missing_ok=True)

    def _append(self, word: str, position: int) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                os.write(handle, f"{word} {position}\n".encode("ascii"))
            finally:
                os.close(handle)
        except OSError as error:
            raise OutputError(
                "The folder of shards must be writable. "
                f"Received: {self.path.parent.name}, {error.strerror or error}."
            ) from error
