"""From a model's outputs to the report that every screen reads."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from core import __version__
from core.errors import DatasetError
from core.evaluation.calibration import fit_temperature, softmax, summarise_calibration
from core.evaluation.classification import (
    summarise_classification,
    summarise_curves,
    summarise_sources,
)
from core.evaluation.conformal import summarise_conformal
from core.evaluation.external import check_external, check_within_patients
from core.evaluation.inputs import EvaluationInputs, ExternalInputs, ShippedSplitInputs
from core.evaluation.intervals import GroupBootstrap
from core.evaluation.localisation import summarise_localisation
from core.evaluation.metrics import Floats, Ints
from core.evaluation.selective import summarise_threshold
from core.evaluation.storage import (
    SCHEMA,
    plain,
    read_report,
    write_predictions,
    write_report,
)
from core.labels import NO_TUMOUR

__all__ = [
    "EvaluationInputs",
    "ExternalInputs",
    "ShippedSplitInputs",
    "build_report",
    "read_report",
    "write_predictions",
    "write_report",
]

SHIPPED_NOTE = (
    "This split shares pictures with its training side, exact or nearly so: "
    "the number is inflated and stands here for comparison alone."
)


def _external(
    inputs: EvaluationInputs, y: Ints, probabilities: Floats, temperature: float, **options: int
) -> dict[str, Any] | None:
    external = inputs.external
    if external is None:
        return None
    no_tumour = inputs.labels.index(NO_TUMOUR)
    healthy = y == no_tumour
    if external.notumour_sources is not None:
        healthy &= np.isin(np.asarray(inputs.sources), list(external.notumour_sources))
    if not healthy.any():
        raise DatasetError(
            f"The external check needs tumour-free images in the {inputs.split} split. "
            "Received: none."
        )
    checked = check_external(
        softmax(external.logits, temperature),
        probabilities[healthy],
        no_tumour,
        notumour_groups=[inputs.groups[k] for k in np.flatnonzero(healthy).tolist()],
        tumour_groups=external.groups,
        **options,
    )
    return {"name": external.name, **checked}


def _within_patient(
    inputs: EvaluationInputs, y: Ints, probabilities: Floats, **options: int
) -> dict[str, Any] | None:
    source = inputs.within_patient_source
    mask = np.asarray(inputs.sources, dtype=str) == source
    if not mask.any() or NO_TUMOUR not in inputs.labels:
        return None
    no_tumour = inputs.labels.index(NO_TUMOUR)
    checked = check_within_patients(
        probabilities[mask],
        y[mask] != no_tumour,
        no_tumour,
        [inputs.groups[k] for k in np.flatnonzero(mask).tolist()],
        **options,
    )
    return None if checked is None else {"source": source, **checked}


def _localisation(inputs: EvaluationInputs, **options: int) -> dict[str, Any] | None:
    if not inputs.localisation:
        return None
    summary = summarise_localisation(inputs.localisation, **options)
    if inputs.lesion_localisation:
        lesion = summarise_localisation(inputs.lesion_localisation, **options)
        summary["lesion_map"] = {key: lesion[key] for key in ("n", "pointing", "energy")}
    return summary


def _shipped(inputs: EvaluationInputs, **options: int) -> dict[str, Any] | None:
    shipped = inputs.shipped
    if shipped is None:
        return None
    bootstrap = GroupBootstrap(shipped.groups, **options)
    return {
        "accuracy": bootstrap.mean(np.asarray(shipped.correct, dtype=bool)).to_dict(),
        "n": len(shipped.correct),
        "n_seen_in_training": shipped.n_seen_in_training,
        "leaking": True,
        "note": shipped.note or SHIPPED_NOTE,
    }


def build_report(
    inputs: EvaluationInputs,
    *,
    threshold: float = 0.7,
    seed: int = 0,
    resamples: int = 1000,
    command: str,
    manifest: dict[str, str],
) -> dict[str, Any]:
    """Compute the whole report.

    Probabilities are calibrated with the temperature throughout, as the dashboard shows them.

    Args:
        inputs: The model's outputs and what is known of the images.
        threshold: Confidence in 0 to 1 from which an answer is accepted.
        seed: Seed of every bootstrap.
        resamples: Resamples of groups per interval.
        command: Command that reproduces the report.
        manifest: `sha256` and `name` of the manifest.

    Returns:
        The JSON-ready report: floats rounded to six digits, None in place of NaN.

    Raises:
        DatasetError: If the threshold is out of range, the manifest lacks a field, or the
            external check has no tumour-free images to compare with.
    """
    if not 0.0 <= threshold <= 1.0:
        raise DatasetError(f"A threshold lies between 0 and 1. Received: {threshold}.")
    if not {"sha256", "name"} <= manifest.keys():
        raise DatasetError(
            f"A report names its manifest by sha256 and name. Received: {sorted(manifest)}."
        )
    options = {"resamples": resamples, "seed": seed}
    y = np.asarray(inputs.y).astype(np.int64)
    temperature = inputs.temperature
    if temperature is None:
        temperature = fit_temperature(inputs.validation_logits, inputs.validation_y)
    probabilities = softmax(inputs.logits, temperature)
    predicted = probabilities.argmax(axis=1)
    bootstrap = GroupBootstrap(inputs.groups, **options)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "model": inputs.model,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "command": command,
        "manifest": {"sha256": manifest["sha256"], "name": manifest["name"]},
        "split": inputs.split,
        "labels": list(inputs.labels),
        "n": len(y),
        "n_groups": bootstrap.n_groups,
        **summarise_classification(y, probabilities, inputs.labels, bootstrap),
        "per_source": summarise_sources(
            y, predicted, len(inputs.labels), inputs.groups, inputs.sources, **options
        ),
        "calibration": summarise_calibration(inputs.logits, y, temperature, bootstrap),
        "threshold": summarise_threshold(
            probabilities.max(axis=1), predicted == y, threshold, bootstrap
        ),
        "conformal": summarise_conformal(
            softmax(inputs.validation_logits, temperature),
            inputs.validation_y,
            probabilities,
            y,
            bootstrap,
        ),
        "curves": summarise_curves(y, probabilities, inputs.labels),
        "external": _external(inputs, y, probabilities, temperature, **options),
        "within_patient": _within_patient(inputs, y, probabilities, **options),
        "localisation": _localisation(inputs, **options),
        "shipped_split": _shipped(inputs, **options),
    }
    rounded: dict[str, Any] = plain(report)
    return rounded
