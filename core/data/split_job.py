"""Splits that a screen asks for: in a process of its own, each in a folder of its own.

They lie in `runs/splits/<name>/`, so that none ever takes the place of the shipped manifest.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.data.assign import check_fractions
from core.data.catalogue import class_folders, has_images
from core.data.phantom import write_phantom_dataset
from core.errors import DatasetError, OutputError, RunError
from core.jobs import Job, check_allowed, check_name, read_job, start_job
from core.settings import get_settings

SPLITS_FOLDER: Final = "splits"
SPLIT: Final = "split"
PRACTICE: Final = "phantoms-synthetic"
_LARGEST_SEED: Final = 2**32 - 1
_PRACTICE_PER_CLASS: Final = 40


@dataclass(frozen=True)
class MadeSplit:
    """A split that was asked for on a screen.

    Attributes:
        name: Its name.
        folder: Where it lies.
        job: The process that makes or made it; None where its record is gone.
    """

    name: str
    folder: Path
    job: Job | None

    @property
    def manifest(self) -> Path:
        """Path of the manifest, whether it is there yet or not."""
        return self.folder / "manifest.csv"

    @property
    def state(self) -> str:
        """`running`, `ready` or `failed`."""
        if self.job is not None and self.job.running:
            return "running"
        return "ready" if self.manifest.is_file() else "failed"


def dataset_folders() -> list[Path]:
    """Return the datasets that a form offers.

    Returns:
        The configured data folder where it is a dataset itself, and those of its folders that
        are; last the drawn practice dataset, if there is one.
    """
    settings = get_settings()
    found: list[Path] = []
    root = settings.data_dir
    if root is not None and root.is_dir():
        places = [root, *sorted(p for p in root.iterdir() if p.is_dir())]
        found = [place for place in places if _is_dataset(place)]
    practice = settings.runs_dir / "practice" / PRACTICE
    return [*found, practice] if _is_dataset(practice) else found


def _is_dataset(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    # One class alone teaches nothing, and a folder of datasets may hold one of plain pictures.
    return sum(has_images(inner) for inner, _ in class_folders(folder)) >= 2


def draw_practice() -> Path:
    """Draw a small dataset of phantoms to practise with; an existing one stays as it is.

    Returns:
        Its folder, whose name says that it is synthetic.

    Raises:
        OutputError: If the runs folder can't be written.
    """
    folder = get_settings().runs_dir / "practice" / PRACTICE
    if _is_dataset(folder):
        return folder
    return write_phantom_dataset(folder, _PRACTICE_PER_CLASS, layout="flat", size=96)


def start_split(folders: Sequence[Path], fractions: Sequence[float], seed: int, name: str) -> Job:
    """Start to split datasets without leakage.

    Args:
        folders: Of `dataset_folders`.
        fractions: Wanted shares of train, val and test.
        seed: 0 to 4,294,967,295.
        name: Of the split; a new one.

    Returns:
        The job, in the split's new folder.

    Raises:
        RunError: If the name isn't plain or is taken, or jobs are switched off.
        DatasetError: If no dataset is chosen or one isn't offered, or fractions or seed break
            their rules.
    """
    check_allowed()
    check_name(name)
    shares = check_fractions(fractions)
    if not 0 <= seed <= _LARGEST_SEED:
        raise DatasetError(f"A seed lies in 0 to {_LARGEST_SEED}. Received: {seed}.")
    offered = {folder.resolve() for folder in dataset_folders()}
    chosen = [folder.resolve() for folder in folders]
    if not chosen or not offered.issuperset(chosen):
        shown = ", ".join(folder.name for folder in chosen) or "none"
        raise DatasetError(
            f"A split is made of one or more datasets of the data folder. Received: {shown}."
        )
    target = get_settings().runs_dir / SPLITS_FOLDER / name
    try:
        target.mkdir(parents=True)
    except FileExistsError as error:
        raise RunError(f"A new split needs a new name. Received: '{name}', taken.") from error
    except OSError as error:
        raise RunError(f"The runs folder must be writable. Received: {error.strerror}.") from error
    words = [SPLIT, *map(str, chosen), f"--out={(target / 'manifest.csv').resolve()}"]
    return start_job(
        target, SPLIT, [*words, f"--seed={seed}", "--fractions", *(f"{s:g}" for s in shares)]
    )


def made_splits() -> list[MadeSplit]:
    """Return what was asked for on screens, newest first."""
    base = get_settings().runs_dir / SPLITS_FOLDER
    if not base.is_dir():
        return []
    folders = [folder for folder in base.iterdir() if folder.is_dir()]
    folders.sort(key=lambda folder: -folder.stat().st_mtime)
    return [MadeSplit(folder.name, folder, read_job(folder, SPLIT)) for folder in folders]


def forget(made: MadeSplit) -> None:
    """Remove what is left of a split that failed, so that its name is free again.

    Raises:
        RunError: If it is being made or is ready.
        OutputError: If it can't be removed.
    """
    if made.state != "failed":
        raise RunError(f"Only a split that failed is cleared. Received: '{made.name}'.")
    try:
        shutil.rmtree(made.folder)
    except OSError as error:
        raise OutputError(
            f"The runs folder must be writable. Received: {error.strerror}."
        ) from error
