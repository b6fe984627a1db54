"""What all figures share: sizes, a theme-neutral template, names and colours."""

from html import escape
from typing import Any

import plotly.graph_objects as go

from core.labels import describe
from core.wording import _, separators
from core.wording import number as written

TEXT_SIZE = 16
TITLE_SIZE = 18
NEUTRAL = "#7B8794"
ACCENT = "#0F766E"
ACCENT_RGB = "15,118,110"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
PERCENT = ".0%"

_GRID = "rgba(123,135,148,0.25)"
_AXIS = {
    "gridcolor": _GRID,
    "zerolinecolor": _GRID,
    "linecolor": NEUTRAL,
    "showline": True,
    "automargin": True,
}
# Colours of text and grid stand in the template alone: a page's theme replaces a template,
# and where there is no page a mid grey can be read on white and on black.
TEMPLATE = go.layout.Template(
    layout={"font": {"color": NEUTRAL}, "xaxis": _AXIS, "yaxis": _AXIS, "colorway": SERIES}
)


def new_figure(x_title: str, y_title: str, *, height: int = 420) -> go.Figure:
    """Return an empty figure with the shared layout.

    Args:
        x_title: Title of the horizontal axis, with its unit.
        y_title: Title of the vertical axis, with its unit.
        height: Height in pixels.
    """
    axis = {"tickfont": {"size": TEXT_SIZE}}
    title = {"font": {"size": TITLE_SIZE}, "standoff": 14}
    figure = go.Figure()
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        margin={"l": 10, "r": 20, "t": 30, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": TEXT_SIZE},
        separators=separators(),
        hoverlabel={"font": {"size": TEXT_SIZE}},
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "x": 0,
            "font": {"size": TEXT_SIZE},
        },
        xaxis={"title": {"text": x_title, **title}, **axis},
        yaxis={"title": {"text": y_title, **title}, **axis},
    )
    return figure


def say(figure: go.Figure, text: str) -> go.Figure:
    """Write one sentence into an empty figure in place of its axes and return it."""
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=text, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False,
        font={"size": TITLE_SIZE},
    )  # fmt: skip
    return figure


def name_of(key: str) -> str:
    """Display name of a class, safe inside Plotly's markup."""
    return escape(describe(key).name)


def colour_of(key: str) -> str:
    """Colour of a class that shows on light and dark grounds."""
    colour = describe(key).colour
    return NEUTRAL if colour == "#000000" else colour


def percent(share: float, digits: int = 0) -> str:
    """Write a share as a percentage: 0.7 becomes `70 %`, with the language's decimal sign."""
    return _("{number} %").format(number=written(100 * share, digits))


def number(value: Any) -> float | None:
    """Return a finite number as float, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


def mark_point(
    figure: go.Figure,
    place: tuple[float | None, float | None],
    name: str,
    colour: str,
    group: str = "",
    size: int = 13,
) -> None:
    """Mark where a threshold stands on a curve; nothing is drawn where a rate is missing.

    Args:
        figure: The figure.
        place: Both coordinates, in 0 to 1.
        name: Whose mark it is, safe inside Plotly's markup.
        colour: Of the mark.
        group: Curve that hides the mark with itself in the legend.
        size: In pixels.
    """
    if place[0] is None or place[1] is None:
        return
    figure.add_scatter(
        x=[place[0]],
        y=[place[1]],
        mode="markers",
        marker={"symbol": "diamond", "size": size, "color": colour, "line": {"width": 1}},
        legendgroup=group or None,
        showlegend=False,
        hovertemplate=f"<b>{name}</b>, "
        + _("at the threshold")
        + "<br>%{x:.1%}, %{y:.1%}<extra></extra>",
    )


def diagonal(figure: go.Figure, name: str) -> None:
    """Draw the dotted line from corner to corner."""
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name=name,
        line={"color": NEUTRAL, "dash": "dot", "width": 2},
        hoverinfo="skip",
    )
