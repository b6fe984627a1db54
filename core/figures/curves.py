"""ROC and precision-recall curves of one model, one line per class."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from core.figures.style import (
    DASHES,
    PERCENT,
    colour_of,
    diagonal,
    mark_point,
    name_of,
    new_figure,
    say,
)
from core.wording import _


def _class_curves(
    figure: go.Figure,
    curves: Mapping[str, Any],
    fields: tuple[str, str, str],
    names: tuple[str, str],
    marks: Mapping[str, tuple[float | None, float | None]] | None = None,
) -> bool:
    """Add one line per class, with its mark, and tell whether there was any point to draw."""
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
            legendgroup=label,
            hovertemplate=(
                f"<b>{name_of(label)}</b><br>{names[0]} %{{x:.1%}}"
                f"<br>{names[1]} %{{y:.1%}}<extra></extra>"
            ),
        )
        if marks and label in marks:
            mark_point(figure, marks[label], name_of(label), colour_of(label), label)
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(range=[-0.01, 1.01], tickformat=PERCENT)
    return drawn


def roc_curves(
    curves: Mapping[str, Any], points: Mapping[str, Mapping[str, Any]] | None = None
) -> go.Figure:
    """Draw the ROC curve of every class against the others.

    Args:
        curves: `report["curves"]`.
        points: Where a threshold stands; see `core.evaluation.thresholds.operating_points`.
    """
    figure = new_figure(
        _("False-positive rate (1 - specificity)"), _("True-positive rate (recall)")
    )
    names = (_("false-positive rate"), _("true-positive rate"))
    marks = {label: (p["fpr"], p["tpr"]) for label, p in (points or {}).items()}
    if not _class_curves(figure, curves, ("roc", "fpr", "tpr"), names, marks):
        return say(figure, _("No class has both kinds of slices."))
    diagonal(figure, _("Guessing"))
    return figure


def pr_curves(
    curves: Mapping[str, Any], points: Mapping[str, Mapping[str, Any]] | None = None
) -> go.Figure:
    """Draw the precision-recall curve of every class against the others.

    Args:
        curves: `report["curves"]`.
        points: Where a threshold stands; see `core.evaluation.thresholds.operating_points`.
    """
    figure = new_figure(_("Recall (sensitivity)"), _("Precision"))
    names = (_("recall"), _("precision"))
    marks = {label: (p["tpr"], p["precision"]) for label, p in (points or {}).items()}
    if not _class_curves(figure, curves, ("pr", "recall", "precision"), names, marks):
        return say(figure, _("No class has a slice."))
    return figure
