"""The figures of a check: accuracy, confident answers, classes, latency."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.check_api import Outcome
from core.files import write_json, write_text
from core.labels import describe

_PERCENTILES: Final = (50, 90, 95, 99)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def summarise(outcomes: Sequence[Outcome], threshold: float) -> dict[str, Any]:
    """Return the figures.

    Images that the service refused count in `refused` alone; all shares are of the answered
    ones. An answer is confident from `threshold` on.

    Args:
        outcomes: One per image.
        threshold: Confidence, 0 to 1.

    Returns:
        `images, answered, refused, threshold, classes {label: shares}, latency_ms`, and the
        shares of all: `n, accuracy, confident, confident_correct` (correct and confident, of
        all answered), `accuracy_when_confident`, `accepted`. A share of nothing is None.
    """
    answered = [outcome for outcome in outcomes if outcome.error is None]
    labels = sorted({outcome.label for outcome in answered})
    times = [outcome.ms for outcome in answered]
    return {
        "images": len(outcomes),
        "answered": len(answered),
        "refused": len(outcomes) - len(answered),
        "threshold": threshold,
        **_shares(answered, threshold),
        "classes": {
            label: _shares([o for o in answered if o.label == label], threshold) for label in labels
        },
        "latency_ms": {
            f"p{p}": round(float(np.percentile(times, p)), 2) if times else None
            for p in _PERCENTILES
        },
    }


def _shares(outcomes: Sequence[Outcome], threshold: float) -> dict[str, Any]:
    correct = [outcome.correct for outcome in outcomes]
    confident = [(outcome.confidence or 0.0) >= threshold for outcome in outcomes]
    both = [a and b for a, b in zip(correct, confident, strict=True)]
    return {
        "n": len(outcomes),
        "accuracy": _share(sum(correct), len(outcomes)),
        "confident": _share(sum(confident), len(outcomes)),
        "confident_correct": _share(sum(both), len(outcomes)),
        "accuracy_when_confident": _share(sum(both), sum(confident)),
        "accepted": _share(sum(bool(o.accepted) for o in outcomes), len(outcomes)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def write_results(folder: Path, outcomes: Sequence[Outcome], summary: dict[str, Any]) -> None:
    """Write `results.csv`, one row per image, and `summary.json`.

    Raises:
        OutputError: If the folder can't be written.
    """
    names = [field.name for field in fields(Outcome)]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*names, "correct"], lineterminator="\n")
    writer.writeheader()
    for outcome in outcomes:
        row = asdict(outcome) | {"correct": json.dumps(outcome.correct)}
        # A spreadsheet would run a name that begins like a formula.
        if outcome.path.startswith(_FORMULA):
            row["path"] = "'" + outcome.path
        if outcome.accepted is not None:
            row["accepted"] = json.dumps(outcome.accepted)
        writer.writerow(row)
    write_text(folder / "results.csv", text.getvalue())
    write_json(folder / "summary.json", summary)


def as_text(summary: dict[str, Any]) -> str:
    """Return the figures as a person reads them."""
    head = f"{summary['answered']} of {summary['images']} images answered"
    at = f"{summary['threshold']:.0%}"
    lines = [
        head + (f", {summary['refused']} refused" if summary["refused"] else ""),
        f"accuracy                     {_percent(summary['accuracy'])}",
        f"confident answers (>= {at})   {_percent(summary['confident'])}",
        f"correct, confident answers   {_percent(summary['confident_correct'])}",
        f"accuracy when confident      {_percent(summary['accuracy_when_confident'])}",
        "",
        f"{'class':<20} {'n':>6} {'accuracy':>9} {'confident':>10} {'correct, confident':>19}",
    ]
    lines += [
        f"{describe(label).name:<20} {row['n']:>6} {_percent(row['accuracy']):>9} "
        f"{_percent(row['confident']):>10} {_percent(row['confident_correct']):>19}"
        for label, row in summary["classes"].items()
    ]
    times = ", ".join(
        f"{name} {value:.0f} ms" for name, value in summary["latency_ms"].items() if value
    )
    return "\n".join([*lines, "", f"latency: {times or 'none'}"])


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
