"""What a run grew from: its command, the runs before it and those that taught it."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.models.card import read_card
from core.models.registry import MODELS
from core.training.config import STARTS, TrainConfig, read_config
from core.training.runs import RunInfo, file_sha256, read_run

_NOT_FLAGS = ("model", "manifest", "root", "labels", "augmentation", "mixing")


def training_command(config: TrainConfig) -> str:
    """Return the `train` command that a configuration stands for.

    Only what differs from the defaults is named; the manifest by its file name.
    """
    words = ["python", "-m", "core", "train", "--model", config.model]
    words += ["--manifest", Path(config.manifest).name]
    defaults = TrainConfig(config.model, config.manifest)
    values, usual = (
        {**vars(c), **vars(c.augmentation), **vars(c.mixing)} for c in (config, defaults)
    )
    if config.model in MODELS:
        # The command's default is the model's own size.
        usual["size"] = MODELS[config.model].input_size
    if config.init not in STARTS:
        # Left out, the seed would follow from what lies in that folder by then.
        usual["seed"] = None
    for name in usual:
        value = values[name]
        if name in _NOT_FLAGS or value == usual[name]:
            continue
        flag = "--" + name.replace("_", "-")
        text = str(value)
        if name in ("init", "teacher"):
            text = ",".join(Path(folder).name for folder in text.split(","))
        words += [flag] if value is True else [flag, text]
    return shlex.join(words)


def ancestors(folder: Path, told: str) -> list[Path]:
    """Return a folder, the one that it was started from, and so on: the latest run first.

    Published weights end the walk, since their card and `earlier.json` tell the rest. Weights
    that were published anew since, and those of a run that went on, are others, of which nothing
    is said.

    Args:
        folder: Whatever a run was started from or taught by.
        told: What the run called it.

    Raises:
        ModelNotReadyError: If it is a published model whose card is damaged.
        RunError: If it is a run whose configuration is.
    """
    if (folder / "card.json").is_file():
        return [folder] if read_card(folder).sha256[:12] in told else []
    if not (folder / "config.json").is_file():
        return []
    # Runs were told without a digest once; those are believed.
    if f"the run '{folder.name}' (" in told:
        digest = file_sha256(folder / "best.weights.h5") or "none"
        if f"({digest[:12]})" not in told:
            return []
    return [folder, *ancestors(Path(read_config(folder).init), read_run(folder).start)]


def lineage(folder: Path, told: str) -> list[dict[str, Any]]:
    """Return what lies in a folder and what that started from, the latest first.

    Each with its command. Published weights count as a run, and so do those that their card
    names.

    Args:
        folder: See `ancestors`.
        told: See `ancestors`.
    """
    return [record for place in ancestors(folder, told) for record in _records(place)]


def _records(folder: Path) -> list[dict[str, Any]]:
    if (folder / "card.json").is_file():
        raw = read_card(folder).raw
        published = {key: raw.get(key) for key in ("init", "epochs", "command", "sha256")}
        taught = {"teachers": raw["teachers"]} if raw.get("teachers") else {}
        return [{"run": raw["name"], **published, **taught}, *raw.get("earlier_runs", [])]
    config, info = read_config(folder), read_run(folder)
    record = {
        "run": folder.name,
        "init": info.start,
        "epochs": len(info.history),
        "command": training_command(config),
    }
    if teachers := taught_by(config, info):
        record["teachers"] = teachers
    return [record]


def taught_by(config: TrainConfig, info: RunInfo) -> list[dict[str, Any]]:
    """Return whose answers a run learned from, each with what it had been trained by."""
    names = info.detail.get("teachers", [])
    return [
        {"name": name, "runs": lineage(folder, name)}
        for name, folder in zip(names, config.teachers, strict=False)
    ]


def tell_once(
    earlier: list[dict[str, Any]], teachers: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tell every run in full where it comes first, and by its name and digest elsewhere.

    Networks that teach each other are each other's past; told in full each time, a card would
    double with every publication.

    Args:
        earlier: Of `lineage`.
        teachers: Of `taught_by`.

    Returns:
        Copies of both. A run that is told elsewhere has `run` and `sha256` alone; without a
        digest, `run` and `command`.
    """
    full: dict[str, dict[str, Any]] = {}
    for run in _every([*earlier, *(run for teacher in teachers for run in teacher["runs"])]):
        if "epochs" in run:
            full.setdefault(_identity(run), run)
    told: set[str] = set()
    earlier, teachers = list(earlier), [{**t, "runs": list(t["runs"])} for t in teachers]
    level = [earlier, *(teacher["runs"] for teacher in teachers)]
    while level:
        deeper = []
        for runs in level:
            for position, named in enumerate(runs):
                key = _identity(named)
                if key in told or key not in full:
                    kept = "sha256" if named.get("sha256") else "command"
                    runs[position] = {"run": named["run"], kept: named.get(kept)}
                    continue
                told.add(key)
                run = runs[position] = dict(full[key])
                if run.get("teachers"):
                    run["teachers"] = [{**t, "runs": list(t["runs"])} for t in run["teachers"]]
                    deeper += [teacher["runs"] for teacher in run["teachers"]]
        level = deeper
    return earlier, teachers


def _every(runs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for run in runs:
        yield run
        for teacher in run.get("teachers", []):
            yield from _every(teacher["runs"])


def _identity(run: dict[str, Any]) -> str:
    return str(run.get("sha256") or run.get("command") or run["run"])
