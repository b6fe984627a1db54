"""Runs a piece of work in a forked process and kills it without warning, at a moment of choice.

A moment is a time, or the n-th change of the file system: the process then ends just before
that change. Forking spares every try the imports; nothing here may have run TensorFlow before.
"""

import contextlib
import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 240.0
Tell = Callable[[str], None]
Work = Callable[[Tell], None]
_CHANGES = frozenset(
    {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree"}
)


@dataclass(frozen=True)
class Ending:
    """How a try ended.

    Attributes:
        killed: Whether it was killed before its end.
        seconds: How long it took.
        changes: How many changes of the file system it made; 0 where it was killed.
        told: The lines that the work told.
    """

    killed: bool
    seconds: float
    changes: int
    told: tuple[str, ...]


class WorkFailedError(AssertionError):
    """The work ended with an error of its own."""


def can_kill() -> bool:
    """Tell whether this system has what `run` needs."""
    return hasattr(os, "fork") and hasattr(os, "pidfd_open")


def run(
    work: Work,
    folder: Path,
    *,
    after: float | None = None,
    change: int | None = None,
) -> Ending:
    """Do the work in a process of its own.

    Args:
        work: What to do; it may tell lines, which are known even if it is killed afterwards.
        folder: Changes below it count.
        after: Seconds after which the process is killed.
        change: Number of the change, from 1, before which the process is killed.

    Raises:
        WorkFailedError: If the work failed, or took longer than is to be expected.
    """
    reading, writing = os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(work, folder, writing, change)
    os.close(writing)
    handle = os.pidfd_open(child)
    try:
        limit = PATIENCE if after is None else after
        if not select.select([handle], [], [], limit)[0]:
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    finally:
        os.close(handle)
    seconds = time.perf_counter() - started
    # Not until its end: a process that the child started may hold the pipe still.
    os.set_blocking(reading, False)
    lines = _drained(reading).splitlines()
    os.close(reading)
    told = tuple(line[1:] for line in lines if line.startswith(">"))
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if killed and after is None and change is None:
        raise WorkFailedError(f"no end within {PATIENCE:.0f} seconds")
    if not killed and status != 0:
        raise WorkFailedError("\n".join(lines))
    changes = next((int(line[1:]) for line in lines if line.startswith("=")), 0)
    return Ending(killed, seconds, changes, told)


def _drained(reading: int) -> str:
    parts = []
    with contextlib.suppress(BlockingIOError):
        while part := os.read(reading, 65_536):
            parts.append(part)
    return b"".join(parts).decode()


def _live(work: Work, folder: Path, writing: int, change: int | None) -> None:
    """Be the child: never returns."""

    def say(sign: str, text: str) -> None:
        os.write(writing, f"{sign}{text}\n".encode())

    try:
        count = _watch(folder, change)
        work(lambda text: say(">", text))
        say("=", str(count()))
        os._exit(0)
    except BaseException:  # noqa: BLE001 - told to the parent, which raises it
        os.write(writing, traceback.format_exc()[-4000:].encode())
        os._exit(1)


def _watch(folder: Path, change: int | None) -> Callable[[], int]:
    """Count changes below a folder and end the process before one of them."""
    seen, below = 0, str(folder)

    def counts(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "ctypes.dlsym":
            return arguments[1] == "renameat2"
        if event == "open":
            path, _, flags = arguments
            written = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            return bool(written) and str(path).startswith(below)
        return event in _CHANGES and str(arguments[0]).startswith(below)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if counts(event, arguments):
            seen += 1
            if seen == change:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: seen


def moments(
    count: int, whole: Ending, rng: random.Random, by_changes: bool = True
) -> list[dict[str, Any]]:
    """Choose random moments of a piece of work: times and changes in turn.

    Args:
        count: How many.
        whole: How the work ended when it was left alone.
        rng: Where chance comes from.
        by_changes: Whether every other moment is a change; else all are times.

    Returns:
        Keyword arguments for `run`.
    """
    found: list[dict[str, Any]] = []
    for number in range(count):
        if number % 2 and by_changes:
            found.append({"change": rng.randint(1, whole.changes)})
        else:
            found.append({"after": rng.uniform(0.0, whole.seconds)})
    return found
