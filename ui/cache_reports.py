"""What reports and comparisons hold beyond one report, read once per change of a file."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.data.manifest import SPLITS
from core.ensemble import ENSEMBLE
from core.errors import DatasetError
from core.evaluation.side_by_side import StoredPredictions, ensemble_of, read_predictions
from core.settings import get_settings
from ui import cache

_DAY = 24 * 3600
_ROW = {
    "n", "n_groups", "labels", "accuracy", "macro", "per_class", "confusion", "calibration",
    "threshold",
}  # fmt: skip


def report_path(name: str, split: str = "test") -> Path:
    """Return where a model's report on a split lies: `report.json`, or `<split>/report.json`."""
    folder = get_settings().weights_dir / name
    return folder / "report.json" if split == "test" else folder / split / "report.json"


def reports(name: str) -> dict[str, dict[str, Any]]:
    """Return a published model's reports by split; only the splits that have one.

    Raises:
        DatasetError: If one is there but breaks the report's rules.
    """
    found = {}
    for split in ("test", *(s for s in SPLITS if s != "test")):
        if (report := cache.report_at(report_path(name, split))) is not None:
            found[split] = report
    return found


def predictions(name: str, split: str = "test") -> StoredPredictions | None:
    """Return what a published model said of every slice of a split; None where nothing is stored.

    Raises:
        DatasetError: If the file is there but isn't such a table.
    """
    path = report_path(name, split).with_name("predictions.csv")
    return _predictions(str(path), path.stat().st_mtime_ns) if path.is_file() else None


@st.cache_resource(max_entries=12, show_spinner=False)
def _predictions(path: str, stamp: int) -> StoredPredictions:
    return read_predictions(Path(path))


def stored_of(comparison: dict[str, Any]) -> dict[str, StoredPredictions]:
    """Return the stored predictions of a comparison's models, its ensemble last.

    Raises:
        DatasetError: If a file is there but isn't such a table.
    """
    stored = {
        name: found for name in comparison["models"] if (found := predictions(name)) is not None
    }
    ensemble = comparison.get("ensemble")
    members = list((ensemble or {}).get("members") or [])
    if members and all(name in stored for name in members):
        paths = [report_path(name).with_name("predictions.csv") for name in members]
        stamps = tuple(path.stat().st_mtime_ns for path in paths)
        stored[ENSEMBLE] = _ensemble(tuple(members), str(get_settings().weights_dir), stamps)
    return stored


@st.cache_resource(max_entries=2, show_spinner=False)
def _ensemble(members: tuple[str, ...], folder: str, stamps: tuple[int, ...]) -> StoredPredictions:
    return ensemble_of([found for name in members if (found := predictions(name)) is not None])


def comparison() -> dict[str, Any] | None:
    """Return what `compare` wrote, or None where it wrote nothing yet.

    Raises:
        DatasetError: If the file isn't such a comparison.
    """
    found = cache.read_json(get_settings().weights_dir / "comparison.json")
    if found is None:
        return None
    wanted = {"schema", "models", "pairs", "ensemble", "notes", "command", "created"}
    if (
        not isinstance(found, dict)
        or not wanted <= found.keys()
        or not isinstance(found["models"], dict)
        or not found["models"]
        or not all(isinstance(row, dict) and row.keys() >= _ROW for row in found["models"].values())
    ):
        raise DatasetError(
            "A comparison has the fields that `python -m core compare` writes. "
            "Received: another file as comparison.json."
        )
    return found


def is_stale(comparison: dict[str, Any]) -> bool:
    """Say whether the published models are others than those that were compared.

    Told by content: a checkout gives files the times of their copying. A report that can't be read
    says nothing about it; the screen shows its fault elsewhere.
    """
    ready = {status.name for status in cache.statuses() if status.ready}
    if ready != set(comparison["models"]):
        return True
    for name, row in comparison["models"].items():
        try:
            report = reports(name).get("test")
        except DatasetError:
            continue
        if report is None or any(row[key] != report[key] for key in ("n", "confusion", "accuracy")):
            return True
    return False
