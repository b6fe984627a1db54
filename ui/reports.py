"""Tables and sentences from a model's `report.json`."""

from typing import Any

import pandas as pd

from core.labels import describe
from core.reading import percent

Report = dict[str, Any]


def interval(figure: Any, digits: int = 1, share: bool = True) -> str:
    """Return a figure with its 95 % interval.

    Args:
        figure: A number, None, or `{"value", "low", "high"}`.
        digits: Digits after the point; for `share` of the percentage.
        share: Whether to write it as a percentage rather than as a plain number.
    """
    if figure is None:
        return "—"
    scale = 100.0 if share else 1.0
    unit = " %" if share else ""
    if not isinstance(figure, dict):
        return f"{scale * float(figure):.{digits}f}{unit}"
    if figure.get("value") is None:
        return "—"
    text = f"{scale * float(figure['value']):.{digits}f}{unit}"
    if figure.get("low") is None or figure.get("high") is None:
        return text
    low, high = scale * float(figure["low"]), scale * float(figure["high"])
    return f"{text} ({low:.{digits}f}–{high:.{digits}f})"


def value(figure: Any) -> float | None:
    """Return the bare number of a figure that may carry its interval."""
    if isinstance(figure, dict):
        figure = figure.get("value")
    return None if figure is None else float(figure)


def source_of(report: Report) -> str:
    """Return the caption that names the split, its size and what the brackets are."""
    groups = report.get("n_groups")
    grouped = f" in {groups:,} groups" if groups else ""
    return (
        f"Split: {report['split']}, {report['n']:,} slices{grouped}, evaluated "
        f"{str(report.get('created', ''))[:10]}. Brackets: 95 % bootstrap intervals over groups."
    )


def per_source(report: Report) -> pd.DataFrame:
    """Return one row per source of the slices."""
    rows = [
        {
            "Source": source,
            "Slices": row["n"],
            "Groups": row.get("n_groups"),
            "Accuracy": interval(row.get("accuracy")),
            "Macro F1": interval(row.get("macro_f1")),
        }
        for source, row in (report.get("per_source") or {}).items()
    ]
    return pd.DataFrame(rows)


def external_sentence(report: Report) -> str:
    """Return the sentence that explains the gap between the internal and external figures."""
    external = report["external"]
    found = value(external.get("found_at_decision"))
    gap = ""
    recalls = [
        r
        for key, row in report["per_class"].items()
        if describe(key).tumour and (r := value(row.get("recall"))) is not None
    ]
    if found is not None and recalls:
        inside = sum(recalls) / len(recalls)
        gap = (
            f"Inside the {report['split']} split {percent(inside)} of tumours get their class; "
            f"of these outside ones {percent(found)} are called a tumour at all. "
        )
    return (
        f"{gap}In the training data tumour and no-tumour slices come from different origins and "
        "MRI sequences, so part of an internal score can be won by recognising the origin. "
        f"{external['name']} shows tumours in the style of the no-tumour pictures, where that "
        "shortcut points the wrong way. The internal figure says how the model does on more of "
        "the same; the external one is closer to what a new hospital would see."
    )


def headline(report: Report) -> list[tuple[str, str, str]]:
    """Return the headline figures as (name, figure, where it comes from)."""
    rows = [
        (
            "Accuracy",
            interval(report["accuracy"]),
            f"{report['split']} split, n = {report['n']:,}",
        )
    ]
    macro = report.get("macro") or {}
    if macro.get("f1") is not None:
        rows.append(("Macro F1", interval(macro["f1"]), f"{report['split']} split"))
    external = report.get("external")
    if external:
        n = f"{external['n_tumour']:,} + {external['n_notumour']:,}"
        rows.append(
            (
                "External AUROC",
                interval(external["auroc"], 3, share=False),
                f"{external['name']}, tumour against no tumour, n = {n}",
            )
        )
    within = report.get("within_patient")
    if within:
        rows.append(
            (
                "Same patients",
                interval(within["auroc"], 3, share=False),
                f"AUROC, {within['source']}, {within['n_patients']:,} patients",
            )
        )
    return rows
