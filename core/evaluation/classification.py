"""Every classification number of a split, each with its interval over groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.evaluation.intervals import GroupBootstrap, percentile_interval
from core.evaluation.metrics import (
    Bools,
    Floats,
    Ints,
    accuracy,
    class_metrics,
    confusion_matrix,
    macro_average,
    one_vs_rest_auc,
    precision_recall_curve,
    roc_curve,
    weighted_roc_auc,
)

METRICS = ("precision", "recall", "specificity", "f1", "roc_auc")


def confusion_replicates(
    y: Ints, predicted: Ints, n_classes: int, bootstrap: GroupBootstrap
) -> Floats:
    """Confusion matrix of every resample, float64 of shape (resamples, classes, classes)."""
    cells = np.eye(n_classes * n_classes)[y * n_classes + predicted]
    return bootstrap.totals(cells).reshape(-1, n_classes, n_classes)


def _auc_replicates(y: Ints, probabilities: Floats, bootstrap: GroupBootstrap) -> Floats:
    """One-versus-rest areas of every resample, shape (resamples, classes)."""

    def areas(weights: Floats) -> Floats:
        columns = range(probabilities.shape[1])
        return np.stack(
            [weighted_roc_auc(y == k, probabilities[:, k], weights) for k in columns], axis=1
        )

    return bootstrap.replicate(areas)


def summarise_classification(
    y: Ints, probabilities: Floats, labels: Sequence[str], bootstrap: GroupBootstrap
) -> dict[str, Any]:
    """Compute accuracy, macro and per-class metrics with 95 % intervals.

    Each interval's `n` counts the images in the value's denominator: those of the class for
    recall and F1, those predicted as it for precision, all others for specificity, and all
    for areas and averages.

    Args:
        y: int64 class indices, shape (images,).
        probabilities: float64 of shape (images, classes).
        labels: Class keys in output order.
        bootstrap: Resamples of the same images.

    Returns:
        `accuracy`, `macro`, `per_class` and `confusion` as in the report.
    """
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(y, predicted, len(labels))
    resampled = confusion_replicates(y, predicted, len(labels), bootstrap)
    support = confusion.sum(axis=1)
    point = {**class_metrics(confusion), "roc_auc": one_vs_rest_auc(y, probabilities)}
    spread = {
        **class_metrics(resampled),
        "roc_auc": _auc_replicates(y, probabilities, bootstrap),
    }
    macro = {
        metric: percentile_interval(
            float(macro_average(point[metric], support)),
            macro_average(spread[metric], resampled.sum(axis=-1)),
            len(y),
            groups=bootstrap.n_groups,
        ).to_dict()
        for metric in METRICS
    }
    per_class: dict[str, Any] = {}
    for k, label in enumerate(labels):
        behind: dict[str, Bools] = {
            "precision": predicted == k,
            "recall": y == k,
            "specificity": y != k,
            "f1": y == k,
        }
        per_class[label] = {"support": int(support[k])}
        for metric in METRICS:
            mask = behind.get(metric)
            per_class[label][metric] = percentile_interval(
                float(point[metric][k]),
                spread[metric][:, k],
                len(y) if mask is None else int(mask.sum()),
                groups=bootstrap.sides(y == k) if mask is None else bootstrap.n_groups,
                # A class that is never predicted has no trial behind its precision of 0.
                clusters=None if mask is None or not mask.any() else bootstrap.clusters(mask),
            ).to_dict()
    return {
        "accuracy": percentile_interval(
            float(accuracy(confusion)),
            accuracy(resampled),
            len(y),
            groups=bootstrap.n_groups,
            clusters=bootstrap.n_groups,
        ).to_dict(),
        "macro": macro,
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def summarise_sources(
    y: Ints,
    predicted: Ints,
    n_classes: int,
    groups: Sequence[str],
    sources: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy, macro F1 (over the classes that the source has) and confusion per source.

    Args:
        y: int64 class indices, shape (images,).
        predicted: int64 class indices, shape (images,).
        n_classes: Number of classes.
        groups: Group of each image.
        sources: Source of each image.
        resamples: Number of resamples per source.
        seed: Seed of the resamples.
    """
    summary: dict[str, Any] = {}
    group_names, source_names = np.asarray(groups, dtype=str), np.asarray(sources, dtype=str)
    for source in sorted(set(source_names.tolist())):
        mask = source_names == source
        bootstrap = GroupBootstrap(group_names[mask].tolist(), resamples=resamples, seed=seed)
        confusion = confusion_matrix(y[mask], predicted[mask], n_classes)
        resampled = confusion_replicates(y[mask], predicted[mask], n_classes, bootstrap)
        n = int(mask.sum())
        summary[source] = {
            "n": n,
            "n_groups": bootstrap.n_groups,
            "accuracy": percentile_interval(
                float(accuracy(confusion)),
                accuracy(resampled),
                n,
                groups=bootstrap.n_groups,
                clusters=bootstrap.n_groups,
            ).to_dict(),
            "macro_f1": percentile_interval(
                float(macro_average(class_metrics(confusion)["f1"], confusion.sum(axis=1))),
                macro_average(class_metrics(resampled)["f1"], resampled.sum(axis=-1)),
                n,
                groups=bootstrap.n_groups,
                clusters=bootstrap.n_groups,
            ).to_dict(),
            "confusion": confusion.tolist(),
        }
    return summary


def summarise_curves(y: Ints, probabilities: Floats, labels: Sequence[str]) -> dict[str, Any]:
    """ROC and precision-recall points of every class, thinned for drawing."""
    curves: dict[str, Any] = {}
    for k, label in enumerate(labels):
        fpr, tpr = roc_curve(y == k, probabilities[:, k])
        recall, precision = precision_recall_curve(y == k, probabilities[:, k])
        curves[label] = {
            "roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist()},
            "pr": {"recall": recall.tolist(), "precision": precision.tolist()},
        }
    return curves
