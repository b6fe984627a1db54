"""Where published weights come from: the facts of a card that nobody types in."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.data.manifest import Manifest, read_manifest
from core.data.sources import SOURCES, weights_license
from core.errors import DatasetError, RunError
from core.inference import Predictor, load_folder, load_run
from core.models.card import read_card
from core.training.config import STARTS, TrainConfig, read_config
from core.training.earlier import EarlierRun, earlier_runs, read_earlier
from core.training.lineage import ancestors, lineage, taught_by, tell_once, training_command
from core.training.runs import RunInfo, file_sha256, read_history, read_run

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
        run: What its folder tells of a run; None for published weights.
        told: `trained_on` and `license` of the card, for published weights whose card has them.
        before: Sources that the weights which a run started from had learned from.
    """

    predictor: Predictor
    facts: dict[str, Any]
    history: list[dict[str, Any]]
    earlier: list[EarlierRun]
    manifest: Path | None
    root: Path | None
    shift: float = 0.0
    run: RunInfo | None = None
    told: dict[str, Any] = field(default_factory=dict)
    before: frozenset[str] = frozenset()


def open_origin(folder: Path, mirrored: bool | None = None) -> Origin:
    """Load the best weights of a run, or weights that were published before.

    Args:
        folder: Folder of a run or of a published model.
        mirrored: Whether it answers with the mean over a slice and its mirror image; None: as
            it was published before, and a run doesn't.

    Raises:
        RunError: If it is neither, the run has no best weights yet, or they belong to an epoch
            that was broken off.
        ModelNotReadyError: If published weights are damaged.
    """
    if (folder / "card.json").is_file():
        predictor = _seeing(load_folder(folder), mirrored)
        raw = predictor.card.raw
        facts = {key: raw[key] for key in _KEPT if key in raw}
        history = read_history(folder)
        decision = raw.get("decision") or {}
        shift = float(decision.get("notumour_shift", 0.0))
        told = {key: raw[key] for key in ("trained_on", "license") if raw.get(key)}
        earlier = read_earlier(folder)
        return Origin(predictor, facts, history, earlier, None, None, shift, told=told)
    config, info = read_config(folder), read_run(folder)
    if not (folder / "best.weights.h5").is_file():
        raise RunError(
            f"A run can be published once an epoch has finished. Received: '{folder.name}'."
        )
    history, best = _kept(folder, info)
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
        "epochs": len(history),
        "best_epoch": best.get("epoch"),
        "seed": config.seed,
        "teachers": teachers,
        "fold": config.fold,
        "precision": info.detail.get("precision", config.precision),
        "parameters": int(predictor.model.count_params()),
    }
    root = Path(config.root) if config.root else None
    earlier = earlier_runs(Path(config.init), info.start)
    return Origin(
        predictor,
        facts,
        history,
        earlier,
        Path(config.manifest),
        root,
        run=info,
        before=_sources_before(config, info),
    )


def _kept(folder: Path, info: RunInfo) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a run's epochs and the best of them, whose weights these are.

    A process that was killed between its files leaves a state that is ahead of the others, or best
    weights that are ahead of the state. A run of a version without the digest is believed.

    Raises:
        RunError: If the best weights belong to an epoch that nothing tells of.
    """
    from core.training.state import read_progress

    history, best, digest = info.history, info.detail.get("best") or {}, info.best_sha256
    try:
        progress = read_progress(folder)
    except RunError:
        # Whoever only wants to publish needs no state.
        progress = {}
    if progress.get("best_sha256"):
        history, best, digest = (progress[key] for key in ("history", "best", "best_sha256"))
    if digest not in (None, file_sha256(folder / "best.weights.h5")):
        raise RunError(
            "best.weights.h5 is the file that the run's state names; --resume trains an epoch that "
            f"was broken off again. Received: another file in '{folder.name}'."
        )
    return history, best


def _sources_before(config: TrainConfig, info: RunInfo) -> frozenset[str]:
    """Return the sources of the weights that a run started from.

    Of weights that have changed since, and of a run whose manifest has, nobody knows the data:
    they stand under its name, which leaves the licence open.
    """
    places = ancestors(Path(config.init), info.start)
    unknown = not places and config.init not in STARTS
    names = {f"the data of '{Path(config.init).name}'"} if unknown else set()
    for folder in places:
        if (folder / "card.json").is_file():
            told = read_card(folder).trained_on
            names |= {str(source["name"]) for source in told.get("sources", [])}
            names |= set(told.get("earlier_sources", []))
            continue
        try:
            manifest = read_manifest(Path(read_config(folder).manifest))
            read_run(folder).check_manifest(manifest.sha256)
        except (DatasetError, RunError):
            names.add(f"the data of '{folder.name}'")
        else:
            names |= {row.source for row in manifest.rows if row.split == "train"}
    return frozenset(names)


def _seeing(predictor: Predictor, mirrored: bool | None) -> Predictor:
    """Return a model that answers from one view or from two, as is wanted; None: as it does."""
    if mirrored in (None, predictor.card.mirrored):
        return predictor
    card = replace(predictor.card, raw={**predictor.card.raw, "mirrored": mirrored})
    return Predictor(card, predictor.model, predictor.calibrated, predictor.gate)


def data_facts(origin: Origin, learned: Manifest, name: str) -> dict[str, Any]:
    """Return what a card says of the data: what the weights learned from, and what set them up.

    Published weights learned what their card says, whatever manifest they are published anew
    with.

    Args:
        origin: The weights.
        learned: The manifest that line, temperature and report are computed from, with the splits
            of the training.
        name: Its file's name.

    Returns:
        `trained_on` and `license`; with another manifest than the training's also
        `calibrated_on`: `manifest`, `manifest_sha256` and the number of `images` that validated.

    Raises:
        RunError: If a run learned from another manifest.
    """
    if origin.run is not None:
        origin.run.check_manifest(learned.sha256)
    if "trained_on" not in origin.told:
        sources = {row.source for row in learned.rows} | origin.before
        return {
            "trained_on": trained_on(learned, origin.before),
            "license": weights_license(sources),
        }
    facts = {"license": "", **origin.told}
    if facts["trained_on"].get("manifest_sha256") != learned.sha256:
        facts["calibrated_on"] = {
            "manifest": name,
            "manifest_sha256": learned.sha256,
            "images": sum(row.split == "val" for row in learned.rows),
        }
    return facts


def trained_on(manifest: Manifest, before: Iterable[str] = ()) -> dict[str, Any]:
    """Return the training split's sources with their licences and counts.

    Args:
        manifest: The manifest.
        before: Sources of the weights that the training started from; those that the split lacks
            are named under `earlier_sources`.
    """
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
    facts = {"sources": sources, "images": len(train), "manifest_sha256": manifest.sha256}
    earlier = sorted(set(before) - {row.source for row in train})
    return {**facts, "earlier_sources": earlier} if earlier else facts


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
            "expected_calibration_error_interval": report["calibration"]["after"]["ece_interval"],
        },
        "external": external and {**external},
        "within_patient": within and {**within},
        "localisation": localisation and {"pointing": localisation["pointing"]},
    }
