"""Reports and predictions on disk."""

import csv
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DatasetError
from core.evaluation.calibration import softmax
from core.evaluation.inputs import EvaluationInputs
from core.files import parse_json, replacing, write_json

SCHEMA = 1
DIGITS = 6

# Every key of a report, with the type that its value has once read from JSON.
_FIELDS: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "model": (str,),
    "created": (str,),
    "version": (str,),
    "command": (str,),
    "manifest": (dict,),
    "split": (str,),
    "labels": (list,),
    "n": (int,),
    "n_groups": (int,),
    "accuracy": (dict,),
    "macro": (dict,),
    "per_class": (dict,),
    "confusion": (list,),
    "per_source": (dict,),
    "calibration": (dict,),
    "threshold": (dict,),
    "conformal": (dict,),
    "curves": (dict,),
    "external": (dict, type(None)),
    "within_patient": (dict, type(None)),
    "localisation": (dict, type(None)),
    "shipped_split": (dict, type(None)),
}
_INTERVAL_KEYS = {"value", "low", "high", "n"}


def plain(value: Any) -> Any:
    """Return a JSON-ready copy: floats rounded to six digits, None in place of NaN."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, DIGITS) if isfinite(value) else None
    return value


def check_report(report: Any) -> dict[str, Any]:
    """Check that a value has the outline of a report and return it.

    Raises:
        DatasetError: If a field is missing or of the wrong kind.
    """
    if not isinstance(report, dict):
        raise DatasetError(f"A report is a JSON object. Received: {type(report).__name__}.")
    if report.get("schema") != SCHEMA:
        raise DatasetError(
            f"A report has schema {SCHEMA}; evaluate the model again to renew an old one. "
            f"Received: {report.get('schema')!r}."
        )
    missing = [name for name in _FIELDS if name not in report]
    if missing:
        raise DatasetError(
            f"A report has the fields that `evaluate` writes. Received: one without "
            f"{', '.join(missing)}."
        )
    for name, kinds in _FIELDS.items():
        if not isinstance(report[name], kinds) or isinstance(report[name], bool):
            wanted = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
            raise DatasetError(
                f"A report's {name} is of type {wanted}. Received: {type(report[name]).__name__}."
            )
    labels, confusion = report["labels"], report["confusion"]
    if not all(isinstance(label, str) for label in labels) or set(labels) != set(
        report["per_class"]
    ):
        raise DatasetError(
            "A report's per_class has one entry per label. "
            f"Received: {list(report['per_class'])} for the labels {labels}."
        )
    if len(confusion) != len(labels) or any(
        not isinstance(row, list) or len(row) != len(labels) for row in confusion
    ):
        raise DatasetError(
            f"A report's confusion has one row and one column per label ({len(labels)}). "
            f"Received: {len(confusion)} rows."
        )
    if set(report["accuracy"]) != _INTERVAL_KEYS:
        raise DatasetError(
            f"A report's accuracy has {', '.join(sorted(_INTERVAL_KEYS))}. "
            f"Received: {sorted(report['accuracy'])}."
        )
    return report


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a report as JSON, whole or not at all.

    Args:
        path: Where it should end up; its folder is created.
        report: From `build_report`.

    Raises:
        DatasetError: If it isn't a report.
        OutputError: If the file can't be written.
    """
    write_json(Path(path), plain(check_report(report)))


def read_report(path: Path) -> dict[str, Any]:
    """Read a report and check its outline.

    Raises:
        DatasetError: If the file is missing, unreadable, not JSON or not a report.
    """
    path = Path(path)
    # Screens show it to visitors, whom the server's other folders don't concern.
    name = Path(path.parent.name, path.name)
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DatasetError(
            f"A report must exist before it is read; `evaluate` writes it. Received: {name}."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"A report is a readable text file. Received: {name}.") from error
    except ValueError as error:
        raise DatasetError(f"A report is a JSON file. Received: {name}, {error}.") from error
    return check_report(value)


def write_predictions(path: Path, inputs: EvaluationInputs, temperature: float) -> None:
    """Write one row per image: what it is, what was predicted and every probability.

    Columns: `path, source, group, label, predicted, confidence, p_<label>…`; probabilities
    are calibrated and have six digits.

    Args:
        path: Where the CSV should end up, usually `predictions.csv` beside the report.
        inputs: What the report was computed from.
        temperature: The report's temperature, `report["calibration"]["temperature"]`.

    Raises:
        OutputError: If the file can't be written.
    """
    probabilities = softmax(inputs.logits, temperature)
    predicted = probabilities.argmax(axis=1)
    header = ["path", "source", "group", "label", "predicted", "confidence"]
    with (
        replacing(Path(path)) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header + [f"p_{label}" for label in inputs.labels])
        for k, row in enumerate(probabilities):
            writer.writerow(
                [
                    inputs.paths[k],
                    inputs.sources[k],
                    inputs.groups[k],
                    inputs.labels[int(inputs.y[k])],
                    inputs.labels[int(predicted[k])],
                    f"{row.max():.6f}",
                    *(f"{p:.6f}" for p in row),
                ]
            )
