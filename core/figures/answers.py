"""Figures of one answer and of the data behind it."""

from collections.abc import Mapping
from typing import cast

import plotly.graph_objects as go

from core.figures.style import NEUTRAL, TEXT_SIZE, colour_of, name_of, new_figure, say
from core.labels import describe
from core.reading import percent
from core.wording import _
from core.wording import number as written


def probability_bars(
    probabilities: Mapping[str, float],
    threshold: float | None = None,
    spread: Mapping[str, tuple[float, float]] | None = None,
    greyed: bool = False,
) -> go.Figure:
    """Draw one bar per class, the most probable on top.

    Args:
        probabilities: Probability in 0 to 1 by class key.
        threshold: Confidence from which an answer is accepted, drawn as a line.
        spread: Lowest and highest probability by class key over repeated passes, drawn as
            whiskers.
        greyed: Draw the bars in grey, for an answer that isn't accepted.
    """
    keys = sorted(probabilities, key=lambda key: probabilities[key], reverse=True)
    values = [float(probabilities[key]) for key in keys]
    figure = new_figure(_("Calibrated probability"), "", height=90 + 54 * max(1, len(keys)))
    whiskers = None
    if spread is not None:
        pairs = [(value, spread.get(key)) for key, value in zip(keys, values, strict=True)]
        whiskers = {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, ends[1] - value) if ends else None for value, ends in pairs],
            "arrayminus": [max(0.0, value - ends[0]) if ends else None for value, ends in pairs],
            "color": NEUTRAL,
            "thickness": 2,
            "width": 6,
        }
    names = [name_of(key) for key in keys]
    figure.add_bar(
        x=values,
        y=names,
        orientation="h",
        marker={
            "color": [NEUTRAL if greyed else colour_of(key) for key in keys],
            "opacity": 0.55 if greyed else 1.0,
        },
        error_x=whiskers,
        customdata=[describe(key).sentence for key in keys],
        hovertemplate="<b>%{y}</b>: %{x:.1%}<br>%{customdata}<extra></extra>",
        showlegend=False,
    )
    for name, value in zip(names, values, strict=True):
        figure.add_annotation(
            x=1.01,
            xref="paper",
            xanchor="left",
            y=name,
            text=percent(value, 1),
            showarrow=False,
            font={"size": TEXT_SIZE},
        )
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": NEUTRAL, "dash": "dash", "width": 2})
        figure.add_annotation(
            x=threshold,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            text=_("accepted from {threshold}").format(threshold=percent(threshold)),
            showarrow=False,
            font={"size": TEXT_SIZE - 2},
        )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_layout(margin_r=96, bargap=0.35)
    return figure


def class_balance(counts: Mapping[str, int] | Mapping[str, Mapping[str, int]]) -> go.Figure:
    """Draw the number of slices per class, side by side for each split or source.

    Args:
        counts: Either slices by class key, or such a mapping by the name of a split or
            source.
    """
    parts: dict[str, Mapping[str, int]]
    if all(isinstance(value, Mapping) for value in counts.values()):
        parts = dict(cast("Mapping[str, Mapping[str, int]]", counts))
    else:
        parts = {_("all"): cast("Mapping[str, int]", counts)}
    figure = new_figure("", _("Number of slices"))
    keys = list(dict.fromkeys(key for row in parts.values() for key in row))
    if not keys:
        return say(figure, _("No slices yet."))
    totals = {part: sum(row.values()) for part, row in parts.items()}
    for key in sorted(keys):
        numbers = [row.get(key, 0) for row in parts.values()]
        shares = [
            n / totals[part] if totals[part] else 0.0
            for part, n in zip(parts, numbers, strict=True)
        ]
        figure.add_bar(
            x=list(parts),
            y=numbers,
            name=name_of(key),
            marker={"color": colour_of(key)},
            text=[written(n) for n in numbers],
            textposition="outside",
            cliponaxis=False,
            customdata=shares,
            hovertemplate=_("{label}, {part}: {count} slices ({share})").format(
                label=f"<b>{name_of(key)}</b>",
                part="%{x}",
                count="%{y:,}",
                share="%{customdata:.1%}",
            )
            + "<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(type="category", visible=len(parts) > 1)
    return figure
