"""Files on disk: told apart by their content, read whole or not at all."""

import os
from dataclasses import replace
from pathlib import Path

from core.errors import UnreadableError
from core.imaging.limits import Limits
from core.imaging.signature import HEAD_BYTES, IMAGES, SUPPORTED, detect


def kind_of(path: Path) -> str:
    """Return a file's kind as `core.imaging.signature.detect`; `unknown` if it can't be opened."""
    try:
        # A pipe or a device would block or never end.
        if not os.path.isfile(path):
            return "unknown"
        with path.open("rb") as file:
            return detect(file.read(HEAD_BYTES))
    except OSError:
        return "unknown"


def load(path: Path, limits: Limits) -> bytes:
    """Read one file.

    A person's own disk may hold large volumes: DICOM and NIfTI may have as many bytes as a
    compressed one may inflate to, everything else `max_bytes`.

    Raises:
        TooLargeError: If it is larger.
        UnreadableError: If it can't be opened, or is no plain file.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise UnreadableError("A path names a plain file. Received: a special file.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD_BYTES)
            if detect(head) in SUPPORTED - IMAGES:
                most = max(limits.max_bytes, limits.max_inflated_bytes)
                limits = replace(limits, max_bytes=most)
            limits.check_bytes(size)
            # One byte more than allowed: a file that grows meanwhile is refused, never cut.
            data = head + file.read(max(limits.max_bytes + 1 - len(head), 0))
            limits.check_bytes(len(data))
            return data
    except (OSError, ValueError) as error:
        raise unopened(error) from error


def unopened(error: OSError | ValueError) -> UnreadableError:
    """Return what a person is told of a file that can't be opened."""
    # A ValueError: NUL or half a character in the name.
    reason = error.strerror if isinstance(error, OSError) else "a name that no file can have"
    return UnreadableError(
        f"A path names a file that can be opened. Received: {(reason or 'none').lower()}."
    )
