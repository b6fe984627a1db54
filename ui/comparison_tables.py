"""Tables of a comparison: one row per model, every figure with its interval."""

from typing import Any

import pandas as pd

from core.ensemble import ENSEMBLE
from core.labels import describe
from core.models.registry import MODELS
from ui.language import _, told
from ui.reports import figure_of, interval

Comparison = dict[str, Any]


def title(name: str) -> str:
    """Return a row's name for a person."""
    if name == ENSEMBLE:
        return _("Ensemble (mean)")
    return told(MODELS[name].title) if name in MODELS else name


def rows_of(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """Return the models' rows, and the ensemble's last where there is one."""
    rows = dict(comparison["models"])
    if comparison["ensemble"]:
        rows[ENSEMBLE] = comparison["ensemble"]
    return rows


def _padded(text: str, width: int) -> str:
    """Pad a figure on the left, so that a column of texts sorts by its numbers."""
    number, gap, rest = text.partition(" ")
    return f"{number.rjust(width)}{gap}{rest}"


def share(figure: Any) -> str:
    """Write a share with its interval for a column that sorts."""
    return _padded(interval(figure), 5)


def area(figure: Any) -> str:
    """Write an area under a curve with its interval."""
    return interval(figure, 3, share=False)


def overview(rows: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return one row per model: what it gets right, how honest and how heavy it is."""
    table = []
    for name, row in rows.items():
        latency = row.get("latency") or {}
        size = row.get("bytes")
        table.append(
            {
                _("Model"): title(name),
                _("Accuracy"): share(row["accuracy"]),
                _("Macro F1"): share(row["macro"]["f1"]),
                _("Calibration error"): share(figure_of(row["calibration"], "ece")),
                _("Parameters"): row.get("parameters"),
                _("On disk (MB)"): None if size is None else size / 1e6,
                _("One slice (ms)"): latency.get("predict_ms"),
                _("Explained (ms)"): latency.get("explain_ms"),
            }
        )
    return pd.DataFrame(table)


def per_class(rows: dict[str, dict[str, Any]], metric: str) -> pd.DataFrame:
    """Return one row per model and one column per class for a metric."""
    form = area if metric == "roc_auc" else share
    return pd.DataFrame(
        [
            {
                _("Model"): title(name),
                **{describe(k).name: form(v[metric]) for k, v in row["per_class"].items()},
            }
            for name, row in rows.items()
        ]
    )


def outside(rows: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return one row per model: what origin can't flatter, and where it looks."""
    table = []
    for name, row in rows.items():
        external, within = row.get("external") or {}, row.get("within_patient") or {}
        where = row.get("localisation") or {}
        table.append(
            {
                _("Model"): title(name),
                _("External AUROC"): area(external.get("auroc")),
                _("Tumours found"): share(external.get("found_at_decision")),
                _("No-tumour kept"): share(external.get("notumour_kept")),
                _("Found at 95 % specificity"): share(external.get("found_at_95_specificity")),
                _("Same patients, AUROC"): area(within.get("auroc")),
                _("Peak in the box"): share(where.get("pointing")),
                _("Energy in the box"): share(where.get("energy")),
            }
        )
    return pd.DataFrame(table)


def pairs(comparison: Comparison) -> pd.DataFrame:
    """Return one row per pair of models with McNemar's test."""
    return pd.DataFrame(
        [
            {
                _("First"): title(pair["first"]),
                _("Second"): title(pair["second"]),
                _("First minus second"): interval(pair["accuracy_difference"], 2),
                _("Only the first right"): pair["only_first"],
                _("Only the second right"): pair["only_second"],
                _("Slices"): pair["n"],
                _("McNemar p"): pair["p_value"],
            }
            for pair in comparison["pairs"]
        ]
    )
