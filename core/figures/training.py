"""Learning curves of one or more runs."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from core.figures.style import PERCENT, SERIES, new_figure, number, say
from core.wording import _, mark, told

# Title, training key, validation key, format of a value.
_METRICS: dict[str, tuple[str, str, str | None, str]] = {
    "loss": (mark("Cross-entropy loss (nats)"), "loss", "val_loss", ".3f"),
    "accuracy": (mark("Accuracy"), "accuracy", "val_accuracy", ".1%"),
    "learning rate": (mark("Learning rate"), "learning_rate", None, ".2e"),
}
# Up to so many epochs, each has its tick.
_EACH = 10


def smooth(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Smooth a curve by an exponential moving average without the usual pull to zero.

    Args:
        values: One value per epoch; None stays a gap.
        weight: Share of the past in 0 to below 1; 0 changes nothing.
    """
    smoothed: list[float | None] = []
    mean = mass = 0.0
    for value in values:
        if value is None:
            smoothed.append(None)
            continue
        mean = weight * mean + (1 - weight) * value
        mass = weight * mass + (1 - weight)
        smoothed.append(mean / mass)
    return smoothed


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the position of the epoch whose weights training keeps.

    It has the highest validation accuracy, and the lowest validation loss among equals; without
    accuracies the loss alone decides. Of several runs, told apart by `run`, the last one's epochs
    count alone. None where no epoch has a validation loss.
    """
    losses = {
        k: loss
        for k, row in enumerate(history)
        if row.get("run") == history[-1].get("run")
        and (loss := number(row.get("val_loss"))) is not None
    }
    right = {k: number(history[k].get("val_accuracy")) or 0.0 for k in losses}
    return min(losses, key=lambda k: (-right[k], losses[k])) if losses else None


def learning_curves(
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    metric: str = "loss",
    smoothing: float = 0.0,
) -> go.Figure:
    """Draw one metric of every run over its epochs.

    The validation split is a solid line, the training split a dotted one; a star marks the
    best epoch (see `best_epoch`) and a ring the first of every run that went on from another,
    at their unsmoothed values.

    Args:
        runs: History by the run's name: one mapping per epoch with `epoch, loss, accuracy,
            val_loss, val_accuracy, learning_rate`. Missing or infinite values leave a gap. A
            history of several runs names each by its position, from 0, as `run`.
        metric: `loss`, `accuracy` or `learning rate`, in any case.
        smoothing: Share of the past in the moving average, 0 to below 1.

    Raises:
        ValueError: If the metric is unknown or the smoothing out of range.
    """
    key = metric.strip().lower().replace("_", " ")
    if key not in _METRICS:
        raise ValueError(f"A curve is one of {', '.join(_METRICS)}. Received: {metric!r}.")
    if not 0.0 <= smoothing < 1.0:
        raise ValueError(f"Smoothing lies in 0 to below 1. Received: {smoothing}.")
    title, training, validation, form = _METRICS[key]
    figure = new_figure(_("Epoch"), told(title))
    for position, (run, history) in enumerate(runs.items()):
        colour, name = SERIES[position % len(SERIES)], escape(run)
        rows = [{"epoch": k + 1, **row} for k, row in enumerate(history)]
        epochs = [row["epoch"] for row in rows]
        if key == "learning rate":
            smoothing = 0.0
        for field, side, dash in (
            (validation, _("validation"), "solid"),
            (training, _("training"), "dot"),
        ):
            values = [number(row.get(field)) for row in history] if field else []
            if all(value is None for value in values):
                continue
            alone = validation is None
            figure.add_scatter(
                x=epochs,
                y=smooth(values, smoothing),
                mode="lines+markers" if len(values) == 1 else "lines",
                name=name if alone else f"{name}, {side}",
                legendgroup=run,
                # The dots stand beside their run's line; twice the names would fill a phone.
                showlegend=alone or side == "validation",
                line={"color": colour, "width": 3, "dash": "solid" if alone else dash},
                opacity=1.0 if alone or field == validation else 0.7,
                hovertemplate=f"<b>{name}</b>{'' if alone else ', ' + side}<br>"
                + _("epoch {epoch}: {value}").format(epoch="%{x}", value=f"%{{y:{form}}}")
                + "<extra></extra>",
            )
        shown = validation or training
        hover = {"run": f"<b>{name}</b>", "epoch": "%{x}", "value": f"%{{y:{form}}}"}
        best = best_epoch(rows)
        _mark(
            figure,
            run,
            _starts(rows),
            shown,
            {"symbol": "circle-open", "size": 9, "color": colour, "line": {"width": 2}},
            _("{run}, epoch {epoch}, where its run {number} begins: {value}").format(
                **hover, number="%{customdata}"
            ),
        )
        _mark(
            figure,
            run,
            [rows[best]] if best is not None else [],
            shown,
            {"symbol": "star", "size": 16, "color": colour, "line": {"width": 1}},
            _("{run}, best epoch {epoch}: {value}").format(**hover),
        )
    if not figure.data:
        return say(figure, _("No epochs yet."))
    if key == "accuracy":
        figure.update_yaxes(tickformat=PERCENT)
    if key == "learning rate":
        figure.update_yaxes(type="log", dtick="D2", tickformat=".0e")
    figure.update_xaxes(tickformat="d", rangemode="tozero")
    if max(len(history) for history in runs.values()) <= _EACH:
        # Plotly would halve the steps, and two ticks would round to one epoch.
        figure.update_xaxes(dtick=1)
    return figure


def _starts(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the first epoch of every run but the first."""
    return [row for before, row in pairwise(rows) if before.get("run") != row.get("run")]


def _mark(
    figure: go.Figure,
    run: str,
    rows: Sequence[Mapping[str, Any]],
    field: str,
    marker: dict[str, Any],
    words: str,
) -> None:
    """Mark epochs of a run at their values; those without one are left out."""
    rows = [row for row in rows if number(row.get(field)) is not None]
    if not rows:
        return
    figure.add_scatter(
        x=[row["epoch"] for row in rows],
        y=[number(row[field]) for row in rows],
        customdata=[row.get("run", 0) + 1 for row in rows],
        mode="markers",
        marker=marker,
        legendgroup=run,
        showlegend=False,
        hovertemplate=f"{words}<extra></extra>",
    )
