"""Tables from a report, every number with its interval."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.figures.style import number
from core.labels import describe
from core.wording import _, mark, told
from core.wording import number as written

_COLUMNS = {
    "precision": mark("Precision"),
    "recall": mark("Recall (sensitivity)"),
    "specificity": mark("Specificity"),
    "f1": "F1",
    "roc_auc": "ROC AUC",
}


def with_interval(entry: Mapping[str, Any], digits: int = 3) -> str:
    """Write a value with its 95 % interval: `0.952 [0.931, 0.970]`.

    Args:
        entry: `value`, `low` and `high`, each a number or None.
        digits: Digits after the point.

    Returns:
        The text; `–` without a value, and the bare value without an interval.
    """
    value, low, high = (number(entry.get(name)) for name in ("value", "low", "high"))
    if value is None:
        return "–"
    if low is None or high is None:
        return written(value, digits)
    return _("{value} [{low}, {high}]").format(
        value=written(value, digits), low=written(low, digits), high=written(high, digits)
    )


def metric_table(report: Mapping[str, Any], digits: int = 3) -> pd.DataFrame:
    """Return one row per class and a last one with the macro averages.

    Args:
        report: A report as `core.evaluation.report.read_report` returns it.
        digits: Digits after the point.
    """
    rows = [
        {_("Class"): describe(label).name, _("Slices"): entry["support"]}
        | {told(title): with_interval(entry[metric], digits) for metric, title in _COLUMNS.items()}
        for label in report["labels"]
        for entry in [report["per_class"][label]]
    ]
    rows.append(
        {_("Class"): _("Macro average"), _("Slices"): report["n"]}
        | {
            told(title): with_interval(report["macro"][metric], digits)
            for metric, title in _COLUMNS.items()
        }
    )
    return pd.DataFrame(rows)
