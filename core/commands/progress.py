"""Progress bars on stderr, with the time left; stdout stays free for records."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

Progress = Callable[[int, int, str], None]


def open_bar(total: int | None, what: str, unit: str = "it", delay: float = 0.5) -> "tqdm[Any]":
    """Open a bar: lively on a terminal, a state every ten seconds in a log file.

    Args:
        total: How much there is to do, if known.
        what: What is being done.
        unit: What is counted.
        delay: Seconds before the bar shows at all.
    """
    lively = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=what,
        unit=unit,
        delay=delay,
        file=sys.stderr,
        leave=not lively,
        dynamic_ncols=lively,
        mininterval=0.1 if lively else 10.0,
        maxinterval=10.0,
    )


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a function of (done, total, what) that draws a bar for each `what` in turn."""
    bar: tqdm[Any] | None = None

    def show(done: int, total: int, what: str) -> None:
        nonlocal bar
        if bar is None or bar.desc != f"{what}: ":
            if bar is not None:
                bar.close()
            bar = open_bar(total, what)
        bar.total = total
        bar.update(max(done - bar.n, 0))

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def say(text: str) -> None:
    """Print a line on stderr without tearing a bar apart."""
    tqdm.write(text, file=sys.stderr)
