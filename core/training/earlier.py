"""The epochs of the runs before: a published model's whole training, not its last run alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import ModelNotReadyError
from core.files import parse_json, write_json
from core.models.card import read_card
from core.training.config import read_config
from core.training.lineage import ancestors, training_command
from core.training.runs import read_history

FILE: Final = "earlier.json"


@dataclass(frozen=True, eq=False)
class EarlierRun:
    """A run from whose weights another went on.

    Attributes:
        run: Its name.
        epochs: How many it had.
        command: Its `train` command.
        history: One dict per epoch, as in `history.json`; empty where they weren't kept.
    """

    run: str
    epochs: int
    command: str
    history: list[dict[str, Any]]


def earlier_runs(folder: Path, told: str) -> list[EarlierRun]:
    """Return what lies in a folder and what that started from, the first run first.

    Args:
        folder: See `core.training.lineage.ancestors`, also for what is raised.
        told: See there.
    """
    return [run for place in reversed(ancestors(folder, told)) for run in _runs(place)]


def _runs(folder: Path) -> list[EarlierRun]:
    history = read_history(folder)
    if not (folder / "card.json").is_file():
        command = training_command(read_config(folder))
        return [EarlierRun(folder.name, len(history), command, history)]
    card = read_card(folder)
    epochs = int(card.raw.get("epochs") or len(history))
    return [*read_earlier(folder), EarlierRun(card.name, epochs, card.command, history)]


def read_earlier(folder: Path) -> list[EarlierRun]:
    """Return the runs before a published model's last one, the first run first.

    Args:
        folder: The model's folder. Without a readable `earlier.json` the runs are those that the
            card names, and none of their epochs is known.
    """
    try:
        return [_parsed(row) for row in parse_json((folder / FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError):
        pass
    try:
        named = read_card(folder).raw.get("earlier_runs", [])
    except ModelNotReadyError:
        return []
    return [
        EarlierRun(str(row.get("run")), int(row.get("epochs") or 0), row.get("command", ""), [])
        for row in reversed(named)
    ]


def _parsed(row: dict[str, Any]) -> EarlierRun:
    history = [epoch for epoch in row["history"] if isinstance(epoch, dict)]
    return EarlierRun(str(row["run"]), int(row["epochs"]), str(row["command"]), history)


def write_earlier(folder: Path, runs: list[EarlierRun]) -> None:
    """Write `earlier.json` into a published model's folder."""
    write_json(folder / FILE, [asdict(run) for run in runs])


def whole_history(
    earlier: Sequence[EarlierRun], history: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Join the epochs of all runs, counted through.

    Args:
        earlier: The runs before, the first run first.
        history: The last run's epochs.

    Returns:
        One dict per epoch with its number as `epoch` and the position of its run, from 0, as
        `run`. An epoch that wasn't kept has these two alone.
    """
    rows: list[dict[str, Any]] = []
    runs = [*((run.epochs, run.history) for run in earlier), (len(history), history)]
    for position, (epochs, kept) in enumerate(runs):
        for row in kept or [{}] * epochs:
            rows.append({**row, "epoch": len(rows) + 1, "run": position})
    return rows
