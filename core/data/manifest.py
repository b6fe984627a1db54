"""The manifest: which image belongs to which split, checked when it is read."""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Final

from core import __version__
from core.data.catalogue import SetAside
from core.errors import DatasetError
from core.files import parse_json, replacing, write_json

COLUMNS: Final = ("path", "label", "group", "split", "source")
SPLITS: Final = ("train", "val", "test")


@dataclass(frozen=True)
class ManifestRow:
    """One image of a manifest.

    Attributes:
        path: Path relative to the dataset root, with forward slashes.
        label: Class key.
        group: Images that must stay together share it.
        split: `train`, `val` or `test`.
        source: Name of the dataset's folder.
    """

    path: str
    label: str
    group: str
    split: str
    source: str


@dataclass(frozen=True)
class Manifest:
    """A manifest that passed its checks.

    Attributes:
        rows: One row per image, in the file's order.
        root: Folder that the rows' paths are relative to.
        sha256: Digest of the manifest file's bytes.
    """

    rows: tuple[ManifestRow, ...]
    root: Path
    sha256: str

    def check_files(self) -> None:
        """Check that every image is there.

        Raises:
            DatasetError: If files are missing; the message gives their number and the first.
        """
        # Unlike Path.is_file, it calls a name that no file can have missing, too.
        missing = [row.path for row in self.rows if not os.path.isfile(self.root / row.path)]
        if missing:
            raise DatasetError(
                f"Every file of a manifest exists below {self.root.name!r}. "
                f"Received: {len(missing)} of {len(self.rows)} missing, first {_short(missing[0])}."
            )


def meta_path(path: Path) -> Path:
    """Return the sidecar of a manifest: `manifest.csv` has `manifest.meta.json`."""
    return path.with_name(f"{path.stem}.meta.json")


def count_rows(rows: Iterable[ManifestRow]) -> dict[str, dict[str, dict[str, int]]]:
    """Count images per source, split and label, each sorted."""
    counts = Counter((row.source, row.split, row.label) for row in rows)
    out: dict[str, dict[str, dict[str, int]]] = {}
    for source in sorted({key[0] for key in counts}):
        for split in SPLITS:
            labels = sorted(label for s, p, label in counts if (s, p) == (source, split))
            if labels:
                out.setdefault(source, {})[split] = {
                    label: counts[source, split, label] for label in labels
                }
    return out


def _row_fault(row: ManifestRow) -> str | None:
    if not all(astuple(row)):
        return "A manifest's fields are not empty."
    path = PurePosixPath(row.path)
    if path.is_absolute() or ".." in path.parts or "\\" in row.path:
        return "A manifest's paths are relative, with forward slashes, and stay below the root."
    if row.split not in SPLITS:
        return f"A manifest's splits are {', '.join(SPLITS)}."
    return None


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else text[:200] + "…")


def check_rows(rows: Sequence[ManifestRow], lines: Sequence[int] | None = None) -> None:
    """Check the rules that hold for a manifest.

    Args:
        rows: The rows.
        lines: Line number of each row for the message; 2, 3, … by default.

    Raises:
        DatasetError: For the first row that breaks a rule: an empty field, an absolute path
            or one that leaves the root, an unknown split, a path named twice, or a group in
            two splits.
    """
    if not rows:
        raise DatasetError("A manifest lists at least one image. Received: none.")
    seen: dict[str, int] = {}
    groups: dict[str, tuple[str, int]] = {}
    for row, line in zip(rows, lines or range(2, len(rows) + 2), strict=True):
        fault = _row_fault(row)
        if fault:
            raise DatasetError(f"{fault} Received: {_short(','.join(astuple(row)))} (line {line}).")
        if row.path in seen:
            raise DatasetError(
                f"A manifest names each image once. Received: {_short(row.path)} "
                f"(lines {seen[row.path]} and {line})."
            )
        seen[row.path] = line
        split, earlier = groups.setdefault(row.group, (row.split, line))
        if split != row.split:
            raise DatasetError(
                f"A group stays in one split. Received: group {_short(row.group)} in {split} "
                f"(line {earlier}) and in {row.split} (line {line})."
            )


def read_manifest(path: Path, root: Path | None = None) -> Manifest:
    """Read and check a manifest.

    Args:
        path: The CSV file.
        root: Folder that the paths are relative to. By default the sidecar names it, and
            without a sidecar it is the manifest's own folder.

    Returns:
        The manifest. Whether its files exist is checked by `Manifest.check_files`.

    Raises:
        DatasetError: If the file can't be read or breaks a rule; the message names the line.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"A manifest is a readable CSV file in UTF-8. Received: {path.name!r}, "
            f"{error.strerror if isinstance(error, OSError) else 'not UTF-8'}."
        ) from error
    rows: list[ManifestRow] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise DatasetError(
                f"A manifest's first line is {','.join(COLUMNS)}. "
                f"Received: {','.join(header)[:200]!r} in {path.name!r}."
            )
        for values in reader:
            if len(values) != len(COLUMNS):
                raise DatasetError(
                    f"A manifest's rows have {len(COLUMNS)} fields. Received: {len(values)} "
                    f"(line {reader.line_num})."
                )
            rows.append(ManifestRow(*values))
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DatasetError(
            f"A manifest is a CSV file. Received: {error} (line {reader.line_num})."
        ) from error
    check_rows(rows, lines)
    if root is None:
        root = path.parent / str(read_meta(path).get("root", "."))
    return Manifest(tuple(rows), Path(os.path.normpath(root)), sha256(data).hexdigest())


def read_meta(path: Path) -> dict[str, Any]:
    """Read a manifest's sidecar.

    Args:
        path: The manifest, not the sidecar.

    Returns:
        The sidecar's content; empty where there is none.

    Raises:
        DatasetError: If the sidecar is there but isn't a JSON object.
    """
    sidecar = meta_path(path)
    if not sidecar.is_file():
        return {}
    try:
        meta = parse_json(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"A manifest's sidecar is JSON. Received: {sidecar.name!r}, which can't be read."
        ) from error
    if not isinstance(meta, dict):
        raise DatasetError(
            f"A manifest's sidecar is a JSON object. Received: {type(meta).__name__}."
        )
    return meta


def write_manifest(
    path: Path,
    rows: Sequence[ManifestRow],
    root: Path,
    *,
    seed: int | None = None,
    fractions: Sequence[float] | None = None,
    excluded: Sequence[SetAside] = (),
    extra: dict[str, Any] | None = None,
) -> Manifest:
    """Write a manifest and its sidecar, each atomically; the same rows give the same bytes.

    Args:
        path: The CSV file to write; the sidecar `<stem>.meta.json` is laid beside it.
        rows: The rows, written sorted by path.
        root: Folder that the paths are relative to; stored relative to the manifest's folder.
        seed: Seed of the split, for the sidecar.
        fractions: Wanted shares of train, val and test, for the sidecar.
        excluded: Images that were left out, with reasons, for the sidecar.
        extra: Further entries of the sidecar.

    Returns:
        The manifest as `read_manifest` would read it.

    Raises:
        DatasetError: If the rows break a manifest's rules.
        OutputError: If the files can't be written.
    """
    ordered = sorted(rows, key=lambda row: row.path)
    check_rows(ordered)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(row) for row in ordered)
    data = buffer.getvalue().encode()
    meta = {
        "root": Path(os.path.relpath(root.resolve(), path.parent.resolve())).as_posix(),
        "seed": seed,
        "fractions": None if fractions is None else list(fractions),
        "sources": count_rows(ordered),
        "excluded": [{"path": item.path, "reason": item.reason} for item in excluded],
        "version": __version__,
        **(extra or {}),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(data)
        # Both are on disk before either has its name: a full disk leaves the old pair.
        write_json(meta_path(path), meta)
    return Manifest(tuple(ordered), root, sha256(data).hexdigest())
