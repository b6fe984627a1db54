"""A finished run becomes `weights/<name>/`: weights, card, history and report, together."""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core import DISCLAIMER, __version__
from core.data.manifest import Manifest, read_manifest
from core.errors import OutputError, RunError
from core.evaluate import as_trained, gather
from core.evaluation.calibration import fit_temperature, softmax
from core.evaluation.conformal import LEVELS, conformal_quantile
from core.evaluation.operating import no_tumour_shift, share_to_keep
from core.evaluation.report import build_report
from core.evaluation.storage import write_predictions, write_report
from core.files import exchange, write_json
from core.gate import fit_gate, write_gate
from core.inference import Predictor, load_folder
from core.labels import NO_TUMOUR
from core.logits import PoolLogits
from core.models.card import Card, parse_card
from core.provenance import Origin, data_facts, headline, open_origin
from core.settings import get_settings
from core.training.earlier import write_earlier
from core.training.runs import read_run
from core.types import FloatArray

if TYPE_CHECKING:
    from core.data.pool import Pool

Progress = Callable[[int, int, str], None]
# Rounding to float16 moves logits, and with them the line that they need, by less than this.
_ROUNDING = 0.01
_ABANDONED = 24 * 3600


def _pool(predictor: Predictor, manifest: Manifest, progress: Progress | None) -> "Pool":
    from core.data.pool import load_pool

    cache, size = get_settings().runs_dir / ".cache", predictor.card.input_size
    return load_pool(manifest, size, cache, predictor.labels, progress)


def _set_decision(
    origin: Origin, pool: "Pool", progress: Progress | None
) -> dict[str, float | None]:
    """Draw the line between tumour and no tumour, in the weights, by the validation split.

    It is drawn from where the training left it, wherever an earlier publication had moved it. Of
    two lines that rounding alone tells apart, the earlier one stays, and with it the weights.

    Returns:
        `notumour_wanted` and `notumour_shift` of the card's `decision`.
    """
    from core.models.decision import shift_no_tumour

    predictor = origin.predictor
    if NO_TUMOUR not in predictor.labels:
        return {}
    position, validation = predictor.labels.index(NO_TUMOUR), pool.where("val")
    logits = PoolLogits(predictor, pool, progress)(validation, "decide")
    targets = pool.targets[validation]
    wanted = share_to_keep(logits, targets, position, [pool.rows[i].group for i in validation])
    share = _kept(logits, targets, position)
    logits[:, position] -= origin.shift
    shift = round(no_tumour_shift(logits, targets, position, wanted), 4)
    if abs(shift - origin.shift) < _ROUNDING and (share is None or share >= wanted):
        shift = origin.shift
    shift_no_tumour(predictor.model, position, shift - origin.shift)
    return {"notumour_wanted": round(wanted, 4), "notumour_shift": shift}


def _kept(logits: FloatArray, targets: npt.NDArray[np.int64], position: int) -> float | None:
    """Return the share of the tumour-free slices that are called so; None without any."""
    free = logits[targets == position]
    return float((free.argmax(axis=1) == position).mean()) if len(free) else None


def _calibrate(
    predictor: Predictor, pool: "Pool", said: PoolLogits, folder: Path, progress: Progress | None
) -> dict[str, Any]:
    """Fit what the answers of these weights need: temperature, conformal quantiles, gate.

    The share of tumour-free slices that keep their class is measured with them.
    """
    validation = pool.where("val")
    logits = said(validation, "calibrate")
    targets = pool.targets[validation]
    temperature = round(fit_temperature(logits, targets), 6)
    probabilities = softmax(logits, temperature)
    quantiles = {
        f"{level:.2f}": round(float(conformal_quantile(probabilities, targets, level)), 6)
        for level in LEVELS
    }
    gate = write_gate(fit_gate(predictor, pool, progress=progress), folder)
    fitted: dict[str, Any] = {"temperature": temperature, "conformal": quantiles, "gate": gate}
    decision = predictor.card.raw["decision"]
    if decision:
        kept = _kept(logits, targets, predictor.labels.index(NO_TUMOUR))
        share = None if kept is None else round(kept, 4)
        fitted["decision"] = {**decision, "notumour_kept_on_validation": share}
    return fitted


def _swap(fresh: Path, target: Path) -> None:
    """Put a folder in place of another, whose content is gone afterwards.

    Where names can't be exchanged at one moment, a kill in between leaves the old one to
    `recover`.
    """
    if target.exists() and exchange(fresh, target):
        shutil.rmtree(fresh, ignore_errors=True)
        return
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(fresh, target)
    shutil.rmtree(old, ignore_errors=True)


def recover(weights_dir: Path) -> None:
    """Tidy up after a kill: bring a model's old folder back, drop what a new one has left.

    What was written to within a day may be another process's work, and stays.
    """
    for old in weights_dir.glob(".*.old"):
        target = weights_dir / old.name.removeprefix(".").removesuffix(".old")
        if not target.exists():
            os.replace(old, target)
    for left in weights_dir.glob(".*.new"):
        # Another process may put it in its place just now.
        with suppress(FileNotFoundError):
            touched = max(path.stat().st_mtime for path in (left, *left.iterdir()))
            if time.time() - touched > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _check_still(folder: Path) -> None:
    if (folder / "card.json").is_file() or not (folder / "config.json").is_file():
        return
    info = read_run(folder)
    if info.status == "running":
        raise info.not_publishable()


def publish(
    run: Path,
    name: str,
    weights_dir: Path | None = None,
    *,
    manifest: Path | None = None,
    root: Path | None = None,
    external: Path | None = None,
    mirrored: bool | None = None,
    progress: Progress | None = None,
) -> Card:
    """Publish the best weights of a run, with the report of exactly these weights.

    The line between tumour and no tumour is set on the validation split, then the weights are
    rounded to float16; temperature, conformal quantiles, gate and report are computed from what
    is on disk afterwards.

    Args:
        run: Folder of the run; or of a published model, for which all this is done anew. What its
            card says of the training stays, whatever the manifest.
        name: Name below the weights folder.
        weights_dir: Folder of published weights; the settings' by default.
        manifest: Manifest for calibration and report; the run's by default, and no other for a
            run.
        root: Dataset root; the manifest's own by default.
        external: Folder of tumour slices of another origin for the external check.
        mirrored: Whether the model answers with the mean over a slice and its mirror image,
            which takes twice the time; None: as it was published before, and a run doesn't.
        progress: Called with (done, total, what).

    Returns:
        The new card.

    Raises:
        RunError: If the run is still running, has no best weights or learned from another
            manifest, or the name isn't a plain one.
        OutputError: If the folder can't be written.
    """
    from core.models.weights import save_weights

    if not name.replace("-", "").replace("_", "").isalnum():
        raise RunError(f"A published name has letters, digits, - and _ alone. Received: {name!r}.")
    _check_still(run)
    origin = open_origin(run, mirrored)
    weights_dir = weights_dir or get_settings().weights_dir
    source = manifest or origin.manifest
    if source is None:
        raise RunError("Publishing published weights anew needs --manifest. Received: none.")
    predictor = origin.predictor
    loaded = read_manifest(source, root or origin.root)
    learned = as_trained(predictor, loaded)
    data = data_facts(origin, learned, source.name)
    try:
        weights_dir.mkdir(parents=True, exist_ok=True)
        recover(weights_dir)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".new", dir=weights_dir))
    except OSError as error:
        raise OutputError(
            f"The weights folder must be writable. Received: {error.strerror}."
        ) from error
    try:
        pool = _pool(predictor, learned, progress)
        decision = _set_decision(origin, pool, progress)
        sha256 = save_weights(predictor.model, fresh / "weights.safetensors")
        raw: dict[str, Any] = {
            "name": name,
            **origin.facts,
            "temperature": 1.0,
            "threshold": get_settings().threshold,
            "sha256": sha256,
            **data,
            "metrics": {},
            "version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "disclaimer": DISCLAIMER,
            "decision": decision,
        }
        write_json(fresh / "card.json", raw)
        rounded = load_folder(fresh)
        raw["measured_in"] = rounded.precision
        said = PoolLogits(rounded, pool, progress)
        raw.update(_calibrate(rounded, pool, said, fresh, progress))
        write_json(fresh / "card.json", raw)
        calibrated = load_folder(fresh)
        inputs = gather(
            calibrated, learned, "test", external=external, said=said, progress=progress
        )
        words = ["python", "-m", "core", "publish", run.name, name, "--manifest", source.name]
        words += ["--external", external.name] if external else []
        if mirrored is not None:
            words.append("--mirrored" if mirrored else "--no-mirrored")
        report = build_report(
            inputs,
            threshold=get_settings().threshold,
            command=shlex.join(words),
            manifest={"sha256": loaded.sha256, "name": source.name},
        )
        raw["metrics"] = headline(report)
        write_json(fresh / "card.json", raw)
        write_json(fresh / "history.json", origin.history)
        write_earlier(fresh, origin.earlier)
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
