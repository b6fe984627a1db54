"""Training runs and published models as the Training screen shows them."""

from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from core.models import registry
from core.settings import get_settings
from core.training.runs import list_runs, read_history
from ui.errors import plain

History = list[dict[str, Any]]
METRICS = {
    "Loss": ("loss", "val_loss"),
    "Accuracy": ("accuracy", "val_accuracy"),
    "Learning rate": ("learning_rate",),
}


def histories() -> dict[str, tuple[History, dict[str, Any], str]]:
    """Return history, settings and state of everything that was trained.

    Returns:
        By name: published models first (`cnn (published)`), then runs, newest first. Read
        anew each time, because a running training writes on.
    """
    settings = get_settings()
    found: dict[str, tuple[History, dict[str, Any], str]] = {}
    for status in registry.statuses(settings.weights_dir):
        history = read_history(settings.weights_dir / status.name)
        if history:
            card = status.card.raw if status.card is not None else {}
            found[f"{status.name} (published)"] = (history, _card_settings(card), "published")
    for run in list_runs(settings.runs_dir):
        if run.history:
            found[run.id] = (run.history, run.config, run.status)
    return found


def _card_settings(card: dict[str, Any]) -> dict[str, Any]:
    keys = ("architecture", "input_size", "init", "command", "version", "created", "license")
    return {key: card[key] for key in keys if card.get(key)}


def best_epoch(history: History) -> dict[str, Any]:
    """Return the epoch of the lowest validation loss, or the last one where none has any."""
    scored = [row for row in history if isinstance(row.get("val_loss"), int | float)]
    return min(scored, key=lambda row: float(row["val_loss"])) if scored else history[-1]


def overview(chosen: dict[str, tuple[History, dict[str, Any], str]]) -> pd.DataFrame:
    """Return one row per run: state, epochs, best epoch, time."""
    rows = []
    for name, (history, _, state) in chosen.items():
        best = best_epoch(history)
        seconds = sum(float(row.get("seconds") or 0.0) for row in history)
        rows.append(
            {
                "Run": name,
                "State": state,
                "Epochs": len(history),
                "Best epoch": best.get("epoch"),
                "Validation loss": best.get("val_loss"),
                "Validation accuracy": best.get("val_accuracy"),
                "Minutes": round(seconds / 60, 1),
            }
        )
    return pd.DataFrame(rows)


def settings_table(chosen: dict[str, tuple[History, dict[str, Any], str]]) -> pd.DataFrame:
    """Return one row per setting and one column per run, as text; nested ones are flattened."""
    columns = {name: _flat(config) for name, (_, config, _) in chosen.items()}
    keys = list(dict.fromkeys(key for column in columns.values() for key in column))
    return pd.DataFrame(
        {"Setting": keys, **{n: [c.get(k, "—") for k in keys] for n, c in columns.items()}}
    )


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = str(value)
    return flat


def warn_of_trouble(chosen: dict[str, tuple[History, dict[str, Any], str]]) -> None:
    """Call out a diverging loss."""
    for name, (history, _, _) in chosen.items():
        losses = [x for row in history if isinstance(x := row.get("loss"), int | float)]
        if len(losses) < len(history) or any(map(isnan, losses)):
            st.error(f"{plain(name)}: the loss is not a number in some epochs; it diverged.")
        elif len(losses) > 2 and losses[-1] > 1.5 * losses[0]:
            st.warning(f"{plain(name)}: the loss has grown since the first epoch.")
