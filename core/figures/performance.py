"""Figures of an evaluation report; each takes one part of `report.json`."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import plotly.graph_objects as go

from core.figures.style import (
    ACCENT,
    NEUTRAL,
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
from core.wording import number as written


def reliability_diagram(calibration: Mapping[str, Any]) -> go.Figure:
    """Draw how often the model is right at each level of confidence, before and after.

    Args:
        calibration: `report["calibration"]`. A marker's area grows with the slices in its bin.
    """
    figure = new_figure(_("Confidence (mean of the bin)"), _("Share of right answers"))
    diagonal(figure, _("Perfect"))
    temperature = float(calibration["temperature"])
    sides = (
        ("before", _("As trained"), NEUTRAL),
        ("after", _("Temperature {value}").format(value=written(temperature, 2)), ACCENT),
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
            name=name
            if error is None
            else _("{name}, error {error}").format(name=name, error=percent(error, 1)),
            line={"color": colour, "width": 3},
            marker={"size": [8 + 16 * sqrt(b["count"] / most) for b in bins], "color": colour},
            customdata=[[b["count"], b["lower"], b["upper"]] for b in bins],
            hovertemplate=f"<b>{name}</b><br>"
            + _("bin {low} to {high}, {count} slices").format(
                low="%{customdata[1]:.0%}", high="%{customdata[2]:.0%}", count="%{customdata[0]:,}"
            )
            + "<br>"
            + _("confident {confidence}, right {accuracy}").format(
                confidence="%{x:.1%}", accuracy="%{y:.1%}"
            )
            + "<extra></extra>",
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


def accuracy_coverage(
    threshold: Mapping[str, Any], moved: Mapping[str, Any] | None = None
) -> go.Figure:
    """Draw accuracy among the accepted slices over the share that is accepted.

    Args:
        threshold: `report["threshold"]`; the operating point carries its 95 % intervals.
        moved: Another point of its curve to mark.
    """
    figure = new_figure(
        _("Coverage (share of slices that get an answer)"), _("Accuracy of the answers")
    )
    points = [p for p in threshold["curve"] if number(p["accuracy"]) is not None]
    if not points:
        return say(figure, _("No slice is accepted at any threshold."))
    figure.add_scatter(
        x=[p["coverage"] for p in points],
        y=[p["accuracy"] for p in points],
        mode="lines",
        name=_("Every threshold"),
        line={"color": ACCENT, "width": 3},
        customdata=[p["threshold"] for p in points],
        hovertemplate=(
            _("from a confidence of {confidence}").format(confidence="%{customdata:.0%}")
            + "<br>"
            + _("coverage {coverage}, accuracy {accuracy}").format(
                coverage="%{x:.1%}", accuracy="%{y:.1%}"
            )
            + "<extra></extra>"
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
            name=_("Threshold {value}").format(value=percent(threshold["value"])),
            marker={"size": 14, "symbol": "diamond", "color": SERIES[1]},
            hovertemplate=(
                _("threshold {value}").format(value=percent(threshold["value"]))
                + "<br>"
                + _("coverage {coverage}, accuracy {accuracy}").format(
                    coverage="%{x:.1%}", accuracy="%{y:.1%}"
                )
                + "<extra></extra>"
            ),
        )
    if moved is not None:
        place = number(moved["coverage"]), number(moved["accuracy"])
        mark_point(figure, place, percent(moved["threshold"]), SERIES[4], size=18)
    lowest = min(p["accuracy"] for p in points)
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=PERCENT)
    figure.update_yaxes(range=[max(0.0, lowest - 0.05), 1.01], tickformat=PERCENT)
    return figure
