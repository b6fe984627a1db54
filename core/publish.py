"""A finished run becomes `weights/<name>/`: weights, card, history and report, together."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import DISCLAIMER, __version__
from core.data.manifest import Manifest, read_manifest
from core.data.sources import SOURCES, weights_license
from core.errors import OutputError, RunError
from core.evaluate import gather, pool_logits
from core.evaluation.calibration import fit_temperature, softmax
from core.evaluation.conformal import conformal_quantile
from core.evaluation.report import build_report
from core.evaluation.storage import write_predictions, write_report
from core.files import write_json
from core.gate import fit_gate, write_gate
from core.inference import Predictor, load_folder, load_run
from core.models.card import Card, parse_card
from core.settings import get_settings
from core.training.config import TrainConfig, read_config
from core.training.runs import read_run

Progress = Callable[[int, int, str], None]
_LEVELS = (0.9, 0.95)
_NOT_FLAGS = ("model", "manifest", "root", "labels", "augmentation", "mixing")


def training_command(config: TrainConfig) -> str:
    """Return the `train` command that a configuration stands for.

    Only what differs from the defaults is named; the manifest by its file name.
    """
    words = ["python", "-m", "core", "train", "--model", config.model]
    words += ["--manifest", Path(config.manifest).name]
    defaults = TrainConfig(config.model, config.manifest)
    values = {**vars(config), **vars(config.mixing)}
    usual = {**vars(defaults), **vars(defaults.mixing)}
    for name in usual:
        value = values[name]
        if name in _NOT_FLAGS or value == usual[name]:
            continue
        flag = "--" + name.replace("_", "-")
        text = Path(value).name if name == "init" else str(value)
        words += [flag] if value is True else [flag, text]
    return shlex.join(words)


def _earlier_runs(config: TrainConfig) -> list[dict[str, Any]]:
    """Return the runs that a run started from, the latest first, each with its command."""
    folder = Path(config.init)
    if not (folder / "config.json").is_file():
        return []
    earlier = read_config(folder)
    record = {
        "run": folder.name,
        "epochs": len(read_run(folder).history),
        "command": training_command(earlier),
    }
    return [record, *_earlier_runs(earlier)]


def _trained_on(manifest: Manifest) -> dict[str, Any]:
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


def _headline(report: dict[str, Any]) -> dict[str, Any]:
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


def _calibrate(
    predictor: Predictor, manifest: Manifest, folder: Path, progress: Progress | None
) -> dict[str, Any]:
    """Fit what the answers of these weights need: temperature, conformal quantiles, gate."""
    from core.data.pool import load_pool

    pool = load_pool(
        manifest,
        predictor.card.input_size,
        get_settings().runs_dir / ".cache",
        predictor.labels,
        progress,
    )
    validation = pool.where("val")
    logits = pool_logits(predictor, pool, validation, progress, "calibrate")
    targets = pool.targets[validation]
    temperature = round(fit_temperature(logits, targets), 6)
    probabilities = softmax(logits, temperature)
    quantiles = {
        f"{level:.2f}": round(float(conformal_quantile(probabilities, targets, level)), 6)
        for level in _LEVELS
    }
    gate = write_gate(fit_gate(predictor, pool, progress=progress), folder)
    return {"temperature": temperature, "conformal": quantiles, "gate": gate}


def _swap(fresh: Path, target: Path) -> None:
    """Put a folder in place of another; a kill in between leaves the old one to `recover`."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(fresh, target)
    shutil.rmtree(old, ignore_errors=True)


def recover(weights_dir: Path) -> None:
    """Bring back the old folder of a model whose publishing was killed half way."""
    for old in weights_dir.glob(".*.old"):
        target = weights_dir / old.name.removeprefix(".").removesuffix(".old")
        if not target.exists():
            os.replace(old, target)


def publish(
    run: Path,
    name: str,
    weights_dir: Path | None = None,
    *,
    manifest: Path | None = None,
    root: Path | None = None,
    external: Path | None = None,
    progress: Progress | None = None,
) -> Card:
    """Publish the best weights of a run, with the report of exactly these weights.

    The weights are rounded to float16 first; temperature, conformal quantiles and report are
    computed from what is on disk afterwards.

    Args:
        run: Folder of the run.
        name: Name below the weights folder.
        weights_dir: Folder of published weights; the settings' by default.
        manifest: Manifest for calibration and report; the run's by default.
        root: Dataset root; the manifest's own by default.
        external: Folder of tumour slices of another origin for the external check.
        progress: Called with (done, total, what).

    Returns:
        The new card.

    Raises:
        RunError: If the run has no best weights, or the name isn't a plain one.
        OutputError: If the folder can't be written.
    """
    from core.models.weights import save_weights

    if not name.replace("-", "").replace("_", "").isalnum():
        raise RunError(f"A published name has letters, digits, - and _ alone. Received: {name!r}.")
    config, info = read_config(run), read_run(run)
    if not (run / "best.weights.h5").is_file():
        raise RunError(
            f"A run can be published once an epoch has finished. Received: '{run.name}'."
        )
    weights_dir = weights_dir or get_settings().weights_dir
    source = Path(manifest or config.manifest)
    loaded = read_manifest(source, root or (Path(config.root) if config.root else None))
    predictor = load_run(run)
    try:
        weights_dir.mkdir(parents=True, exist_ok=True)
        recover(weights_dir)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".new", dir=weights_dir))
    except OSError as error:
        raise OutputError(
            f"The weights folder must be writable. Received: {error.strerror}."
        ) from error
    try:
        sha256 = save_weights(predictor.model, fresh / "weights.safetensors")
        raw: dict[str, Any] = {
            "name": name,
            "architecture": config.model,
            "input_size": config.size,
            "labels": list(config.labels),
            "temperature": 1.0,
            "threshold": get_settings().threshold,
            "sha256": sha256,
            "init": str(info.detail.get("init", config.init)),
            "trained_on": _trained_on(loaded),
            "metrics": {},
            "command": training_command(config),
            "version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "license": weights_license({row.source for row in loaded.rows}),
            "head": config.head,
            "earlier_runs": _earlier_runs(config),
            "epochs": len(info.history),
            "best_epoch": info.detail.get("best", {}).get("epoch"),
            "precision": info.detail.get("precision", config.precision),
            "parameters": int(predictor.model.count_params()),
            "disclaimer": DISCLAIMER,
        }
        write_json(fresh / "card.json", raw)
        raw.update(_calibrate(load_folder(fresh), loaded, fresh, progress))
        write_json(fresh / "card.json", raw)
        inputs = gather(load_folder(fresh), loaded, "test", external=external, progress=progress)
        words = ["python", "-m", "core", "publish", run.name, name, "--manifest", source.name]
        words += ["--external", external.name] if external else []
        report = build_report(
            inputs,
            threshold=get_settings().threshold,
            command=shlex.join(words),
            manifest={"sha256": loaded.sha256, "name": source.name},
        )
        raw["metrics"] = _headline(report)
        write_json(fresh / "card.json", raw)
        write_json(fresh / "history.json", info.history)
        write_report(fresh / "report.json", report)
        write_predictions(fresh / "predictions.csv", inputs, raw["temperature"])
        fresh.chmod(0o755)
        _swap(fresh, weights_dir / name)
    except OSError as error:
        raise OutputError(
            f"The weights folder must be writable. Received: {error.strerror}."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return parse_card(raw)
