"""The caches of models, answers and cards; those of reports, scans and maps are beside this one.

Keys are the content (digest of the pixels, bytes of the file) or a file's path with its
time of change, so new weights or a new report show without a restart.
"""

import gc
import json
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core import inference
from core.data.folds import keep_fold
from core.data.manifest import Manifest, read_manifest, read_meta
from core.errors import DatasetError, RunError
from core.evaluation.report import read_report
from core.imaging import inputs
from core.models import registry
from core.settings import PROJECT_ROOT, get_settings
from core.types import Analysis, Slice
from ui.audits import is_audit
from ui.language import told
from ui.samples import Sample, available, load

if TYPE_CHECKING:
    from core.inference import Predictor
    from core.models.registry import ModelStatus

_DAY = 24 * 3600
_HOUR = 3600
_WORKERS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="warm-up")


def statuses() -> list["ModelStatus"]:
    """Return the registry's models in order, ready or not; looked up anew when files change.

    Titles and reasons are in the session's language.
    """
    folder = get_settings().weights_dir
    return [
        replace(s, title=told(s.title), reason=s.reason and told(s.reason))
        for s in _statuses(str(folder), _folder_stamp(folder))
    ]


@st.cache_resource(max_entries=8, show_spinner=False)
def _statuses(folder: str, stamp: int) -> list["ModelStatus"]:
    return registry.statuses(Path(folder))


def stamp(name: str) -> int:
    """Return a number that changes whenever a model's published files change."""
    return _folder_stamp(get_settings().weights_dir / name)


def _folder_stamp(folder: Path) -> int:
    """Sum up the times of change of a folder's files, one level of sub-folders included."""
    times = [p.stat().st_mtime_ns for p in (*folder.glob("*"), *folder.glob("*/*")) if p.is_file()]
    return hash((len(times), *sorted(times)))


@st.cache_resource(max_entries=3, show_spinner=False)
def _future(name: str, folder: str, stamp: int) -> "Future[Predictor]":
    """Start loading a predictor in the background; at most three stay in memory."""

    def load() -> "Predictor":
        predictor = inference.get_predictor(name, Path(folder))
        predictor.warm_up()
        _settle()
        return predictor

    return _WORKERS.submit(load)


def _settle() -> None:
    """Take what lives as long as the process out of the garbage collector's sight.

    Streamlit collects all garbage after every run of a script. With TensorFlow loaded that is
    half a second in which no picture is sent; what was frozen isn't looked through again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def warm(name: str) -> "Future[Predictor]":
    """Start loading and warming a model in a background thread, and return at once."""
    folder = str(get_settings().weights_dir)
    key = stamp(name)
    future = _future(name, folder, key)
    if future.done() and future.exception() is not None:
        # A failed load isn't kept: the next visit tries again.
        _future.clear(name, folder, key)
    return future


def analysis(name: str, slice_: Slice) -> Analysis:
    """Return a model's answer and its Grad-CAMs; computed once per model and picture.

    Args:
        name: Name of a ready model.
        slice_: The decoded slice.

    Raises:
        UnknownModelError: If the registry has no such model.
        ModelNotReadyError: If its weights are missing or damaged.
    """
    return _analysis(name, stamp(name), slice_)


@st.cache_data(
    ttl=_HOUR,
    max_size="256MB",
    show_spinner=False,
    hash_funcs={Slice: lambda slice_: (slice_.sha256, slice_.notes, slice_.colourful)},
)
def _analysis(name: str, stamp: int, slice_: Slice) -> Analysis:
    return warm(name).result().analyse(slice_)


@st.cache_data(ttl=_HOUR, max_size="256MB", show_spinner=False)
def slices(data: bytes, name: str) -> list[Slice]:
    """Decode a file's bytes once.

    Args:
        data: The whole file.
        name: Its name, used to tell formats apart; never shown as it is.

    Raises:
        InputError: If the bytes can't be used.
    """
    return inputs.read_bytes(data, name)


def read_json(path: Path) -> Any | None:
    """Return a JSON file's content, or None where there is no such file.

    Raises:
        DatasetError: If the file isn't JSON.
    """
    if not path.is_file():
        return None
    return _json(str(path), path.stat().st_mtime_ns)


@st.cache_data(max_entries=32, ttl=_DAY, show_spinner=False)
def _json(path: str, stamp: int) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(
            f"{Path(path).name} holds JSON. Received: text that isn't ({error})."
        ) from error


def report(name: str) -> dict[str, Any] | None:
    """Return a published model's evaluation report, or None where it has none.

    Raises:
        GliaLensError: If the file is there but breaks the report's rules.
    """
    return report_at(get_settings().weights_dir / name / "report.json")


def report_at(path: Path) -> dict[str, Any] | None:
    """Return the report in a file, or None where there is none; raises as `report`."""
    return _report(str(path), path.stat().st_mtime_ns) if path.is_file() else None


@st.cache_data(max_entries=24, ttl=_DAY, show_spinner=False)
def _report(path: str, stamp: int) -> dict[str, Any]:
    return read_report(Path(path))


def manifest() -> Manifest | None:
    """Return the shipped manifest, or None where there is none.

    Raises:
        DatasetError: If the file is there but breaks a manifest's rules.
    """
    path = get_settings().weights_dir / "manifest.csv"
    return _manifest(str(path), path.stat().st_mtime_ns) if path.is_file() else None


@st.cache_resource(max_entries=2, show_spinner=False)
def _manifest(path: str, stamp: int) -> Manifest:
    return read_manifest(Path(path))


def manifest_meta() -> dict[str, Any]:
    """Return the shipped manifest's sidecar; empty where there is none.

    Raises:
        DatasetError: If the sidecar isn't a JSON object.
    """
    return read_meta(get_settings().weights_dir / "manifest.csv")


def audit() -> dict[str, Any] | None:
    """Return the shipped audit, or None where there is none.

    Raises:
        DatasetError: If the file isn't a JSON object.
    """
    found = read_json(get_settings().weights_dir / "audit.json")
    if found is not None and not isinstance(found, dict):
        raise DatasetError(f"An audit is a JSON object. Received: {type(found).__name__}.")
    if found is not None and not is_audit(found):
        raise DatasetError(
            "An audit has the fields that `python -m core audit` writes. "
            "Received: another file as audit.json."
        )
    return found


def samples() -> list[Sample]:
    """Return the sample picker's entries for the configured data folder."""
    settings = get_settings()
    folder = settings.data_dir
    if folder is None:
        return available(None)
    path = settings.weights_dir / "manifest.csv"
    return _samples(str(folder), path.stat().st_mtime_ns if path.is_file() else 0)


@st.cache_data(max_entries=4, ttl=_HOUR, show_spinner=False)
def _samples(folder: str, manifest_stamp: int) -> list[Sample]:
    try:
        found = manifest()
    except DatasetError:
        # The Dataset screen tells what is wrong with it; samples don't depend on it.
        found = None
    held_out = [row.path for row in found.rows if row.split == "test"] if found else []
    return available(Path(folder), held_out)


@st.cache_data(max_entries=64, ttl=_HOUR, show_spinner=False)
def sample_slice(sample: Sample) -> Slice:
    """Read or draw a sample once.

    Raises:
        InputError: If its file can't be used.
    """
    return load(sample)


def file_slice(path: Path) -> Slice:
    """Read one picture of the data folder once.

    Raises:
        InputError: If the file can't be used.
    """
    return _file_slice(str(path), path.stat().st_mtime_ns)


@st.cache_data(max_entries=64, ttl=_HOUR, show_spinner=False)
def _file_slice(path: str, stamp: int) -> Slice:
    return inputs.read_path(path)[0]


def largest_share(manifest: str, fold: str = "") -> float | None:
    """Return the share of the most frequent class among the slices that validate a run.

    Args:
        manifest: Path of the manifest as a run's settings name it.
        fold: The fold that validates, as its settings name it; empty for the whole split.

    Returns:
        The share, in 0 to 1; None where the manifest can't be read, or it or the fold holds no
        such slice.
    """
    path = Path(manifest)
    if not path.is_absolute():
        path = PROJECT_ROOT / path
    return _largest_share(str(path), path.stat().st_mtime_ns, fold) if path.is_file() else None


@st.cache_data(max_entries=32, ttl=_DAY, show_spinner=False)
def _largest_share(path: str, stamp: int, fold: str) -> float | None:
    try:
        rows = keep_fold(read_manifest(Path(path)).rows, fold)
    except (DatasetError, RunError):
        return None
    labels = Counter(row.label for row in rows if row.split == "val")
    return max(labels.values()) / labels.total() if labels else None
