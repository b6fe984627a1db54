"""What commands share when they write: columns for a person, and a look before long work."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.errors import OutputError


def check_writable(path: Path) -> None:
    """Check that a folder can be written, or made, without leaving a trace.

    Args:
        path: The folder; it and its parents need not exist yet.

    Raises:
        OutputError: If nothing can be written there.
    """
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(
            f"The output folder must be writable. Received: {path.name}, "
            f"{(error.strerror or str(error)).lower()}."
        ) from error


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Align rows of text.

    Args:
        rows: The rows, all of one length; the last column is not padded.
        right: Positions of columns that are aligned to the right.

    Returns:
        One line per row.
    """
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if number in right else text.ljust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
