"""Fetch the public Kaggle dataset."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from core.data.catalogue import Progress, discover
from core.errors import DatasetError, DownloadError, OutputError

KAGGLE_DATASET: Final = "masoudnickparvar/brain-tumor-mri-dataset"
# The archive has about 150 MB, which exist twice while it is unpacked and once as the copy.
_NEEDED_BYTES: Final = 600 * 1024 * 1024


def _check_dest(dest: Path) -> Path:
    """Return the nearest existing folder above `dest` after checking that it can be filled."""
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise OutputError(
            f"The destination is a new or empty folder. Received: {dest.name!r}, "
            + ("which isn't empty." if dest.is_dir() else "which is a file.")
        )
    parent = dest.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(parent).free
    except OSError as error:
        raise OutputError(
            f"The output must be writable. Received: {dest.name}, {error.strerror or error}."
        ) from error
    if not os.access(parent, os.W_OK):
        raise OutputError(f"The output must be writable. Received: {dest.name}, not permitted.")
    if free < _NEEDED_BYTES:
        raise OutputError(
            f"The download needs {_NEEDED_BYTES // 2**20} MB of free space. "
            f"Received: {free // 2**20} MB."
        )
    return parent


def _kaggle_download(dataset: str) -> Path:
    try:
        import kagglehub
        from kagglehub import exceptions
    except ImportError as error:
        raise DownloadError(
            "The download needs the package kagglehub. Received: an installation without it."
        ) from error
    # The errors of requests are OSErrors; kagglehub's own have no common base.
    failures = (
        OSError,
        ValueError,
        exceptions.BackendError,
        exceptions.CredentialError,
        exceptions.DataCorruptionError,
        exceptions.KaggleEnvironmentError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
    )
    try:
        return Path(kagglehub.dataset_download(dataset))
    except failures as error:
        raise DownloadError(
            f"The dataset {dataset} is fetched from kaggle.com, which must be reachable. "
            f"Received: {type(error).__name__}. Download it in a browser instead, and give "
            "the unpacked folder."
        ) from error


def fetch_kaggle(dest: Path, progress: Progress | None = None) -> Path:
    """Download the Kaggle "Brain Tumor MRI Dataset" (M. Nickparvar, CC0).

    Args:
        dest: New or empty folder; it is there only once everything is.
        progress: Called now and then with (done, total, what).

    Returns:
        `dest`.

    Raises:
        DownloadError: If Kaggle can't be reached, or what came is no dataset.
        OutputError: If the destination isn't empty, can't be written or lacks space.
    """
    parent = _check_dest(dest)
    if progress:
        progress(0, 1, "downloading")
    fetched = _kaggle_download(KAGGLE_DATASET)
    files = [path for path in sorted(fetched.rglob("*")) if path.is_file()]
    if not files:
        raise DownloadError("A download holds the dataset's images. Received: nothing.")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{dest.name}.", dir=parent) as temporary:
            whole = Path(temporary) / "data"
            for done, file in enumerate(files, 1):
                target = whole / file.relative_to(fetched)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                if progress and (done % 100 == 0 or done == len(files)):
                    progress(done, len(files), "copying")
            try:
                discover(whole)
            except DatasetError as error:
                raise DownloadError(f"The download is no dataset: {error}") from error
            if dest.is_dir():
                dest.rmdir()
            whole.replace(dest)
    except OSError as error:
        raise OutputError(
            f"The output must be writable. Received: {dest.name}, {error.strerror or error}."
        ) from error
    return dest
