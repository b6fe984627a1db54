"""The confusion matrix of an evaluation report."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures.style import (
    ACCENT_RGB,
    NEUTRAL,
    TEXT_SIZE,
    TITLE_SIZE,
    name_of,
    new_figure,
    percent,
)
from core.wording import _
from core.wording import number as written

# Nearly clear below one half and nearly solid above it, so that the page's own text colour
# stays readable on the one and white on the other.
_SCALE = [
    [level, f"rgba({ACCENT_RGB},{alpha})"]
    for level, alpha in ((0.0, 0.03), (0.49, 0.45), (0.5, 0.9), (1.0, 1.0))
]


def confusion_heatmap(
    confusion: Sequence[Sequence[int]],
    labels: Sequence[str],
    normalise: bool = True,
    clickable: bool = False,
    small: bool = False,
) -> go.Figure:
    """Draw a confusion matrix: rows are the true class, columns the predicted one.

    Args:
        confusion: Counts, rows true, both in the order of `labels`.
        labels: Class keys.
        normalise: Colour and write the share of each true class instead of the count.
        clickable: Lay an unseen point over each cell that can be selected; its `customdata`
            is [row, column]. A page can't select a heat map's own cells.
        small: For a narrow column: lower, without axis titles and decimals.

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
    if small:
        figure = new_figure("", "", height=60 + 54 * len(labels))
        figure.update_layout(margin_t=8, xaxis_title=None, yaxis_title=None)
    else:
        figure = new_figure(_("Predicted class"), _("True class"), height=150 + 76 * len(labels))
    details = [
        [
            _("{answer} said of {truth}: {count} of {total} slices").format(
                answer=f"<b>{names[column]}</b>",
                truth=f"<b>{names[row]}</b>",
                count=written(n),
                total=written(sums[row]),
            )
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
            share = percent(shares[row][column], 0 if small else 1) if sums[row] else "–"
            font: dict[str, Any] = {"size": TEXT_SIZE - 2 if small else TITLE_SIZE}
            if filled[row][column] >= 0.5:
                font["color"] = "#FFFFFF"
            figure.add_annotation(
                x=names[column],
                y=names[row],
                text=share if normalise else written(n),
                showarrow=False,
                font=font,
            )
    if clickable:
        _add_targets(figure, names, details, 40 if small else 56)
    # A name of several words stands in as many lines, so that it needs no turning.
    wrapped = [name.replace(" ", "<br>") for name in names]
    look = {"tickvals": names, "ticktext": wrapped, "showgrid": False, "showline": False}
    if small:
        look["tickfont"] = {"size": TEXT_SIZE - 3}
    # Fixed to the cells: the unseen points would widen the axes by half their size.
    edge = len(names) - 0.5
    figure.update_xaxes(type="category", range=[-0.5, edge], **look)
    figure.update_yaxes(type="category", range=[edge, -0.5], **look)
    return figure


def _add_targets(
    figure: go.Figure, names: Sequence[str], details: Sequence[Sequence[str]], size: int
) -> None:
    cells = [(row, column) for row in range(len(names)) for column in range(len(names))]
    unseen = {"marker": {"opacity": 0.0}}
    figure.add_scatter(
        x=[names[column] for _, column in cells],
        y=[names[row] for row, _ in cells],
        mode="markers",
        marker={"symbol": "square", "size": size, "color": NEUTRAL, "opacity": 0.0},
        selected=unseen,
        unselected=unseen,
        customdata=[[row, column] for row, column in cells],
        text=[details[row][column] for row, column in cells],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
