"""From what a person hands over (files, folders, zips, uploads) to slices, one by one."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from core.errors import InputError, TooLargeError, UnreadableError
from core.imaging.archive import Member, iter_members, member_names
from core.imaging.decode import decode_image
from core.imaging.disk import kind_of, load, unopened
from core.imaging.limits import Limits, default_limits
from core.imaging.names import safe_name, suffix_of
from core.imaging.parsed import check_volume
from core.imaging.sandbox import NO_ORDER, OrderKey, order_key
from core.imaging.signature import (
    EXTENSIONS,
    IMAGES,
    KNOWN_EXTENSIONS,
    SUPPORTED,
    detect,
    looks_like_image,
    require,
)
from core.imaging.volume import parse_volume, to_slices
from core.types import Slice

_OTHER_SUFFIXES = KNOWN_EXTENSIONS - EXTENSIONS["dicom"]


@dataclass(frozen=True, eq=False)
class InputItem:
    """One slice that was read, or one file that could not be.

    Attributes:
        file: Where it came from: a path as given, or `zip/member`; control characters removed.
        slice: The slice; None where there is an error.
        error: What is wrong; None where there is a slice.
        slices: How many slices the file holds.
    """

    file: str
    slice: Slice | None = None
    error: InputError | None = None
    slices: int = 1


@dataclass(frozen=True, eq=False)
class InputFile:
    """One file with all its slices, or the reason why it has none.

    Attributes:
        file: As `InputItem.file`.
        member: Its path in the zip as written there, not safe to show; empty outside a zip.
        slices: Its slices, in anatomical order; empty where there is an error.
        error: What is wrong; None where there are slices.
    """

    file: str
    member: str = ""
    slices: tuple[Slice, ...] = ()
    error: InputError | None = None

    def items(self) -> Iterator[InputItem]:
        """Yield the slices one by one, or the error."""
        if self.error is not None:
            yield InputItem(self.file, error=self.error)
        for slice_ in self.slices:
            yield InputItem(self.file, slice=slice_, slices=len(self.slices))


def read_bytes(
    data: bytes, name: str = "image", limits: Limits | None = None, volume: int = 0
) -> list[Slice]:
    """Read one uploaded file.

    Args:
        data: The whole file.
        name: Its name; made safe before it is used.
        limits: Bounds; the settings' limits by default.
        volume: Which volume of a 4-D NIfTI file, from 0; any other file holds one.

    Returns:
        One slice of a still image; every slice of a volume in anatomical order.

    Raises:
        InputError: With one sentence for a person, as `core.imaging.decode.decode_image`. A zip
            is refused here; `iter_bytes` reads it.
    """
    limits = limits or default_limits()
    kind = require(data, SUPPORTED)
    if kind in IMAGES:
        check_volume(volume)
        return [decode_image(data, name, limits)]
    return to_slices(parse_volume(data, limits, volume), name, limits)


def read_path(
    path: str | os.PathLike[str], limits: Limits | None = None, volume: int = 0
) -> list[Slice]:
    """Read one file from disk, as `read_bytes`.

    Raises:
        InputError: If the file can't be opened or read.
    """
    limits = limits or default_limits()
    return read_bytes(load(Path(path), limits), Path(path).name, limits, volume)


def iter_bytes(data: bytes, name: str, limits: Limits | None = None) -> Iterator[InputItem]:
    """Yield the slices of one upload, which may be a zip; what is wrong becomes an item too."""
    for file in iter_files(data, name, limits):
        yield from file.items()


def iter_files(data: bytes, name: str, limits: Limits | None = None) -> Iterator[InputFile]:
    """Yield the files of one upload, as `iter_bytes`, each with all its slices."""
    limits = limits or default_limits()
    shown = safe_name(name)
    if detect(data) == "zip":
        yield from _guarded(shown, partial(_zip_files, io.BytesIO(data), shown, limits))
    else:
        yield _file(shown, partial(read_bytes, data, name, limits))


def iter_inputs(
    paths: Iterable[str | os.PathLike[str]], limits: Limits | None = None
) -> Iterator[InputItem]:
    """Yield the slices of files, folders and zips, each read when it is asked for.

    Folders are walked recursively in sorted order, the DICOM files of a folder by series and
    position; files that are no images by name nor by content are passed over. A file that
    can't be read yields an item with its error, and the others still come.

    Args:
        paths: Files, folders and zips.
        limits: Bounds; the settings' limits by default.
    """
    limits = limits or default_limits()
    for path in walk_inputs(paths, limits):
        yield from open_input(path, shown_path(path), limits)


def walk_inputs(paths: Iterable[str | os.PathLike[str]], limits: Limits) -> Iterator[Path]:
    """Yield the files that `iter_inputs` reads, in order; a folder without images as itself."""
    for path in map(Path, paths):
        # Unlike Path.is_dir, it takes a name that no file can have.
        if os.path.isdir(path):
            files = _walk(path, limits)
            yield next(files, path)
            yield from files
        else:
            yield path


def open_input(path: Path, shown: str, limits: Limits, volume: int = 0) -> Iterator[InputItem]:
    """Yield the slices of one path of `walk_inputs`; what is wrong becomes an item too.

    Args:
        path: A file, a zip, or a folder without images.
        shown: The path as records show it.
        limits: Bounds of what is read.
        volume: As in `read_bytes`, of every file.
    """
    if os.path.isdir(path):
        rule = "A folder holds at least one image. Received: none."
        yield InputItem(shown, error=UnreadableError(rule))
    elif kind_of(path) == "zip":
        for file in _guarded(shown, partial(_zip_path_files, path, shown, limits, volume)):
            yield from file.items()
    else:
        yield from _file(shown, partial(read_path, path, limits, volume)).items()


def _file(shown: str, read: Callable[[], list[Slice]], member: str = "") -> InputFile:
    try:
        return InputFile(shown, member, tuple(read()))
    except InputError as error:
        # Its traceback would keep the whole file in memory for as long as the error lives.
        return InputFile(shown, member, error=type(error)(str(error)))


def _guarded(shown: str, files: Callable[[], Iterator[InputFile]]) -> Iterator[InputFile]:
    try:
        yield from files()
    except InputError as error:
        yield InputFile(shown, error=error)


def _zip_path_files(path: Path, shown: str, limits: Limits, volume: int) -> Iterator[InputFile]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > limits.max_inflated_bytes:
                raise TooLargeError("A zip is smaller than what it may inflate to. Received: more.")
            yield from _zip_files(file, shown, limits, volume)
    except OSError as error:
        raise unopened(error) from error


def _zip_files(file: BinaryIO, shown: str, limits: Limits, volume: int = 0) -> Iterator[InputFile]:
    found = False
    for member in _members(file, limits):
        found = True
        name = f"{shown}/{safe_name(member.name)}"
        if member.error is not None:
            yield InputFile(name, member.name, error=member.error)
        else:
            read = partial(read_bytes, member.data, member.name, limits, volume)
            yield _file(name, read, member.name)
    if not found:
        raise UnreadableError("A zip holds at least one image. Received: none.")


def _members(file: BinaryIO, limits: Limits) -> Iterator[Member]:
    """Yield a zip's members; DICOM ones by series and position, like those of a folder."""
    keys: dict[str, OrderKey] = {}
    # Names of DICOM files often are identifiers, whose last number looks like a suffix.
    if any(suffix_of(name) not in _OTHER_SUFFIXES for name in member_names(file, limits)):
        try:
            for member in iter_members(file, limits):
                if detect(member.data) == "dicom":
                    keys[member.name] = order_key(member.data)
        except InputError:
            # The second pass meets it again, after the members that can be read.
            keys.clear()
    yield from iter_members(file, limits, keys)


def _walk(folder: Path, limits: Limits) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        others, dicoms = [], []
        for name in sorted(files):
            path = Path(root) / name
            if name.startswith("."):
                continue
            kind = kind_of(path)
            if kind == "dicom":
                dicoms.append(path)
            elif looks_like_image(name) or kind in SUPPORTED:
                others.append(path)
        yield from others
        yield from _ordered(dicoms, limits)


def _ordered(paths: list[Path], limits: Limits) -> list[Path]:
    """Order the DICOM files of one folder by series and by position in the patient."""
    if len(paths) < 2:
        return paths

    def key(path: Path) -> OrderKey:
        try:
            return order_key(load(path, limits))
        except InputError:
            return NO_ORDER

    return sorted(paths, key=key)


def shown_path(path: Path) -> str:
    """Return a path as records show it, without what can't be printed."""
    # Bytes that are no UTF-8 come as surrogates, which can't be printed either.
    return "".join(ch if ch.isprintable() else "_" for ch in str(path))
