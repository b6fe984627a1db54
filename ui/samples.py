"""Slices to try: from the configured folder of real ones, or else drawn phantoms."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.data.phantom import draw_phantom
from core.errors import UnreadableError
from core.imaging import inputs
from core.labels import CLASSES, canonical, describe
from core.types import Slice
from ui.language import _

_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".dcm")
_TEST_FOLDERS: Final = {"test", "testing"}
_DEPTH: Final = 3
_PHANTOMS: Final = 6
_DEPTH_DRAWN: Final = 24


@dataclass(frozen=True)
class Sample:
    """One entry of the sample picker.

    Attributes:
        id: Short name for the address, such as `glioma-3` or `phantom-1`.
        label: Key of the class that the dataset gives it; None for phantoms.
        path: File of a real slice; None for phantoms.
        seed: Seed of a phantom.
        depth: Number of slices of a drawn volume; 0 for a single slice.
        held_out: Whether the shipped manifest's test split holds it; a model of another split may
            have learned from it all the same.
    """

    id: str
    label: str | None = None
    path: Path | None = None
    seed: int = 0
    depth: int = 0
    held_out: bool = False

    @property
    def title(self) -> str:
        """Name for a person, in the language of the moment."""
        number = self.id.rpartition("-")[2]
        if self.label is not None:
            return f"{describe(self.label).name} {number}"
        if self.depth:
            return _("Phantom volume (synthetic)")
        return _("Phantom {number} (synthetic)").format(number=number)

    @property
    def synthetic(self) -> bool:
        """Whether the picture is drawn rather than acquired."""
        return self.path is None


def available(
    data_dir: Path | None, held_out: Collection[str] = (), per_class: int = 6
) -> list[Sample]:
    """Return what the picker offers.

    Args:
        data_dir: Folder of class folders, with or without split folders above them.
        held_out: Paths of the manifest's test split, as the manifest writes them.
        per_class: How many real slices to offer of each class, spread over the folder.

    Returns:
        Real slices where the folder holds any: those of the manifest's test split where it
        knows some, else of a test folder, else any. Phantoms otherwise. The same folder gives
        the same list.
    """
    real = []
    if data_dir is not None and data_dir.is_dir():
        real = _real(data_dir, frozenset(held_out), per_class)
    if real:
        return real
    drawn = [Sample(f"phantom-{i}", seed=i) for i in range(1, _PHANTOMS + 1)]
    volume = Sample("phantom-volume", seed=_PHANTOMS + 1, depth=_DEPTH_DRAWN)
    return [*drawn, volume]


def load(sample: Sample) -> Slice:
    """Read or draw a sample.

    Raises:
        InputError: If the file can't be used, or is gone.
    """
    if sample.path is None:
        return draw_phantom(sample.seed, lesion=CLASSES[sample.seed % len(CLASSES)]).slice
    return inputs.read_bytes(read_file(sample, sample.path), sample.path.name)[0]


def read_file(sample: Sample, path: Path) -> bytes:
    """Return the bytes of a real sample's file.

    Raises:
        UnreadableError: If the file is gone, or can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(
            f"A sample's file can be read. Received: {type(error).__name__} for {sample.id}."
        ) from error


def _real(root: Path, held_out: frozenset[str], per_class: int) -> list[Sample]:
    files = [
        path
        for folder in _class_folders(root)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _ENDINGS
    ]
    unseen = [path for path in files if _names(path, root) & held_out]
    tests = [path for path in files if _in_test_folder(path, root)]
    classes: dict[str, list[Path]] = {}
    for path in unseen or tests or files:
        classes.setdefault(canonical(path.parent.name), []).append(path)
    samples = []
    for label in sorted(classes):
        found = classes[label]
        step = max(1, len(found) // per_class)
        for number, path in enumerate(found[::step][:per_class], 1):
            samples.append(Sample(f"{label}-{number}", label, path, held_out=bool(unseen)))
    return samples


def _names(path: Path, root: Path) -> set[str]:
    """Return how a manifest may name a file: below the folder, or below its parent."""
    relative = path.relative_to(root).as_posix()
    return {relative, f"{root.name}/{relative}"}


def _in_test_folder(path: Path, root: Path) -> bool:
    return any(part.lower() in _TEST_FOLDERS for part in path.relative_to(root).parts[:-1])


def _class_folders(root: Path) -> list[Path]:
    """Return the folders below `root` that hold pictures themselves, in order."""
    found = []
    for here, folders, files in os.walk(root):
        path = Path(here)
        folders.sort()
        if len(path.relative_to(root).parts) >= _DEPTH:
            folders.clear()
        if path != root and any(name.lower().endswith(_ENDINGS) for name in files):
            found.append(path)
    return found
