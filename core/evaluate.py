"""From a model and a manifest to the report that every screen reads."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.data.folds import keep_fold
from core.data.manifest import Manifest, read_manifest
from core.data.pool import Pool, given_boxes, load_pool
from core.errors import DatasetError, InputError, UnknownModelError
from core.evaluation.inputs import EvaluationInputs, ExternalInputs, ShippedSplitInputs
from core.evaluation.localisation import TOLERANCE_SHARE, LocalisationResult, measure
from core.evaluation.report import build_report
from core.evaluation.storage import write_predictions, write_report
from core.imaging.inputs import iter_inputs
from core.imaging.preprocess import preprocess, standardise
from core.inference import Predictor, load_folder, load_run
from core.logits import PoolLogits
from core.models.registry import MODELS
from core.settings import get_settings
from core.types import FloatArray

Progress = Callable[[int, int, str], None]
_BATCH = 64


def open_target(target: str) -> Predictor:
    """Load what `evaluate` was pointed at.

    Args:
        target: A name in the registry (published weights), or the path of a published folder
            or of a run.

    Raises:
        UnknownModelError: If it is none of these.
        ModelNotReadyError: If weights are missing or damaged.
    """
    folder = Path(target)
    if target in MODELS:
        return load_folder(get_settings().weights_dir / target)
    if (folder / "card.json").is_file():
        return load_folder(folder)
    if (folder / "best.weights.h5").is_file():
        return load_run(folder)
    raise UnknownModelError(
        f"A model is one of {', '.join(MODELS)}, a published folder or a run with "
        f"best.weights.h5. Received: {target!r}."
    )


def as_trained(predictor: Predictor, manifest: Manifest) -> Manifest:
    """Return a manifest with the splits that a model was trained by.

    A model that was trained on folds of the validation split is judged on the fold that it has
    not seen. On another manifest than its own, nothing is moved.
    """
    card = predictor.card
    if card.learned_from not in (None, manifest.sha256):
        return manifest
    return replace(manifest, rows=keep_fold(manifest.rows, card.fold))


def localise(
    predictor: Predictor,
    pool: Pool,
    positions: npt.NDArray[np.int64],
    progress: Progress | None = None,
) -> tuple[list[LocalisationResult], list[LocalisationResult], dict[int, FloatArray]]:
    """Score the maps of the true class against the boxes, in the model's input.

    The tolerance is a share of the side (`TOLERANCE_SHARE`), whatever the map's resolution is, so
    that models and the centre's baseline are judged alike.

    Returns:
        Results of the Grad-CAM, of the lesion map (empty for models without one), and the raw
        logits of each slice that has a box, by its position: they come with the maps.
    """
    import cv2

    boxed = [int(i) for i in positions if pool.boxes[i] is not None]
    cams: list[LocalisationResult] = []
    lesions: list[LocalisationResult] = []
    said: dict[int, FloatArray] = {}
    size = pool.size
    tolerance = size * TOLERANCE_SHARE
    centre = (size / 2, size / 2)
    for start in range(0, len(boxed), _BATCH):
        part = boxed[start : start + _BATCH]
        logits, maps, lesion = predictor.maps(standardise(pool.images[part])[..., np.newaxis])
        said.update(zip(part, logits, strict=True))
        for row, position in enumerate(part):
            box, group = pool.boxes[position], pool.rows[position].group
            assert box is not None  # noqa: S101 - narrows the type
            pairs = [(maps[row, pool.targets[position]], cams)]
            if lesion is not None:
                pairs.append((lesion[row], lesions))
            label = predictor.labels[pool.targets[position]]
            for grid, results in pairs:
                full = np.maximum(cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR), 0)
                results.append(measure(full, box, centre, group, tolerance=tolerance, label=label))
        if progress:
            progress(min(start + _BATCH, len(boxed)), len(boxed), "localise")
    return cams, lesions, said


def external_logits(predictor: Predictor, folder: Path) -> FloatArray:
    """Return the logits of every image of a folder of tumour slices.

    Raises:
        DatasetError: If an image can't be read, or there is none.
    """
    images = []
    for item in iter_inputs([folder]):
        if item.slice is None:
            raise DatasetError(
                f"Every external image can be read. Received: {item.file}: {item.error}"
            )
        images.append(preprocess(item.slice, predictor.card.input_size)[0])
    if not images:
        raise DatasetError(f"The external folder holds images. Received: none in '{folder.name}'.")
    stacked = np.stack(images)
    return np.concatenate(
        [predictor.logits(stacked[i : i + _BATCH]) for i in range(0, len(stacked), _BATCH)]
    )


def _shipped(pool: Pool, said: PoolLogits) -> ShippedSplitInputs | None:
    """Outcomes on the images that their dataset ships as its test split."""
    positions = np.array(
        [i for i, row in enumerate(pool.rows) if "Testing" in Path(row.path).parts], np.int64
    )
    if not len(positions):
        return None
    logits = said(positions, "shipped split")
    groups = [pool.rows[i].group for i in positions]
    trained = {row.group for row in pool.rows if row.split == "train"}
    return ShippedSplitInputs(
        logits.argmax(axis=1) == pool.targets[positions],
        groups,
        sum(group in trained for group in groups),
    )


def gather(
    predictor: Predictor,
    manifest: Manifest,
    split: str,
    *,
    boxes: Sequence[Path] = (),
    external: Path | None = None,
    cache_dir: Path | None = None,
    said: PoolLogits | None = None,
    progress: Progress | None = None,
) -> EvaluationInputs:
    """Run a model over everything that its report is computed from.

    Args:
        predictor: The model.
        manifest: Images, labels, groups and splits, as `as_trained` returns it.
        split: `train`, `val` or `test`.
        boxes: Box files; those beside the sources where none is given.
        external: Folder of tumour slices of another origin.
        cache_dir: Where decoded slices are kept.
        said: What the very same weights have said of this manifest's slices already.
        progress: Called with (done, total, what).

    Raises:
        DatasetError: If the split or the validation split is empty, or files are missing.
    """
    pool = load_pool(
        manifest,
        predictor.card.input_size,
        cache_dir or get_settings().runs_dir / ".cache",
        predictor.labels,
        progress,
        given_boxes(manifest, boxes) if boxes else None,
    )
    positions, validation = pool.where(split), pool.where("val")
    cams, lesions, boxed = localise(predictor, pool, positions, progress)
    said = said or PoolLogits(predictor, pool, progress)
    logits = np.zeros((len(positions), len(predictor.labels)), np.float32)
    plain = np.array([position not in boxed for position in positions.tolist()], bool)
    logits[plain] = said(positions[plain], split)
    for row in np.flatnonzero(~plain):
        logits[row] = boxed[int(positions[row])]
    rows = [pool.rows[i] for i in positions]
    return EvaluationInputs(
        labels=predictor.labels,
        y=pool.targets[positions],
        logits=logits,
        groups=[row.group for row in rows],
        sources=[row.source for row in rows],
        paths=[row.path for row in rows],
        split=split,
        model=predictor.card.name,
        validation_y=pool.targets[validation],
        validation_logits=said(validation, "validation"),
        temperature=predictor.card.temperature if predictor.calibrated else None,
        external=None
        if external is None
        else ExternalInputs(external.name, external_logits(predictor, external)),
        localisation=cams or None,
        lesion_localisation=lesions or None,
        shipped=_shipped(pool, said),
    )


def _openable(target: str) -> str:
    """Return a target as it is opened from where the command ran, if it lies below that."""
    try:
        return target if target in MODELS else str(Path(target).resolve().relative_to(Path.cwd()))
    except ValueError:
        return target


def evaluate(
    target: str,
    manifest: Path,
    split: str = "test",
    *,
    root: Path | None = None,
    boxes: Sequence[Path] = (),
    out: Path | None = None,
    external: Path | None = None,
    threshold: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the report of a model on a split.

    Args:
        target: See `open_target`.
        manifest: Path of `manifest.csv`.
        split: `train`, `val` or `test`.
        root: Dataset root; the manifest's own by default.
        boxes: Box files; those beside the sources where none is given.
        out: Path of `report.json`; `predictions.csv` comes beside it. None writes nothing.
        external: Folder of tumour slices of another origin, such as `br35h-external`.
        threshold: Confidence from which an answer is accepted; the settings' by default.
        progress: Called with (done, total, what).

    Returns:
        The report; see `core.evaluation.report.build_report`.

    Raises:
        GliaLensError: With a sentence about what can't be read, written or scored.
    """
    if split not in ("train", "val", "test"):
        raise DatasetError(f"A split is train, val or test. Received: {split!r}.")
    predictor = open_target(target)
    loaded = as_trained(predictor, read_manifest(manifest, root))
    try:
        inputs = gather(predictor, loaded, split, boxes=boxes, external=external, progress=progress)
    except InputError as error:
        raise DatasetError(
            f"Every image of an evaluation can be read. Received: {error}"
        ) from error
    command = shlex.join(
        ["python", "-m", "core", "evaluate", _openable(target), "--split", split]
        + ["--manifest", manifest.name]
        + [word for file in boxes for word in ("--boxes", file.name)]
        + (["--external", external.name] if external else [])
        + (["--threshold", str(threshold)] if threshold is not None else [])
    )
    report = build_report(
        inputs,
        threshold=get_settings().threshold if threshold is None else threshold,
        command=command,
        manifest={"sha256": loaded.sha256, "name": manifest.name},
    )
    if out is not None:
        write_report(out, report)
        write_predictions(
            out.with_name("predictions.csv"), inputs, report["calibration"]["temperature"]
        )
    return report
