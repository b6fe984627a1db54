"""Writing files whole or not at all, and reading JSON without surprises."""

import ctypes
import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import OutputError


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it into place on success.

    Args:
        path: Where the file should end up; its folder is created.
        suffix: Ending of the temporary name, for writers that look at it.

    Yields:
        The temporary path to write to.

    Raises:
        OutputError: If the folder or the file can't be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes files private; published ones follow the umask like any other.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"The output must be writable. Received: {path.name}, {error.strerror or error}."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def reserve(path: Path, size: int | None = None) -> None:
    """Take up room on disk before something writes that a full disk would end with a crash.

    Memory maps and HDF5 are of that kind. Systems that can't reserve are left as they are.

    Args:
        path: A file that is there.
        size: Bytes; what the file's length promises by default.

    Raises:
        OSError: If there is no room.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, max(1, size or path.stat().st_size))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise


def exchange(first: Path, second: Path) -> bool:
    """Let two files or folders swap their names at one moment, so that neither is ever missing.

    Args:
        first: One of them.
        second: The other, on the same file system.

    Returns:
        False where the system or the file system can't do it; nothing has changed then.
    """
    if sys.platform != "linux":
        return False
    here, swapped = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None).renameat2
    except AttributeError:
        return False
    return bool(rename(here, os.fsencode(first), here, os.fsencode(second), swapped) == 0)


def parse_json(text: str) -> Any:
    """Parse JSON more strictly than Python does: what one reader sees, every reader sees.

    Args:
        text: The document.

    Raises:
        ValueError: If it isn't JSON, names a key twice, holds NaN, infinity or half of a
            surrogate pair, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if "\\ud" in text.lower():
        # Half a pair parses, but no file, screen or response could hold it.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that is there twice")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name}, which JSON doesn't know")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, without NaN; see `replacing`."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
