"""Training runs and published models as the Training screen shows them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.figures.training import best_epoch
from core.models import registry
from core.reading import percent
from core.settings import get_settings
from core.training.earlier import EarlierRun, read_earlier, whole_history
from core.training.health import Trouble, find_trouble
from core.training.runs import read_history
from core.training.watch import watch_all
from core.wording import number as written
from ui import cache
from ui.errors import plain
from ui.language import _

History = list[dict[str, Any]]
METRICS = ("loss", "accuracy", "learning rate")
PUBLISHED = "published"
_PREFIX = f"{PUBLISHED}:"


@dataclass(frozen=True, eq=False)
class Trained:
    """One line of the overview.

    Attributes:
        history: One dict per epoch.
        config: Settings of the run, or what the card tells of them.
        state: The run's state, or `published`.
        earlier: The runs from whose weights a published model's last one went on.
    """

    history: History
    config: dict[str, Any]
    state: str
    earlier: tuple[EarlierRun, ...] = ()

    @property
    def whole(self) -> History:
        """The epochs of all runs, counted through; its own where none went before."""
        return whole_history(self.earlier, self.history) if self.earlier else self.history


def metric_name(metric: str) -> str:
    """Return a curve's name for a person."""
    return {
        "loss": _("Loss"),
        "accuracy": _("Accuracy"),
        "learning rate": _("Learning rate"),
    }[metric]


def run_title(key: str) -> str:
    """Return the name of what was trained for a person, from its key in `histories`."""
    if key.startswith(_PREFIX):
        return _("{model} (published)").format(model=key.removeprefix(_PREFIX))
    return key


def state_name(state: str) -> str:
    """Return a state for a person."""
    return {
        "running": _("Running"),
        "starting": _("Starting"),
        "finished": _("Finished"),
        "stopped": _("Stopped, can be resumed"),
        "interrupted": _("Stopped, can be resumed"),
        "halted": _("Stopped"),
        "failed": _("Failed"),
        "not started": _("Did not start"),
        PUBLISHED: _("Published"),
    }.get(state, _("Unknown"))


def histories() -> dict[str, Trained]:
    """Return history, settings and state of everything that was trained.

    Returns:
        By key, the same in every language (`run_title` names it): published models first
        (`published:cnn`), then runs, newest first. Read anew each time, because a running
        training writes on.
    """
    settings = get_settings()
    found: dict[str, Trained] = {}
    for status in registry.statuses(settings.weights_dir):
        history = read_history(settings.weights_dir / status.name)
        if history:
            card = status.card.raw if status.card is not None else {}
            earlier = tuple(read_earlier(settings.weights_dir / status.name))
            found[_PREFIX + status.name] = Trained(
                history, _card_settings(card), PUBLISHED, earlier
            )
    for run in watch_all(settings.runs_dir):
        if run.info is not None and run.info.history:
            state = run.state
            if state in ("stopped", "interrupted") and not run.resumable:
                state = "halted"
            found[run.id] = Trained(run.info.history, run.info.config, state)
    return found


def _card_settings(card: dict[str, Any]) -> dict[str, Any]:
    keys = ("architecture", "input_size", "init", "command", "version", "created", "license")
    return {key: card[key] for key in keys if card.get(key)}


def first_choice(found: dict[str, Trained]) -> list[str]:
    """Return the runs whose curves show at first: those under way, then as listed."""
    return sorted(found, key=lambda name: found[name].state not in ("running", "starting"))[:4]


def keep_choice(found: dict[str, Trained]) -> None:
    """Take runs that are gone out of the choice, and add the one that was just started."""
    chosen = st.session_state.get("runs_chosen")
    if chosen is None:
        return
    awaited = st.session_state.get("run_awaited")
    kept = [name for name in chosen if name in found]
    if awaited in found:
        del st.session_state["run_awaited"]
        kept += [awaited] if awaited not in kept else []
    if kept != chosen:
        st.session_state["runs_chosen"] = kept


def overview(chosen: dict[str, Trained]) -> pd.DataFrame:
    """Return one row per run: state, epochs, best epoch, time; of the last run alone."""
    rows = []
    for key, run in chosen.items():
        position = best_epoch(run.history)
        best = run.history[-1 if position is None else position]
        seconds = sum(float(row.get("seconds") or 0.0) for row in run.history)
        rows.append(
            {
                _("Run"): run_title(key),
                _("State"): state_name(run.state),
                _("Epochs"): len(run.history),
                _("Epochs before"): sum(before.epochs for before in run.earlier),
                _("Best epoch"): best.get("epoch"),
                _("Validation loss"): best.get("val_loss"),
                _("Validation accuracy"): best.get("val_accuracy"),
                _("Minutes"): round(seconds / 60, 1),
            }
        )
    return pd.DataFrame(rows)


def earlier_table(chosen: dict[str, Trained]) -> pd.DataFrame:
    """Return one row per run of the chosen published models, the first run first."""
    rows = [
        {
            _("Model"): run_title(key),
            _("Number"): number,
            _("Run"): before.run,
            _("Epochs"): before.epochs,
            _("Epochs kept"): len(before.history),
            _("Command"): before.command,
        }
        for key, run in chosen.items()
        if run.earlier
        for number, before in enumerate((*run.earlier, _last(run_title(key), run)), start=1)
    ]
    return pd.DataFrame(rows)


def _last(name: str, run: Trained) -> EarlierRun:
    return EarlierRun(name, len(run.history), run.config.get("command", ""), run.history)


def settings_table(chosen: dict[str, Trained]) -> pd.DataFrame:
    """Return one row per setting and one column per run, as text; nested ones are flattened."""
    columns = {run_title(key): _flat(run.config) for key, run in chosen.items()}
    keys = list(dict.fromkeys(key for column in columns.values() for key in column))
    return pd.DataFrame(
        {_("Setting"): keys, **{n: [c.get(k, "—") for k in keys] for n, c in columns.items()}}
    )


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key in ("manifest", "root", "init"):
            # A server's folders are nobody's business.
            flat[prefix + key] = Path(str(value)).name
        else:
            flat[prefix + key] = str(value)
    return flat


def warn_of_trouble(chosen: dict[str, Trained]) -> None:
    """Call out a diverging loss, a collapse to one class and overfitting, with their rules."""
    for key, run in chosen.items():
        labels = run.config.get("labels") or []
        share = cache.largest_share(
            str(run.config.get("manifest") or ""), str(run.config.get("fold") or "")
        )
        for trouble in find_trouble(run.history, share, len(labels) or None):
            box = st.error if trouble.kind in ("not_finite", "collapsed") else st.warning
            title = plain(run_title(key))
            box(f"**{title}**: {_sentence(trouble)}", icon=":material/monitor_heart:")


def _sentence(trouble: Trouble) -> str:
    value, reference = trouble.value or 0.0, trouble.reference or 0.0
    if trouble.kind == "not_finite":
        return _("the loss is not a number in some epochs; it diverged.")
    if trouble.kind == "growing":
        return _(
            "the loss has grown since the first epoch, from {first} to {last}; it diverges. "
            "A lower learning rate usually helps."
        ).format(first=written(reference, 3), last=written(value, 3))
    if trouble.kind == "collapsed":
        return _(
            "the validation accuracy has stood still at {accuracy} for three epochs, no better "
            "than naming one class always ({share}). The model has probably collapsed to one "
            "class."
        ).format(accuracy=percent(value, 1), share=percent(reference, 1))
    return _(
        "the validation loss, {last}, is over twice its lowest, {lowest}, while the training "
        "loss still falls: the model overfits. The best epoch is kept."
    ).format(last=written(value, 3), lowest=written(reference, 3))
