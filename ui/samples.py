"""Slices to try: from the configured folder of real ones, or else drawn phantoms."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.data.phantom import draw_phantom
from core.errors import UnreadableError
from core.imaging import inputs
from core.labels import canonical, describe
from core.types import Slice

_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".dcm")
_TEST_FOLDERS: Final = {"test", "testing"}
_DEPTH: Final = 3
_PHANTOMS: Final = 6


@dataclass(frozen=True)
class Sample:
    """One entry of the sample picker.

    Attributes:
        id: Short name for the address, such as `glioma-3` or `phantom-1`.
        title: Name for a person.
        label: Key of the class that the dataset gives it; None for phantoms.
        path: File of a real slice; None for phantoms.
        seed: Seed of a phantom.
    """

    id: str
    title: str
    label: str | None = None
    path: Path | None = None
    seed: int = 0

    @property
    def synthetic(self) -> bool:
        """Whether the picture is drawn rather than acquired."""
        return self.path is None


def available(data_dir: Path | None, per_class: int = 6) -> list[Sample]:
    """Return what the picker offers.

    Args:
        data_dir: Folder of class folders, with or without split folders above them.
        per_class: How many real slices to offer of each class, spread over the folder.

    Returns:
        Real slices where the folder holds any (of the test split where there is one),
        phantoms otherwise; the same list for the same folder.
    """
    real = _real(data_dir, per_class) if data_dir is not None and data_dir.is_dir() else []
    if real:
        return real
    return [
        Sample(f"phantom-{i}", f"Phantom {i} (synthetic)", seed=i) for i in range(1, _PHANTOMS + 1)
    ]


def load(sample: Sample) -> Slice:
    """Read or draw a sample.

    Raises:
        InputError: If the file can't be used, or is gone.
    """
    if sample.path is None:
        return draw_phantom(sample.seed, lesion=sample.seed % 3 != 0).slice
    try:
        data = sample.path.read_bytes()
    except OSError as error:
        raise UnreadableError(
            f"A sample's file can be read. Received: {type(error).__name__} for {sample.id}."
        ) from error
    return inputs.read_bytes(data, sample.path.name)[0]


def _real(root: Path, per_class: int) -> list[Sample]:
    classes: dict[str, list[Path]] = {}
    folders = _class_folders(root)
    test = [f for f in folders if _TEST_FOLDERS & {p.lower() for p in f.relative_to(root).parts}]
    for folder in test or folders:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS)
        classes.setdefault(canonical(folder.name), []).extend(files)
    samples = []
    for label in sorted(classes):
        files = classes[label]
        step = max(1, len(files) // per_class)
        for number, path in enumerate(files[::step][:per_class], 1):
            title = f"{describe(label).name} {number}"
            samples.append(Sample(f"{label}-{number}", title, label, path))
    return samples


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
