"""What a person hands over for a batch, and the way back from a row to its file's bytes."""

import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import InputError, TooLargeError, UnreadableError
from core.imaging.archive import iter_members, member_names
from core.imaging.inputs import InputFile, iter_files
from core.imaging.limits import MEGABYTE, Limits, default_limits
from core.imaging.names import safe_name
from core.imaging.signature import SUPPORTED, detect, looks_like_image
from core.labels import canonical
from core.settings import DASHBOARD_BATCH_MB

MAX_BYTES: Final = DASHBOARD_BATCH_MB * MEGABYTE
"""Most bytes of one batch; they stay in memory so that a row can be opened again."""
_PARTS: Final = 4


@dataclass(frozen=True)
class Source:
    """One upload.

    Attributes:
        name: Its name, with folders where a whole folder was uploaded; not safe to show.
        data: All of its bytes.
        synthetic: Whether GliaLens drew the picture itself; no file tells.
    """

    name: str
    data: bytes
    synthetic: bool = False


def check_total(sources: Sequence[Source]) -> None:
    """Refuse a batch that is too large to keep.

    Raises:
        TooLargeError: If the uploads together exceed `MAX_BYTES`.
    """
    total = sum(len(source.data) for source in sources)
    if total > MAX_BYTES:
        raise TooLargeError(
            f"A batch may have at most {MAX_BYTES / MEGABYTE:.4g} MB. "
            f"Received: {-(-total // MEGABYTE)} MB."
        )


def is_candidate(source: Source) -> bool:
    """Tell whether a file of a folder may be an image or a zip; others are passed over."""
    kind = detect(source.data)
    return not _hidden(source.name) and (
        kind == "zip" or kind in SUPPORTED or looks_like_image(source.name)
    )


def count_files(source: Source, limits: Limits | None = None) -> int:
    """Return how many files a source seems to hold; at least 1, cheap, and not exact."""
    if detect(source.data) != "zip":
        return 1
    try:
        names = member_names(io.BytesIO(source.data), limits or default_limits())
    except InputError:
        return 1
    return max(1, sum(looks_like_image(name) and not _hidden(name) for name in names))


def open_source(source: Source, limits: Limits | None = None) -> Iterator[InputFile]:
    """Yield the files of one upload; what is wrong with one is said in its place.

    A zip is bounded by what it may inflate to, any other file by `max_bytes`.
    """
    limits = limits or default_limits()
    if detect(source.data) != "zip":
        try:
            limits.check_bytes(len(source.data))
        except TooLargeError as error:
            yield InputFile(safe_name(source.name), error=error)
            return
    yield from iter_files(source.data, source.name, limits)


def full_path(source: Source, member: str) -> str:
    """Return folders, upload and member as one raw path; not safe to show."""
    return f"{source.name}/{member}" if member else source.name


def safe_path(raw: str) -> str:
    """Return a path for a person: its last parts, each made safe as `safe_name` does."""
    parts = [part for part in re.split(r"[\\/]", raw) if part not in ("", ".", "..")]
    return "/".join(safe_name(part) for part in parts[-_PARTS:]) or safe_name(raw)


def folder_label(raw: str, labels: Collection[str]) -> str | None:
    """Return the class that a path's innermost telling folder names, or None.

    Args:
        raw: Path of a file, with either kind of slash.
        labels: Class keys to look for; `core.labels.canonical` reads the folders.
    """
    for part in reversed(re.split(r"[\\/]", raw)[:-1]):
        key = canonical(part)
        if key in labels:
            return key
    return None


def fetch(source: Source, member: str, limits: Limits | None = None) -> bytes:
    """Return the bytes of one file again.

    Args:
        source: The upload.
        member: Its path in the zip as written there; empty for the upload itself.
        limits: Bounds; the settings' limits by default.

    Raises:
        InputError: If the zip can't be read, or has no such member.
    """
    if not member:
        return source.data
    for found in iter_members(io.BytesIO(source.data), limits or default_limits()):
        if found.name == member and found.error is None:
            return found.data
    raise UnreadableError("A row's file is in its zip. Received: a zip without it.")


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in re.split(r"[\\/]", name))
