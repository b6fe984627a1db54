"""Figures about one picture: the picture itself to zoom into, and the test of its map."""

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.figures.style import ACCENT, NEUTRAL, PERCENT, SERIES, TEXT_SIZE, new_figure
from core.imaging.overlay import to_png
from core.types import ByteArray
from core.wording import _

if TYPE_CHECKING:
    from core.evaluation.faithfulness import Faithfulness

_LINES: Final = {
    "map": {"color": ACCENT, "width": 4},
    "random": {"color": NEUTRAL, "width": 2, "dash": "dot"},
    "edges": {"color": SERIES[1], "width": 2, "dash": "dash"},
}


def zoomable(picture: ByteArray, *, height: int = 520) -> go.Figure:
    """Show a picture that can be zoomed and moved.

    Args:
        picture: uint8 RGB of shape (H, W, 3).
        height: Height in pixels.
    """
    source = "data:image/png;base64," + b64encode(to_png(picture)).decode()
    figure = go.Figure(go.Image(source=source, hoverinfo="skip", zsmooth="fast"))
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, constrain="domain")
    # The same revision for every picture: a new colour keeps the place one looks at.
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        dragmode="pan",
        uirevision="picture",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def faithfulness_curves(found: "Faithfulness") -> go.Figure:
    """Draw a map's curves beside chance's and an edge detector's, in four small panels.

    Args:
        found: What `core.explain.faithful.check_explanation` returned.
    """
    names = {"random": _("Random order"), "edges": _("Edge detector"), "map": _("This map")}
    titles = {
        "deletion": _("Deletion: low is good"),
        "insertion": _("Insertion: high is good"),
        "road_most": _("ROAD, warmest first: low is good"),
        "road_least": _("ROAD, coldest first: high is good"),
    }
    figure = make_subplots(
        rows=2,
        cols=2,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.1,
        vertical_spacing=0.28,
        subplot_titles=[
            escape(title).replace(", ", ",<br>").replace(": ", ":<br>") for title in titles.values()
        ],
    )
    figure.update_layout(new_figure("", "", height=540).layout)
    for number, panel in enumerate(titles):
        for order, name in names.items():
            curve = getattr(getattr(found, order), panel)
            figure.add_scatter(
                x=curve.shares,
                y=curve.values,
                mode="lines",
                name=escape(name),
                legendgroup=order,
                showlegend=number == 0,
                line=_LINES[order],
                hovertemplate=f"{escape(name)}: %{{y:.0%}}<extra></extra>",
                row=number // 2 + 1,
                col=number % 2 + 1,
            )
    small = {"size": TEXT_SIZE - 3}
    figure.update_annotations(font=small)
    figure.update_xaxes(
        range=[0, 1],
        tickvals=[0, 0.5, 1],
        tickformat="~g",
        tickfont=small,
        tickangle=0,
    )
    figure.update_yaxes(range=[0, 1.02], tickformat=PERCENT, tickvals=[0, 0.5, 1], tickfont=small)
    figure.add_annotation(
        text=escape(_("Share of the head that is changed")),
        x=0.5,
        y=0,
        yshift=-54,
        xref="paper",
        yref="paper",
        showarrow=False,
        font=small,
    )
    figure.update_layout(
        hovermode="x unified",
        margin={"l": 10, "r": 10, "t": 100, "b": 64},
        legend={"y": 1.16, "x": 0, "font": small, "traceorder": "reversed"},
    )
    return figure
