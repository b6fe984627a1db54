"""Zips of slices: read member by member in memory, within bounds, never unpacked to disk."""

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

from core.errors import InputError, TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging.limits import MEGABYTE, Limits
from core.imaging.signature import HEAD_BYTES, SUPPORTED, detect, looks_like_image
from core.wording import mark

# Others (bzip2, LZMA) can demand gigabytes for their dictionaries.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_END_BYTES: Final = 22 + 65535
_ENTRY_BYTES: Final = 1024


@dataclass(frozen=True)
class Member:
    """One image of a zip, or the reason why it can't be read.

    Attributes:
        name: The member's path within the zip, as written there: not safe to show.
        data: Its bytes; empty where there is an error.
        error: What is wrong with it.
    """

    name: str
    data: bytes = b""
    error: InputError | None = None


def member_names(file: BinaryIO, limits: Limits) -> list[str]:
    """Return the names of a zip's files as written there.

    Raises:
        InputError: As `iter_members`.
    """
    with _open(file, limits) as archive:
        return [info.filename for info in _files(archive, limits)]


def iter_members(
    file: BinaryIO, limits: Limits, order: Mapping[str, Any] | None = None
) -> Iterator[Member]:
    """Yield the images of a zip, sorted by name; other kinds of files are passed over.

    Nothing is written to disk, and sizes are counted while inflating rather than believed.

    Args:
        file: A seekable binary file.
        limits: `max_bytes` a member, `max_members`, `max_inflated_bytes` altogether.
        order: Sort keys of some members by name; those come last, in that order.

    Raises:
        UnreadableError: If the archive is damaged.
        TooLargeError: If it has too many members or inflates to too much.
    """
    keys = order or {}
    with _open(file, limits) as archive:
        budget = limits.max_inflated_bytes
        infos = _files(archive, limits)
        plain = [info for info in infos if info.filename not in keys]
        keyed = [info for info in infos if info.filename in keys]
        for info in plain + sorted(keyed, key=lambda info: keys[info.filename]):
            if _hidden(info.filename):
                continue
            member = _read(archive, info, min(limits.max_bytes, budget))
            if member is None:
                continue
            budget -= len(member.data)
            if isinstance(member.error, TooLargeError) and budget < limits.max_bytes:
                raise TooLargeError(
                    "A zip may inflate to at most "
                    f"{limits.max_inflated_bytes / MEGABYTE:.4g} MB. Received: more."
                )
            yield member


def _open(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    _check_directory(file, limits)
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, LookupError) as error:
        raise _damaged() from error


def _files(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_count(len(infos), limits)
    return sorted(infos, key=lambda info: info.filename)


def _check_directory(file: BinaryIO, limits: Limits) -> None:
    """Refuse by the end record, before zipfile builds an object per entry."""
    size = file.seek(0, 2)
    start = max(size - _END_BYTES, 0)
    file.seek(start)
    tail = file.read(_END_BYTES)
    file.seek(0)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < 22:
        raise _damaged()
    if tail[max(end - 20, 0) : end].startswith(b"PK\x06\x07"):
        raise TooLargeError(
            "A zip may have at most 65,535 members and 4 GB. Received: a zip64 archive."
        )
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    _check_count(int.from_bytes(tail[end + 10 : end + 12], "little"), limits)
    if directory > limits.max_members * _ENTRY_BYTES:
        raise TooLargeError(
            f"A zip may have at most {limits.max_members:,} members. "
            f"Received: a directory of {directory:,} bytes."
        )


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.max_members:
        raise TooLargeError(
            f"A zip may have at most {limits.max_members:,} members. Received: {count:,}."
        )


def _damaged() -> UnreadableError:
    return UnreadableError(
        mark("A zip must be whole. Received: an archive that is truncated or damaged.")
    )


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part != ".." for part in parts)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowed: int) -> Member | None:
    """Return an image member, a member with its error, or None for another kind of file."""
    reason = _refusal(info)
    if reason:
        return Member(info.filename, error=UnsupportedTypeError(reason))
    try:
        with archive.open(info) as stream:
            head = stream.read(HEAD_BYTES)
            kind = detect(head)
            if kind == "zip":
                return Member(
                    info.filename,
                    error=UnsupportedTypeError(
                        "A zip holds images directly. Received: a zip inside the zip."
                    ),
                )
            if not (looks_like_image(info.filename) or kind in SUPPORTED):
                return None
            data = head + stream.read(max(allowed - len(head) + 1, 0))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        failure = UnreadableError(
            "A zip's member must be whole. Received: one that is truncated or damaged."
        )
        failure.__cause__ = error
        return Member(info.filename, error=failure)
    if len(data) > allowed:
        return Member(
            info.filename,
            error=TooLargeError(
                f"A zip's member may have at most {allowed / MEGABYTE:.4g} MB. Received: more."
            ),
        )
    return Member(info.filename, data)


def _refusal(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if ".." in path.parts or path.is_absolute() or (path.parts and path.parts[0].endswith(":")):
        return "A zip's members lie inside it. Received: a path that leads out of it."
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "A zip's members are plain files. Received: a link or a special file."
    if info.flag_bits & 0x1:
        return "A zip is read without a password. Received: an encrypted member."
    if info.compress_type not in _METHODS:
        return "A zip's members are stored or deflated. Received: another compression."
    return ""
