"""Find the images and classes of a dataset folder, whatever its usual layout."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from core.errors import DatasetError
from core.labels import canonical

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done)."""

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
SPLIT_FOLDERS: Final[dict[str, str]] = {
    "training": "train",
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
    "test": "test",
}
_RULE: Final = (
    "A dataset folder holds one folder of images per class, directly or inside "
    "Training/Testing or train/val/test."
)


@dataclass(frozen=True)
class CatalogueImage:
    """One image of a dataset.

    Attributes:
        path: Path relative to the dataset's root, with forward slashes.
        label: Class key, as `core.labels.canonical` gives it.
        shipped_split: `train`, `val` or `test` where the folders say so, else None.
    """

    path: str
    label: str
    shipped_split: str | None = None


@dataclass(frozen=True)
class SetAside:
    """A file that is left out, and why.

    Attributes:
        path: Path relative to the dataset's root, with forward slashes.
        reason: One sentence for a person.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """What a dataset folder holds.

    Attributes:
        root: The folder as it was given.
        source: The folder's name, which stands for the dataset in manifests.
        images: Files whose header names an image, sorted by path.
        unreadable: Files that look like images by name, but aren't.
    """

    root: Path
    source: str
    images: tuple[CatalogueImage, ...]
    unreadable: tuple[SetAside, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Class keys present, sorted."""
        return tuple(sorted({image.label for image in self.images}))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith((".", "__MACOSX"))
    )


def _image_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith((".", "__MACOSX")))
        for name in sorted(names):
            # macOS leaves `._x.jpg` beside `x.jpg` in archives.
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                yield Path(parent) / name


def has_images(folder: Path) -> bool:
    """Say whether a folder itself holds a file that looks like an image by name."""
    return any(
        entry.is_file() and entry.suffix.lower() in IMAGE_SUFFIXES for entry in folder.iterdir()
    )


def class_folders(root: Path) -> list[tuple[Path, str | None]]:
    """Return each class folder with its shipped split; empty where the layout is unknown."""
    children = _subfolders(root)
    splits = [child for child in children if child.name.strip().lower() in SPLIT_FOLDERS]
    if splits:
        return [
            (folder, SPLIT_FOLDERS[split.name.strip().lower()])
            for split in splits
            for folder in _subfolders(split)
        ]
    # Archives often wrap everything in one more folder.
    if len(children) == 1 and not has_images(root) and not has_images(children[0]):
        inner = class_folders(children[0])
        if inner:
            return inner
    return [(child, None) for child in children]


def _why_unreadable(path: Path) -> str | None:
    try:
        if path.stat().st_size == 0:
            return "The file is empty (0 bytes)."
        with Image.open(path):
            return None
    except Image.DecompressionBombError:
        return "The image has too many pixels."
    except (OSError, ValueError, SyntaxError):
        return "The file's content is not an image."


def discover(root: Path) -> Catalogue:
    """List the images of a dataset folder.

    Known layouts: `Training/Testing`, `train/val/test`, `train/test` and flat class folders,
    any of them inside one wrapping folder. Class names are free. Only headers are read, so a
    file with broken pixels is found later, when it is decoded.

    Args:
        root: The dataset's folder.

    Returns:
        Images and unreadable files, sorted by path.

    Raises:
        DatasetError: If the folder is missing or holds no class folder with an image file.
    """
    if not root.is_dir():
        raise DatasetError(f"{_RULE} Received: {root.name!r}, which is not a folder.")
    try:
        folders = class_folders(root)
        found = [
            (path, canonical(folder.name), split)
            for folder, split in folders
            for path in _image_files(folder)
        ]
    except PermissionError as error:
        raise DatasetError(f"A dataset folder must be readable. Received: {error}.") from error
    if not found:
        names = [entry.name for entry in sorted(root.iterdir())]
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise DatasetError(
            f"{_RULE} Received: {root.name!r} with "
            + (
                f"{len(names)} entries ({shown}) and no class folder of images."
                if names
                else "nothing in it."
            )
        )
    images: list[CatalogueImage] = []
    unreadable: list[SetAside] = []
    for path, label, split in found:
        relative = path.relative_to(root).as_posix()
        try:
            relative.encode()
        except UnicodeEncodeError:
            shown = relative.encode(errors="backslashreplace").decode()
            unreadable.append(SetAside(shown, "The file's name is not valid Unicode."))
            continue
        reason = _why_unreadable(path)
        if reason is None:
            images.append(CatalogueImage(relative, label, split))
        else:
            unreadable.append(SetAside(relative, reason))
    return Catalogue(
        root,
        root.resolve().name,
        tuple(sorted(images, key=lambda image: image.path)),
        tuple(sorted(unreadable, key=lambda item: item.path)),
    )
