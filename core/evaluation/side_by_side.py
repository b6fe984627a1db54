"""Several models on the same images: from their stored predictions to one table."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DatasetError
from core.evaluation.calibration import describe_calibration
from core.evaluation.classification import summarise_classification, summarise_sources
from core.evaluation.compare import accuracy_difference, ensemble_probabilities, mcnemar_exact
from core.evaluation.external import check_within_patients
from core.evaluation.inputs import WITHIN_PATIENT_SOURCE
from core.evaluation.intervals import GroupBootstrap
from core.evaluation.metrics import Floats, Ints
from core.evaluation.selective import summarise_threshold
from core.labels import NO_TUMOUR


@dataclass(frozen=True, eq=False)
class StoredPredictions:
    """The content of a `predictions.csv`.

    Attributes:
        labels: Class keys in output order.
        paths: Path of each image.
        sources: Source of each image.
        groups: Group of each image.
        y: int64 class indices, shape (images,).
        probabilities: float64 of shape (images, classes), calibrated.
    """

    labels: tuple[str, ...]
    paths: tuple[str, ...]
    sources: tuple[str, ...]
    groups: tuple[str, ...]
    y: Ints
    probabilities: Floats

    @property
    def correct(self) -> np.ndarray:
        """Bool of shape (images,): whether the most probable class is the true one."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.y)

    def among(self, paths: Sequence[str], labels: Sequence[str]) -> "StoredPredictions":
        """Return the same for some of the images and in another order of the classes."""
        position = {path: i for i, path in enumerate(self.paths)}
        rows = [position[path] for path in paths]
        columns = [self.labels.index(label) for label in labels]
        moved = {old: new for new, old in enumerate(columns)}
        return StoredPredictions(
            tuple(labels),
            tuple(paths),
            tuple(self.sources[i] for i in rows),
            tuple(self.groups[i] for i in rows),
            np.array([moved[int(self.y[i])] for i in rows], np.int64),
            self.probabilities[np.ix_(rows, columns)],
        )


def read_predictions(path: Path) -> StoredPredictions:
    """Read what `core.evaluation.storage.write_predictions` wrote.

    Raises:
        DatasetError: If the file is missing, or not such a table.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        labels = tuple(name.removeprefix("p_") for name in rows[0] if name.startswith("p_"))
        targets = np.array([labels.index(row["label"]) for row in rows], np.int64)
        values = np.array([[float(row[f"p_{label}"]) for label in labels] for row in rows])
        columns = [tuple(row[key] for row in rows) for key in ("path", "source", "group")]
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise DatasetError(
            "predictions.csv is the table that `publish` and `evaluate` write. "
            f"Received: '{path.parent.name}', {type(error).__name__}."
        ) from error
    paths, sources, groups = columns
    if len(set(paths)) != len(paths) or not np.isfinite(values).all():
        raise DatasetError(
            "predictions.csv has one row of numbers per image. "
            f"Received: another table in '{path.parent.name}'."
        )
    return StoredPredictions(labels, paths, sources, groups, targets, values)


def common_paths(members: Sequence[StoredPredictions]) -> list[str]:
    """Return the images that every member has, in the first one's order.

    Raises:
        DatasetError: If there is none, or the members disagree about an image's class.
    """
    shared = set.intersection(*(set(member.paths) for member in members))
    paths = [path for path in members[0].paths if path in shared]
    if not paths:
        raise DatasetError("Models are compared on the same images. Received: none in common.")
    named = [
        {path: member.labels[y] for path, y in zip(member.paths, member.y, strict=True)}
        for member in members
    ]
    odd = next((p for p in paths if len({labels[p] for labels in named}) > 1), None)
    if odd is not None:
        raise DatasetError(f"Models are compared on one truth. Received: two classes for {odd}.")
    return paths


def compare_pairs(
    members: dict[str, StoredPredictions], *, resamples: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Test every pair of models on the images that both have.

    Args:
        members: Predictions by model.
        resamples: Resamples of groups behind the interval of the difference.
        seed: Seed of the resamples.

    Returns:
        Per pair: `first`, `second`, `n`, `accuracy_difference` (first minus second, with its
        interval over groups), `only_first`, `only_second` and McNemar's `p_value`. Pairs
        with other classes are left out.
    """
    pairs = []
    for first, second in combinations(members, 2):
        a, b = members[first], members[second]
        if set(a.labels) != set(b.labels):
            continue
        paths = common_paths([a, b])
        a, b = a.among(paths, a.labels), b.among(paths, a.labels)
        test = mcnemar_exact(a.correct, b.correct)
        difference = accuracy_difference(
            a.correct, b.correct, a.groups, resamples=resamples, seed=seed
        )
        pairs.append(
            {
                "first": first,
                "second": second,
                "n": len(paths),
                "accuracy_difference": difference.to_dict(),
                "only_first": test.only_first,
                "only_second": test.only_second,
                "p_value": test.p_value,
            }
        )
    return pairs


def ensemble_of(members: Sequence[StoredPredictions]) -> StoredPredictions:
    """Average calibrated probabilities on the images that every model has.

    Raises:
        DatasetError: If classes differ or no image is common.
    """
    if len({frozenset(member.labels) for member in members}) != 1:
        raise DatasetError("The models of an ensemble know the same classes. Received: others.")
    paths = common_paths(members)
    aligned = [member.among(paths, members[0].labels) for member in members]
    mean = ensemble_probabilities([member.probabilities for member in aligned])
    first = aligned[0]
    return StoredPredictions(first.labels, first.paths, first.sources, first.groups, first.y, mean)


def summarise_predictions(
    stored: StoredPredictions, *, threshold: float = 0.7, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Compute the figures of a comparison's row from probabilities alone.

    Args:
        stored: What one model, or the mean of several, said of every slice.
        threshold: Confidence in 0 to 1 from which an answer is accepted.
        resamples: Resamples of groups per interval.
        seed: Seed of every bootstrap.

    Returns:
        `n`, `accuracy`, `macro`, `per_class`, `confusion`, `per_source`, `calibration` (`ece`,
        `ece_interval` and `bins`), `threshold` and `within_patient`, each as in a report.
    """
    options = {"resamples": resamples, "seed": seed}
    bootstrap = GroupBootstrap(stored.groups, **options)
    predicted = stored.probabilities.argmax(axis=1)
    confidence = stored.probabilities.max(axis=1)
    within = None
    mask = np.asarray(stored.sources) == WITHIN_PATIENT_SOURCE
    if mask.any() and NO_TUMOUR in stored.labels:
        position = stored.labels.index(NO_TUMOUR)
        checked = check_within_patients(
            stored.probabilities[mask],
            stored.y[mask] != position,
            position,
            [stored.groups[k] for k in np.flatnonzero(mask).tolist()],
            **options,
        )
        within = checked and {"source": WITHIN_PATIENT_SOURCE, **checked}
    return {
        "n": len(stored.paths),
        **summarise_classification(stored.y, stored.probabilities, stored.labels, bootstrap),
        "per_source": summarise_sources(
            stored.y, predicted, len(stored.labels), stored.groups, stored.sources, **options
        ),
        "calibration": describe_calibration(confidence, stored.correct, bootstrap),
        "threshold": summarise_threshold(confidence, stored.correct, threshold, bootstrap),
        "within_patient": within,
    }
