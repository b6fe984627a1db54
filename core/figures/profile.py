"""The probabilities of the classes along a volume."""

import plotly.graph_objects as go

from core.figures.style import (
    DASHES,
    NEUTRAL,
    TEXT_SIZE,
    colour_of,
    name_of,
    new_figure,
    say,
)
from core.profile import Profile
from core.reading import percent
from core.wording import _

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")


def probability_profile(
    profile: Profile | None, count: int, current: int | None = None
) -> go.Figure:
    """Draw one line per class along the slices, and mark the most suspicious slice.

    Slices that don't look like the brain MRI that the model knows lie on a grey ground.
    Positions on the axis are counted from 1, as on the slider.

    Args:
        profile: The answers; None draws a sentence instead.
        count: Number of slices of the volume.
        current: Position of the slice on the screen, from 0, drawn as a line.
    """
    figure = new_figure(_("Slice"), _("Calibrated probability"), height=340)
    if profile is None:
        return say(figure, _("No slice was predicted yet."))
    x = [int(p) + 1 for p in profile.positions]
    for start, end in _runs([v for v, judged in zip(x, profile.judged, strict=True) if not judged]):
        figure.add_vrect(
            x0=start - 0.5, x1=end + 0.5, fillcolor=NEUTRAL, opacity=0.22, line_width=0,
            layer="below",
        )  # fmt: skip
    for column, key in enumerate(profile.labels):
        figure.add_scatter(
            x=x,
            y=profile.probabilities[:, column].tolist(),
            name=name_of(key),
            mode="lines+markers",
            line={"color": colour_of(key), "width": 2, "dash": DASHES[column % len(DASHES)]},
            marker={"size": 7, "symbol": _SYMBOLS[column % len(_SYMBOLS)]},
            # A click selects a point; the others must not fade.
            unselected={"marker": {"opacity": 1}},
            hovertemplate=_("slice {position}, {label}: {share}").format(
                position="%{x}", label=f"<b>{name_of(key)}</b>", share="%{y:.1%}"
            )
            + "<extra></extra>",
        )
    if current is not None:
        # Up to 100 % alone: above it stands the mark of the most suspicious slice.
        figure.add_shape(
            type="line", x0=current + 1, x1=current + 1, y0=0, y1=1,
            line={"color": NEUTRAL, "width": 2},
        )  # fmt: skip
    first = profile.suspicious
    if first is not None:
        row = x.index(first + 1)
        share = float(profile.tumour[row])
        figure.add_annotation(
            x=first + 1,
            y=1.04,
            text=_("▼ slice {position}: tumour {share}").format(
                position=first + 1, share=percent(share)
            ),
            showarrow=False,
            yanchor="bottom",
            xanchor="left" if first < count / 4 else "right" if first > 3 * count / 4 else "center",
            font={"size": TEXT_SIZE - 2},
        )
    figure.update_xaxes(range=[0.5, count + 0.5], tickformat="d")
    figure.update_yaxes(range=[0, 1.18], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_layout(clickmode="event+select", dragmode=False, legend_y=1.08)
    return figure


def _runs(values: list[int]) -> list[tuple[int, int]]:
    """Join neighbouring numbers to pairs of the first and the last."""
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs
