"""Figures of an evaluation report; each takes one part of `report.json`."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import plotly.graph_objects as go

from core.figures.style import (
    ACCENT,
    ACCENT_RGB,
    DASHES,
    NEUTRAL,
    PERCENT,
    SERIES,
    TITLE_SIZE,
    colour_of,
    name_of,
    new_figure,
    number,
    percent,
    say,
)

# Nearly clear below one half and nearly solid above it, so that the page's own text colour
# stays readable on the one and white on the other.
_SCALE = [
    [level, f"rgba({ACCENT_RGB},{alpha})"]
    for level, alpha in ((0.0, 0.03), (0.45, 0.45), (0.55, 0.9), (1.0, 1.0))
]


def confusion_heatmap(
    confusion: Sequence[Sequence[int]], labels: Sequence[str], normalise: bool = True
) -> go.Figure:
    """Draw a confusion matrix: rows are the true class, columns the predicted one.

    Args:
        confusion: Counts, rows true, both in the order of `labels`.
        labels: Class keys.
        normalise: Colour and write the share of each true class instead of the count.

    Raises:
        ValueError: If the matrix isn't square with one row per label.
    """
    if len(confusion) != len(labels) or any(len(row) != len(labels) for row in confusion):
        raise ValueError(
            f"A confusion matrix has a row and a column per label ({len(labels)}). "
            f"Received: rows of {[len(row) for row in confusion]}."
        )
    names = [name_of(label) for label in labels]
    sums = [sum(row) for row in confusion]
    shares = [
        [n / total if total else 0.0 for n in row]
        for row, total in zip(confusion, sums, strict=True)
    ]
    largest = max((n for row in confusion for n in row), default=0) or 1
    filled = shares if normalise else [[n / largest for n in row] for row in confusion]
    figure = new_figure("Predicted class", "True class", height=150 + 76 * len(labels))
    details = [
        [
            f"<b>{names[column]}</b> said of <b>{names[row]}</b>: {n:,} of {sums[row]:,} slices"
            + (f" ({percent(shares[row][column], 1)})" if sums[row] else "")
            for column, n in enumerate(counts)
        ]
        for row, counts in enumerate(confusion)
    ]
    figure.add_heatmap(
        z=filled,
        x=names,
        y=names,
        zmin=0,
        zmax=1,
        colorscale=_SCALE,
        showscale=False,
        xgap=3,
        ygap=3,
        customdata=details,
        hovertemplate="%{customdata}<extra></extra>",
    )
    for row, counts in enumerate(confusion):
        for column, n in enumerate(counts):
            share = percent(shares[row][column], 1) if sums[row] else "–"
            font: dict[str, Any] = {"size": TITLE_SIZE}
            if filled[row][column] > 0.5:
                font["color"] = "#FFFFFF"
            figure.add_annotation(
                x=names[column],
                y=names[row],
                text=share if normalise else f"{n:,}",
                showarrow=False,
                font=font,
            )
    figure.update_xaxes(showgrid=False, showline=False, type="category")
    figure.update_yaxes(showgrid=False, showline=False, type="category", autorange="reversed")
    return figure


def _diagonal(figure: go.Figure, name: str) -> None:
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name=name,
        line={"color": NEUTRAL, "dash": "dot", "width": 2},
        hoverinfo="skip",
    )


def _class_curves(
    figure: go.Figure,
    curves: Mapping[str, Any],
    fields: tuple[str, str, str],
    names: tuple[str, str],
) -> bool:
    """Add one line per class and tell whether there was any point to draw."""
    part, x, y = fields
    drawn = False
    for position, (label, entry) in enumerate(curves.items()):
        points = entry[part]
        if not points[x]:
            continue
        drawn = True
        figure.add_scatter(
            x=points[x],
            y=points[y],
            mode="lines",
            name=name_of(label),
            line={
                "color": colour_of(label),
                "width": 3,
                "dash": DASHES[position % len(DASHES)],
            },
            hovertemplate=(
                f"<b>{name_of(label)}</b><br>{names[0]} %{{x:.1%}}"
                f"<br>{names[1]} %{{y:.1%}}<extra></extra>"
            ),
        )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(range=[-0.01, 1.01], tickformat=PERCENT)
    return drawn


def roc_curves(curves: Mapping[str, Any]) -> go.Figure:
    """Draw the ROC curve of every class against the others.

    Args:
        curves: `report["curves"]`.
    """
    figure = new_figure("False-positive rate (1 - specificity)", "True-positive rate (recall)")
    names = ("false-positive rate", "true-positive rate")
    if not _class_curves(figure, curves, ("roc", "fpr", "tpr"), names):
        return say(figure, "No class has both kinds of slices.")
    _diagonal(figure, "Guessing")
    return figure


def pr_curves(curves: Mapping[str, Any]) -> go.Figure:
    """Draw the precision-recall curve of every class against the others.

    Args:
        curves: `report["curves"]`.
    """
    figure = new_figure("Recall (sensitivity)", "Precision")
    names = ("recall", "precision")
    if not _class_curves(figure, curves, ("pr", "recall", "precision"), names):
        return say(figure, "No class has a slice.")
    return figure


def reliability_diagram(calibration: Mapping[str, Any]) -> go.Figure:
    """Draw how often the model is right at each level of confidence, before and after.

    Args:
        calibration: `report["calibration"]`. A marker's area grows with the slices in its bin.
    """
    figure = new_figure("Confidence (mean of the bin)", "Share of right answers")
    _diagonal(figure, "Perfect")
    temperature = float(calibration["temperature"])
    sides = (
        ("before", "As trained", NEUTRAL),
        ("after", f"Temperature {temperature:.2f}", ACCENT),
    )
    for side, name, colour in sides:
        part = calibration[side]
        bins = [b for b in part["bins"] if b["count"]]
        most = max((b["count"] for b in bins), default=1)
        error = number(part["ece"])
        figure.add_scatter(
            x=[b["confidence"] for b in bins],
            y=[b["accuracy"] for b in bins],
            mode="lines+markers",
            name=name if error is None else f"{name}, error {percent(error, 1)}",
            line={"color": colour, "width": 3},
            marker={"size": [8 + 16 * sqrt(b["count"] / most) for b in bins], "color": colour},
            customdata=[[b["count"], b["lower"], b["upper"]] for b in bins],
            hovertemplate=(
                f"<b>{name}</b><br>bin %{{customdata[1]:.0%}} to %{{customdata[2]:.0%}}, "
                "%{customdata[0]:,} slices<br>confident %{x:.1%}, right %{y:.1%}"
                "<extra></extra>"
            ),
        )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(range=[-0.02, 1.02], tickformat=PERCENT)
    return figure


def _whisker(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Error bar from an interval; None where it has no ends."""
    value, low, high = (number(entry.get(name)) for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - value)],
        "arrayminus": [max(0.0, value - low)],
        "thickness": 2,
        "color": SERIES[1],
    }


def accuracy_coverage(threshold: Mapping[str, Any]) -> go.Figure:
    """Draw accuracy among the accepted slices over the share that is accepted.

    Args:
        threshold: `report["threshold"]`; the operating point carries its 95 % intervals.
    """
    figure = new_figure("Coverage (share of slices that get an answer)", "Accuracy of the answers")
    points = [p for p in threshold["curve"] if number(p["accuracy"]) is not None]
    if not points:
        return say(figure, "No slice is accepted at any threshold.")
    figure.add_scatter(
        x=[p["coverage"] for p in points],
        y=[p["accuracy"] for p in points],
        mode="lines",
        name="Every threshold",
        line={"color": ACCENT, "width": 3},
        customdata=[p["threshold"] for p in points],
        hovertemplate=(
            "from a confidence of %{customdata:.0%}<br>coverage %{x:.1%}, accuracy %{y:.1%}"
            "<extra></extra>"
        ),
    )
    coverage, accuracy = threshold["coverage"], threshold["accuracy"]
    if number(accuracy["value"]) is not None:
        figure.add_scatter(
            x=[coverage["value"]],
            y=[accuracy["value"]],
            error_x=_whisker(coverage),
            error_y=_whisker(accuracy),
            mode="markers",
            name=f"Threshold {percent(threshold['value'])}",
            marker={"size": 14, "symbol": "diamond", "color": SERIES[1]},
            hovertemplate=(
                f"threshold {percent(threshold['value'])}<br>coverage %{{x:.1%}}, "
                "accuracy %{y:.1%}<extra></extra>"
            ),
        )
    lowest = min(p["accuracy"] for p in points)
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=PERCENT)
    figure.update_yaxes(range=[max(0.0, lowest - 0.05), 1.01], tickformat=PERCENT)
    return figure
