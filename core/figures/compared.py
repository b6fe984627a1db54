"""Several models in one figure."""

from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt
from typing import Any

import plotly.graph_objects as go

from core.figures.style import (
    DASHES,
    PERCENT,
    SERIES,
    diagonal,
    mark_point,
    new_figure,
    number,
    percent,
    say,
)
from core.wording import _


def _look(position: int) -> dict[str, Any]:
    colour, dash = SERIES[position % len(SERIES)], DASHES[position % len(DASHES)]
    return {"color": colour, "dash": dash, "width": 3}


def _unit_axes(figure: go.Figure) -> None:
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(range=[-0.01, 1.01], tickformat=PERCENT)


def curves_of_models(
    curves: Mapping[str, Mapping[str, Any]],
    kind: str,
    points: Mapping[str, Mapping[str, Any]] | None = None,
) -> go.Figure:
    """Draw the ROC or the precision-recall curve of one class for every model.

    Args:
        curves: The class's entry of `report["curves"]` by the model's name.
        kind: `roc` or `pr`.
        points: Where the threshold stands, `fpr`, `tpr` and `precision` by the model's name.

    Raises:
        ValueError: If the kind is unknown.
    """
    if kind not in ("roc", "pr"):
        raise ValueError(f"A curve is roc or pr. Received: {kind!r}.")
    x, y = ("fpr", "tpr") if kind == "roc" else ("recall", "precision")
    titles = {
        "roc": (_("False-positive rate (1 - specificity)"), _("True-positive rate (recall)")),
        "pr": (_("Recall (sensitivity)"), _("Precision")),
    }[kind]
    figure = new_figure(*titles)
    for position, (name, entry) in enumerate(curves.items()):
        line = entry[kind]
        if not line[x]:
            continue
        look = _look(position)
        figure.add_scatter(
            x=line[x], y=line[y], mode="lines", name=escape(name), line=look,
            legendgroup=name,
            hovertemplate=f"<b>{escape(name)}</b><br>%{{x:.1%}}, %{{y:.1%}}<extra></extra>",
        )  # fmt: skip
        found = (points or {}).get(name)
        if found is not None:
            place = (found["fpr"], found["tpr"])
            if kind == "pr":
                place = (found["tpr"], found["precision"])
            mark_point(figure, place, escape(name), look["color"], name)
    if not figure.data:
        return say(figure, _("No class has both kinds of slices."))
    if kind == "roc":
        diagonal(figure, _("Guessing"))
    _unit_axes(figure)
    return figure


def reliability_of_models(models: Mapping[str, Sequence[Mapping[str, Any]]]) -> go.Figure:
    """Draw the calibrated reliability diagram of every model.

    Args:
        models: Bins (`count`, `confidence`, `accuracy`) by the model's name. A marker's area
            grows with the slices in its bin.
    """
    figure = new_figure(_("Confidence (mean of the bin)"), _("Share of right answers"))
    diagonal(figure, _("Perfect"))
    for position, (name, all_bins) in enumerate(models.items()):
        bins = [b for b in all_bins if b["count"]]
        most = max((b["count"] for b in bins), default=1)
        look = _look(position)
        figure.add_scatter(
            x=[b["confidence"] for b in bins],
            y=[b["accuracy"] for b in bins],
            mode="lines+markers",
            name=escape(name),
            line=look,
            marker={"size": [7 + 13 * sqrt(b["count"] / most) for b in bins]},
            customdata=[b["count"] for b in bins],
            hovertemplate=f"<b>{escape(name)}</b>, %{{customdata:,}} "
            + _("slices")
            + "<br>%{x:.1%}, %{y:.1%}<extra></extra>",
        )
    for update in (figure.update_xaxes, figure.update_yaxes):
        # Room for the largest marker at the end.
        update(range=[-0.03, 1.04], tickformat=PERCENT)
    return figure


def coverage_of_models(
    models: Mapping[str, Sequence[Mapping[str, Any]]], threshold: float
) -> go.Figure:
    """Draw accuracy over coverage for every model, each marked at the threshold.

    Args:
        models: The curve (`threshold`, `coverage`, `accuracy`) by the model's name.
        threshold: Confidence in 0 to 1 from which an answer is accepted.
    """
    figure = new_figure(
        _("Coverage (share of slices that get an answer)"), _("Accuracy of the answers")
    )
    lowest = 1.0
    for position, (name, curve) in enumerate(models.items()):
        points = [p for p in curve if number(p["accuracy"]) is not None]
        if not points:
            continue
        lowest = min(lowest, *(float(p["accuracy"]) for p in points))
        look = _look(position)
        figure.add_scatter(
            x=[p["coverage"] for p in points],
            y=[p["accuracy"] for p in points],
            mode="lines",
            name=escape(name),
            legendgroup=name,
            line=look,
            customdata=[percent(p["threshold"]) for p in points],
            hovertemplate=f"<b>{escape(name)}</b>, "
            + _("threshold")
            + " %{customdata}<br>%{x:.1%}, %{y:.1%}<extra></extra>",
        )
        near = min(points, key=lambda p: abs(float(p["threshold"]) - threshold))
        place = (near["coverage"], near["accuracy"])
        mark_point(figure, place, escape(name), look["color"], name)
    if not figure.data:
        return say(figure, _("No slice is accepted at any threshold."))
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=PERCENT)
    figure.update_yaxes(range=[max(0.0, lowest - 0.02), 1.005], tickformat=".1%")
    return figure
