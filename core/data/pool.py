"""Every slice of a manifest, decoded once, as uint8 on disk."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.data.boxes import read_boxes
from core.data.manifest import Manifest, ManifestRow
from core.errors import DatasetError, InputError
from core.files import replacing, reserve, write_json
from core.imaging.decode import decode_image
from core.imaging.preprocess import prepare
from core.types import ByteArray

Progress = Callable[[int, int, str], None]
Box = tuple[float, float, float, float]
# Part of the cache's key: raise it when `prepare` changes what it returns.
_PREPARE_VERSION = 1


@dataclass(frozen=True, eq=False)
class Pool:
    """Prepared slices with what training needs to know of each.

    Attributes:
        images: uint8 of shape (slices, size, size), usually a memory map.
        rows: The manifest's rows, in the same order.
        boxes: Tumour box as fractions of the model input, or None where none is known.
        labels: Class keys in output order.
        targets: int64 of shape (slices,), positions in `labels`.
    """

    images: ByteArray
    rows: tuple[ManifestRow, ...]
    boxes: tuple[Box | None, ...]
    labels: tuple[str, ...]
    targets: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        """Side of the slices in pixels."""
        return int(self.images.shape[1])

    def where(self, split: str) -> npt.NDArray[np.int64]:
        """Return the positions of a split, in the manifest's order."""
        return np.array([i for i, row in enumerate(self.rows) if row.split == split], np.int64)


def manifest_labels(manifest: Manifest) -> tuple[str, ...]:
    """Return the classes of a manifest in output order (sorted)."""
    return tuple(sorted({row.label for row in manifest.rows}))


def manifest_boxes(manifest: Manifest) -> dict[str, Box]:
    """Return the boxes of every source, keyed by the manifest's paths.

    A source's `boxes.csv` lies at the top of its folder; several sources stand side by side
    below the root, a single one is the root itself.
    """
    boxes: dict[str, Box] = {}
    for source in sorted({row.source for row in manifest.rows}):
        for folder, prefix in ((manifest.root / source, f"{source}/"), (manifest.root, "")):
            if (folder / "boxes.csv").is_file():
                found = read_boxes(folder / "boxes.csv")
                boxes.update({prefix + file: box for file, box in found.items()})
                break
    return boxes


def given_boxes(manifest: Manifest, files: Sequence[Path]) -> dict[str, Box]:
    """Return the boxes of given CSV files, keyed by the manifest's paths.

    Args:
        manifest: Its root is what paths are relative to.
        files: `boxes.csv` files; each names images relative to its own folder.

    Raises:
        DatasetError: If a file breaks its rules, or none of its images is in the manifest.
    """
    known = {row.path for row in manifest.rows}
    boxes: dict[str, Box] = {}
    for file in files:
        folder, root = file.resolve().parent, manifest.root.resolve()
        prefix = folder.relative_to(root).as_posix() + "/" if root in folder.parents else ""
        found = {prefix + name: box for name, box in read_boxes(file).items()}
        if not known & found.keys():
            raise DatasetError(
                "A box file names images of the manifest, relative to its own folder. "
                f"Received: '{file.name}', none of whose images is in the manifest."
            )
        boxes.update(found)
    return boxes


def _prepare_row(
    root: Path, row: ManifestRow, box: Box | None, size: int
) -> tuple[ByteArray, Box | None]:
    try:
        slice_ = decode_image((root / row.path).read_bytes(), row.path)
    except (OSError, InputError) as error:
        raise DatasetError(
            f"Every file of a manifest can be read. Received: {row.path}: {error}"
        ) from error
    image, geometry = prepare(slice_.pixels, size)
    return image, None if box is None else geometry.box_to_input(box)


def load_pool(
    manifest: Manifest,
    size: int,
    cache_dir: Path,
    labels: Sequence[str] | None = None,
    progress: Progress | None = None,
    boxes: dict[str, Box] | None = None,
) -> Pool:
    """Decode and prepare every slice of a manifest, or take them from the cache.

    Args:
        manifest: The checked manifest.
        size: Side of the model input in pixels.
        cache_dir: Where the uint8 cache lives; it may be deleted at any time.
        labels: Class keys in output order; the manifest's own, sorted, by default.
        progress: Called with (done, total, what).
        boxes: Tumour boxes by manifest path; those beside the sources by default.

    Returns:
        The pool.

    Raises:
        DatasetError: If files are missing or unreadable, or a label is not among `labels`.
    """
    labels = tuple(labels or manifest_labels(manifest))
    unknown = sorted({row.label for row in manifest.rows} - set(labels))
    if unknown:
        raise DatasetError(
            f"A manifest's labels are among {', '.join(labels)}. Received: {', '.join(unknown)}."
        )
    boxes = manifest_boxes(manifest) if boxes is None else boxes
    manifest.check_files()
    root = str(manifest.root.resolve())
    pool = _digest([manifest.sha256, root, size, _PREPARE_VERSION, sorted(boxes.items())])
    name = f"{pool}-{_digest(_stamps(manifest))}"
    image_file, meta_file = cache_dir / f"{name}.npy", cache_dir / f"{name}.json"
    if not (image_file.is_file() and meta_file.is_file()):
        _fill_cache(manifest, boxes, size, image_file, meta_file, progress)
        _drop_older(image_file, pool)
    images = np.load(image_file, mmap_mode="r", allow_pickle=False)
    stored = json.loads(meta_file.read_text(encoding="utf-8"))
    position = {label: i for i, label in enumerate(labels)}
    return Pool(
        images,
        tuple(manifest.rows),
        tuple(None if box is None else tuple(box) for box in stored),
        labels,
        np.array([position[row.label] for row in manifest.rows], np.int64),
    )


def _digest(facts: Any) -> str:
    return sha256(json.dumps(facts).encode()).hexdigest()[:20]


def _drop_older(kept: Path, pool: str) -> None:
    """Delete the same pool as it was before its files changed: hundreds of megabytes each."""
    for file in kept.parent.glob(f"{pool}-*"):
        if file.stem != kept.stem:
            # Where an open file can't be deleted, it stays until the next change.
            with suppress(OSError):
                file.unlink()


def _stamps(manifest: Manifest) -> list[tuple[str, int, int]]:
    """Return what tells whether a file was replaced: where it lies, its size and its time."""
    found = []
    for path in (manifest.root.resolve() / row.path for row in manifest.rows):
        try:
            status = path.stat()
        except OSError as error:
            raise DatasetError(
                f"Every file of a manifest can be read. Received: {path.name}, {error.strerror}."
            ) from error
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return found


def _fill_cache(
    manifest: Manifest,
    boxes: dict[str, Box],
    size: int,
    image_file: Path,
    meta_file: Path,
    progress: Progress | None,
) -> None:
    total = len(manifest.rows)
    moved: list[Box | None] = []
    with replacing(image_file, suffix=".npy") as temporary:
        images = np.lib.format.open_memmap(temporary, "w+", np.uint8, (total, size, size))
        reserve(temporary)
        # Pillow and OpenCV release the interpreter lock, so threads do.
        with ThreadPoolExecutor(2) as workers:
            prepared = workers.map(
                lambda row: _prepare_row(manifest.root, row, boxes.get(row.path), size),
                manifest.rows,
            )
            for number, (image, box) in enumerate(prepared):
                images[number] = image
                moved.append(box)
                if progress and (number % 100 == 99 or number + 1 == total):
                    progress(number + 1, total, "decode")
        images.flush()
        del images
    write_json(meta_file, moved)
