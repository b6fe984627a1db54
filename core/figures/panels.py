"""Figures that stand side by side in narrow columns."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.figures.style import NEUTRAL, TEXT_SIZE, colour_of, name_of, new_figure
from core.labels import describe
from core.reading import percent

_ROW = 46
_THICKNESS = 0.36
_TRACK = "rgba(123,135,148,0.18)"


def compact_bars(
    probabilities: Mapping[str, float],
    order: Sequence[str],
    threshold: float | None = None,
    greyed: bool = False,
) -> go.Figure:
    """Draw one bar per class with its name above it, so that it stays readable in a column.

    Args:
        probabilities: Probability in 0 to 1 by class key.
        order: Class keys from top to bottom; the same for every panel of a row.
        threshold: Confidence from which an answer is accepted, drawn as a mark on every bar.
        greyed: Draw the bars in grey and none of the names bold, for a picture that gets no
            diagnosis.
    """
    keys = [key for key in order if key in probabilities]
    values = [float(probabilities[key]) for key in keys]
    rows = list(range(len(keys)))
    figure = new_figure("", "", height=_ROW * max(1, len(keys)) + 12)
    figure.add_bar(
        x=[1.0] * len(keys), y=rows, orientation="h", width=_THICKNESS, hoverinfo="skip",
        marker={"color": _TRACK}, showlegend=False,
    )  # fmt: skip
    figure.add_bar(
        x=values, y=rows, orientation="h", width=_THICKNESS, showlegend=False,
        marker={
            "color": [NEUTRAL if greyed else colour_of(key) for key in keys],
            "opacity": 0.55 if greyed else 1.0,
        },
        customdata=[[name_of(key), describe(key).sentence] for key in keys],
        hovertemplate="<b>%{customdata[0]}</b>: %{x:.1%}<br>%{customdata[1]}<extra></extra>",
    )  # fmt: skip
    best = max(values, default=0.0)
    for row, key, value in zip(rows, keys, values, strict=True):
        heavy = ("<b>", "</b>") if value == best and not greyed else ("", "")
        for x, anchor, text in ((0.0, "left", name_of(key)), (1.0, "right", percent(value, 1))):
            figure.add_annotation(
                x=x, y=row - 0.2, xanchor=anchor, yanchor="bottom", showarrow=False,
                text=text.join(heavy), font={"size": TEXT_SIZE - 2},
            )  # fmt: skip
    if threshold is not None:
        half = _THICKNESS / 2
        for row in rows:
            # Across the bars alone: a line through the page's height would strike the numbers.
            figure.add_shape(
                type="line", x0=threshold, x1=threshold, y0=row - half, y1=row + half,
                line={"color": NEUTRAL, "width": 2},
            )  # fmt: skip
    figure.update_xaxes(range=[0, 1], visible=False, fixedrange=True)
    figure.update_yaxes(
        range=[len(keys) - 0.6, -0.75], visible=False, fixedrange=True, showgrid=False
    )
    figure.update_layout(barmode="overlay", margin={"l": 0, "r": 0, "t": 4, "b": 4})
    return figure
