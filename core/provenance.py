"""Where published weights come from: the facts of a card that nobody types in."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.data.manifest import Manifest
from core.data.sources import SOURCES
from core.errors import RunError
from core.files import parse_json
from core.inference import Predictor, load_folder, load_run
from core.models.card import read_card
from core.models.registry import MODELS
from core.training.config import STARTS, TrainConfig, read_config
from core.training.runs import RunInfo, read_run

_NOT_FLAGS = ("model", "manifest", "root", "labels", "augmentation", "mixing")
_KEPT = (
    "architecture", "input_size", "labels", "init", "command", "head", "mirrored", "earlier_runs",
    "teachers", "fold", "epochs", "best_epoch", "seed", "precision", "parameters",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Origin:
    """Weights that can be published.

    Attributes:
        predictor: The model.
        facts: What the card says about how it was trained.
        history: Its epochs.
        manifest: Path of the manifest that it was trained on; None if only its digest is known.
        root: Dataset root that the training named.
        shift: What the no-tumour logit was raised by when the weights were published before.
    """

    predictor: Predictor
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    manifest: Path | None
    root: Path | None
    shift: float = 0.0


def open_origin(folder: Path, mirrored: bool | None = None) -> Origin:
    """Load the best weights of a run, or weights that were published before.

    Args:
        folder: Folder of a run or of a published model.
        mirrored: Whether it answers with the mean over a slice and its mirror image; None: as
            it was published before, and a run doesn't.

    Raises:
        RunError: If it is neither, or the run has no best weights yet.
        ModelNotReadyError: If published weights are damaged.
    """
    if (folder / "card.json").is_file():
        predictor = _seeing(load_folder(folder), mirrored)
        raw = predictor.card.raw
        facts = {key: raw[key] for key in _KEPT if key in raw}
        history = parse_json((folder / "history.json").read_text(encoding="utf-8"))
        decision = raw.get("decision") or {}
        shift = float(decision.get("notumour_shift", 0.0))
        return Origin(predictor, facts, history, None, None, shift)
    config, info = read_config(folder), read_run(folder)
    if not (folder / "best.weights.h5").is_file():
        raise RunError(
            f"A run can be published once an epoch has finished. Received: '{folder.name}'."
        )
    predictor = _seeing(load_run(folder), mirrored)
    facts = {
        "architecture": config.model,
        "input_size": config.size,
        "labels": list(config.labels),
        "init": info.start,
        "command": training_command(config),
        "head": config.head,
        "mirrored": predictor.card.mirrored,
        "earlier_runs": _lineage(Path(config.init), info.start),
        "epochs": len(info.history),
        "best_epoch": info.detail.get("best", {}).get("epoch"),
        "seed": config.seed,
        "teachers": _teachers(config, info),
        "fold": config.fold,
        "precision": info.detail.get("precision", config.precision),
        "parameters": int(predictor.model.count_params()),
    }
    root = Path(config.root) if config.root else None
    return Origin(predictor, facts, info.history, Path(config.manifest), root)


def _seeing(predictor: Predictor, mirrored: bool | None) -> Predictor:
    """Return a model that answers from one view or from two, as is wanted; None: as it does."""
    if mirrored in (None, predictor.card.mirrored):
        return predictor
    card = replace(predictor.card, raw={**predictor.card.raw, "mirrored": mirrored})
    return Predictor(card, predictor.model, predictor.calibrated, predictor.gate)


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


def _lineage(folder: Path, told: str) -> list[dict[str, Any]]:
    """Return what lies in a folder and what that started from, the latest first.

    Each with its command. Published weights count as a run, and so do those that their card
    names; weights that were published anew since are others, of which nothing is said.

    Args:
        folder: Whatever a run was started from or taught by.
        told: What the run called it.
    """
    if (folder / "card.json").is_file():
        raw = read_card(folder).raw
        if raw["sha256"][:12] not in told:
            return []
        published = {key: raw.get(key) for key in ("init", "epochs", "command", "sha256")}
        taught = {"teachers": raw["teachers"]} if raw.get("teachers") else {}
        return [{"run": raw["name"], **published, **taught}, *raw.get("earlier_runs", [])]
    if not (folder / "config.json").is_file():
        return []
    config, info = read_config(folder), read_run(folder)
    record = {
        "run": folder.name,
        "init": info.start,
        "epochs": len(info.history),
        "command": training_command(config),
    }
    if teachers := _teachers(config, info):
        record["teachers"] = teachers
    return [record, *_lineage(Path(config.init), info.start)]


def _teachers(config: TrainConfig, info: RunInfo) -> list[dict[str, Any]]:
    """Return whose answers a run learned from, each with what it had been trained by."""
    names = info.detail.get("teachers", [])
    return [
        {"name": name, "runs": _lineage(folder, name)}
        for name, folder in zip(names, config.teachers, strict=False)
    ]


def trained_on(manifest: Manifest) -> dict[str, Any]:
    """Return the training split's sources with their licences and counts."""
    train = [row for row in manifest.rows if row.split == "train"]
    sources = []
    for name in sorted({row.source for row in train}):
        known = SOURCES.get(name)
        sources.append(
            {
                "name": name,
                "title": known.title if known else name,
                "license": known.license if known else "the data's own terms",
                "images": sum(row.source == name for row in train),
            }
        )
    return {"sources": sources, "images": len(train), "manifest_sha256": manifest.sha256}


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """Pick the figures that travel on the card, each with its interval and n."""
    external, within = report["external"], report["within_patient"]
    localisation = report["localisation"]
    return {
        "test": {
            "split": report["split"],
            "accuracy": report["accuracy"],
            "macro_f1": report["macro"]["f1"],
            "expected_calibration_error": report["calibration"]["after"]["ece"],
        },
        "external": external and {**external},
        "within_patient": within and {**within},
        "localisation": localisation and {"pointing": localisation["pointing"]},
    }
