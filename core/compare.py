"""All published models side by side: what `compare` writes and the Performance page shows."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from core import __version__
from core.data.manifest import read_manifest
from core.ensemble import ENSEMBLE
from core.errors import DatasetError, ModelNotReadyError
from core.evaluation.side_by_side import (
    StoredPredictions,
    compare_pairs,
    ensemble_of,
    read_predictions,
    summarise_predictions,
)
from core.evaluation.storage import plain, read_report
from core.files import write_json
from core.inference import Predictor, load_folder
from core.models.card import Card
from core.models.registry import statuses
from core.settings import get_settings

SCHEMA: Final = 1
_RUNS = 30
_WARM = 3
Progress = Callable[[int, int, str], None]


def measure_latency(predictor: Predictor, runs: int = _RUNS) -> dict[str, Any]:
    """Time one slice through a model on this machine.

    Args:
        predictor: The model.
        runs: Timed passes of each kind.

    Returns:
        `predict_ms` (logits alone) and `explain_ms` (with the Grad-CAMs of all classes),
        medians in milliseconds; `runs`, `batch_size` 1 and the number of `cpus`.
    """
    size = predictor.card.input_size
    slice_ = np.random.default_rng(0).normal(size=(1, size, size, 1)).astype(np.float32)
    found: dict[str, Any] = {}
    for name, call in (("predict_ms", predictor.logits), ("explain_ms", predictor.maps)):
        seconds = []
        for number in range(_WARM + runs):
            began = time.perf_counter()
            call(slice_)
            if number >= _WARM:
                seconds.append(time.perf_counter() - began)
        found[name] = round(1000.0 * statistics.median(seconds), 3)
    return {**found, "runs": runs, "batch_size": 1, "cpus": os.cpu_count()}


def _row(folder: Path, card: Card, report: dict[str, Any]) -> dict[str, Any]:
    """Return what the card and the report of a published model say."""
    calibration = report["calibration"]
    return {
        "architecture": card.architecture,
        "input_size": card.input_size,
        "init": card.init,
        "mirrored": card.mirrored,
        "n": report["n"],
        "n_groups": report["n_groups"],
        "manifest_sha256": report["manifest"]["sha256"],
        "learned_from": card.learned_from,
        **{key: report[key] for key in ("accuracy", "macro", "per_class", "confusion")},
        "labels": report["labels"],
        "per_source": report["per_source"],
        "calibration": {
            "temperature": calibration["temperature"],
            "ece": calibration["after"]["ece"],
            "ece_interval": calibration["after"].get("ece_interval"),
            "ece_before": calibration["before"]["ece"],
            "bins": calibration["after"]["bins"],
        },
        "threshold": report["threshold"],
        "external": report["external"],
        "within_patient": report["within_patient"],
        "localisation": report["localisation"],
        "parameters": card.raw.get("parameters"),
        "bytes": (folder / "weights.safetensors").stat().st_size,
        "latency": None,
    }


def compare(
    *,
    weights_dir: Path | None = None,
    manifest: Path | None = None,
    out: Path | None = None,
    latency: bool = False,
    resamples: int = 1000,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Set all ready models side by side, from what publishing wrote.

    No model runs unless latency is asked for.

    Args:
        weights_dir: Folder of published weights; the settings' by default.
        manifest: If given, every model must have been measured on this one's test split.
        out: Where to write the comparison as JSON; None writes nothing.
        latency: Whether to load every model and time it.
        resamples: Resamples of groups per interval of what is computed here.
        progress: Called with (done, total, model).

    Returns:
        `schema`, `created`, `version`, `models` (a row by name), `pairs` (see
        `compare_pairs`), `ensemble` (a row; None for fewer than two models of the same
        classes and split) and `notes`.

    Raises:
        ModelNotReadyError: If no model is ready.
        DatasetError: If a report or its predictions are missing or broken, or belong to
            another manifest than the given one.
        OutputError: If the result can't be written.
    """
    weights_dir = weights_dir or get_settings().weights_dir
    ready = [status for status in statuses(weights_dir) if status.ready and status.card]
    if not ready:
        raise ModelNotReadyError("A comparison needs at least one ready model. Received: none.")
    wanted = None if manifest is None else read_manifest(manifest).sha256
    rows: dict[str, dict[str, Any]] = {}
    stored: dict[str, StoredPredictions] = {}
    for number, status in enumerate(ready, start=1):
        folder = weights_dir / status.name
        report = read_report(folder / "report.json")
        if wanted is not None and report["manifest"]["sha256"] != wanted:
            raise DatasetError(
                "Every model of a comparison is measured on its manifest; `publish` again with "
                f"--manifest measures anew. Received: {status.name}, measured on another one."
            )
        assert status.card is not None  # noqa: S101 - narrows the type
        stored[status.name] = read_predictions(folder / "predictions.csv")
        rows[status.name] = _row(folder, status.card, report)
        if latency:
            rows[status.name]["latency"] = measure_latency(load_folder(folder))
        if progress:
            progress(number, len(ready), status.name)
    ensemble, notes = _ensemble(rows, stored, resamples)
    comparison: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "command": "python -m core compare" + (" --latency" if latency else ""),
            "models": rows,
            "pairs": compare_pairs(stored, resamples=resamples),
            "ensemble": ensemble,
            "notes": [*_elsewhere(rows), *notes],
        }
    )
    if out is not None:
        write_json(out, comparison)
    return comparison


def _elsewhere(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Return a sentence for each model that was measured on another manifest than its own."""
    return [
        f"{name} was measured on another manifest than it learned from: some of the images there "
        "may have trained it, and the figures then flatter it."
        for name, row in rows.items()
        if row["learned_from"] not in (None, row["manifest_sha256"])
    ]


def _ensemble(
    rows: dict[str, dict[str, Any]], stored: dict[str, StoredPredictions], resamples: int
) -> tuple[dict[str, Any] | None, list[str]]:
    members: Sequence[StoredPredictions] = list(stored.values())
    if len(members) < 2:
        return None, [f"The {ENSEMBLE} needs at least two ready models."]
    if len({frozenset(member.labels) for member in members}) > 1:
        return None, [f"The {ENSEMBLE} needs models of the same classes."]
    notes = []
    if len({row["manifest_sha256"] for row in rows.values()}) > 1:
        notes.append(
            "The models were measured on different manifests: an image that one of them was "
            "tested on may have trained another, and the comparison flatters that one."
        )
    mean = ensemble_of(members)
    # The mean is accepted as its first member is; see `core.ensemble`.
    threshold = next(iter(rows.values()))["threshold"]["value"]
    row = summarise_predictions(mean, threshold=threshold, resamples=resamples)
    sizes = {key: [r[key] for r in rows.values()] for key in ("parameters", "bytes")}
    return {
        "members": list(stored),
        "labels": list(mean.labels),
        **row,
        **{key: sum(v) if None not in v else None for key, v in sizes.items()},
        # These need outputs that publishing doesn't store.
        "external": None,
        "localisation": None,
    }, notes
