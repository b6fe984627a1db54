"""Where published weights come from: the facts of a card that nobody types in."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.data.manifest import Manifest
from core.data.sources import SOURCES
from core.errors import RunError
from core.files import parse_json
from core.inference import Predictor, load_folder, load_run
from core.training.config import read_config
from core.training.earlier import EarlierRun, earlier_runs, read_earlier
from core.training.lineage import lineage, taught_by, tell_once, training_command
from core.training.runs import read_run

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
        earlier: What it had been trained by before, the first run first.
        manifest: Path of the manifest that it was trained on; None if only its digest is known.
        root: Dataset root that the training named.
        shift: What the no-tumour logit was raised by when the weights were published before.
    """

    predictor: Predictor
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    earlier: list[EarlierRun]
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
        return Origin(predictor, facts, history, read_earlier(folder), None, None, shift)
    config, info = read_config(folder), read_run(folder)
    if not (folder / "best.weights.h5").is_file():
        raise RunError(
            f"A run can be published once an epoch has finished. Received: '{folder.name}'."
        )
    predictor = _seeing(load_run(folder), mirrored)
    before, teachers = tell_once(lineage(Path(config.init), info.start), taught_by(config, info))
    facts = {
        "architecture": config.model,
        "input_size": config.size,
        "labels": list(config.labels),
        "init": info.start,
        "command": training_command(config),
        "head": config.head,
        "mirrored": predictor.card.mirrored,
        "earlier_runs": before,
        "epochs": len(info.history),
        "best_epoch": info.detail.get("best", {}).get("epoch"),
        "seed": config.seed,
        "teachers": teachers,
        "fold": config.fold,
        "precision": info.detail.get("precision", config.precision),
        "parameters": int(predictor.model.count_params()),
    }
    root = Path(config.root) if config.root else None
    earlier = earlier_runs(Path(config.init), info.start)
    return Origin(predictor, facts, info.history, earlier, Path(config.manifest), root)


def _seeing(predictor: Predictor, mirrored: bool | None) -> Predictor:
    """Return a model that answers from one view or from two, as is wanted; None: as it does."""
    if mirrored in (None, predictor.card.mirrored):
        return predictor
    card = replace(predictor.card, raw={**predictor.card.raw, "mirrored": mirrored})
    return Predictor(card, predictor.model, predictor.calibrated, predictor.gate)


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
