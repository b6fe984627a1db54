"""Classification metrics of one test split: validate, format, update (counts), compute.

Rules for empty denominators, the same everywhere:

* A class without a true image has no precision, recall, F1 or ROC AUC: NaN, and macro
  averages leave the class out.
* A class that has images but is never predicted has precision 0 and F1 0 (as scikit-learn
  with `zero_division=0`).
* A class to which every image belongs has no specificity and no ROC AUC: NaN.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_CURVE_POINTS = 200


def check_targets(y: npt.ArrayLike, n_classes: int, name: str = "y") -> Ints:
    """Validate class indices and return them as int64.

    Args:
        y: Integers of shape (images,), each from 0 to `n_classes` - 1.
        n_classes: Number of classes.
        name: What to call the array in the message.

    Raises:
        DatasetError: If the array isn't 1-D, isn't integer or leaves the range.
    """
    array = np.asarray(y)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise DatasetError(
            f"{name} holds one integer class index per image. "
            f"Received: shape {array.shape}, {array.dtype}."
        )
    array = array.astype(np.int64)
    if array.size and not (array.min() >= 0 and array.max() < n_classes):
        raise DatasetError(
            f"{name} holds class indices from 0 to {n_classes - 1}. "
            f"Received: {array.min()} to {array.max()}."
        )
    return array


def check_scores(scores: npt.ArrayLike, n_images: int, name: str = "scores") -> Floats:
    """Validate one finite score per image (or a row of them) and return them as float64.

    Raises:
        DatasetError: If the length differs from `n_images` or a value isn't finite.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim not in (1, 2) or len(array) != n_images:
        raise DatasetError(
            f"{name} holds one row per image ({n_images}). Received: shape {array.shape}."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise DatasetError(f"{name} holds finite numbers. Received: {bad} that are not finite.")
    return array


def confusion_matrix(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, n_classes: int) -> Ints:
    """Count images by true class (rows) and predicted class (columns).

    Args:
        y_true: Integer class indices, shape (images,).
        y_pred: Integer class indices, shape (images,).
        n_classes: Number of classes.

    Returns:
        int64 of shape (classes, classes).

    Raises:
        DatasetError: If the arrays differ in length or hold other than class indices.
    """
    true = check_targets(y_true, n_classes, "y_true")
    predicted = check_targets(y_pred, n_classes, "y_pred")
    if len(true) != len(predicted):
        raise DatasetError(
            "There is one prediction per image. "
            f"Received: {len(true)} images, {len(predicted)} predictions."
        )
    flat = np.bincount(true * n_classes + predicted, minlength=n_classes * n_classes)
    return flat.reshape(n_classes, n_classes).astype(np.int64)


def _divide(numerator: Any, denominator: Any, otherwise: float) -> Floats:
    """Divide element by element; `otherwise` where the denominator is 0."""
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(denominator > 0, numerator / safe, otherwise)


def accuracy(confusion: npt.NDArray[Any]) -> Floats:
    """Return the share of correct images; NaN without images. Shape (…,) of (…, K, K)."""
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    return _divide(correct, confusion.sum(axis=(-2, -1)), np.nan)


def class_metrics(confusion: npt.NDArray[Any]) -> dict[str, Floats]:
    """Compute one-versus-rest metrics of every class from counts.

    Args:
        confusion: Counts (or weights) of shape (…, classes, classes), rows true.

    Returns:
        `precision`, `recall` (sensitivity), `specificity` and `f1`, each float64 of shape
        (…, classes), in 0 to 1 or NaN by the rules of this module.
    """
    true_positive = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    support = confusion.sum(axis=-1)
    predicted = confusion.sum(axis=-2)
    rest = confusion.sum(axis=(-2, -1))[..., None] - support
    present = support > 0
    return {
        "precision": np.where(present, _divide(true_positive, predicted, 0.0), np.nan),
        "recall": _divide(true_positive, support, np.nan),
        "specificity": _divide(rest - (predicted - true_positive), rest, np.nan),
        "f1": np.where(present, _divide(2 * true_positive, support + predicted, 0.0), np.nan),
    }


def macro_average(values: Floats, support: npt.NDArray[Any]) -> Floats:
    """Average over the last axis: the classes that have images and a defined value.

    Args:
        values: Metric of shape (…, classes), NaN where undefined.
        support: True images per class, broadcastable to `values`.

    Returns:
        float64 of shape (…,); NaN where no class remains.
    """
    keep = (np.broadcast_to(support, values.shape) > 0) & ~np.isnan(values)
    return _divide(np.where(keep, values, 0.0).sum(axis=-1), keep.sum(axis=-1), np.nan)


def roc_auc(positive: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve by mid-ranks (the Mann-Whitney statistic); ties count half.

    Args:
        positive: Bool of shape (images,).
        scores: Shape (images,); higher means more likely positive.

    Returns:
        The area in 0 to 1; NaN unless both kinds are present.

    Raises:
        DatasetError: If lengths differ or a score isn't finite.
    """
    is_positive = np.asarray(positive, dtype=bool)
    values = check_scores(scores, len(is_positive))
    n_positive = int(is_positive.sum())
    n_negative = len(is_positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mid_ranks[inverse][is_positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def weighted_roc_auc(positive: Bools, scores: Floats, weights: Floats) -> Floats:
    """Areas under the ROC curve for many weightings of the same images at once.

    Args:
        positive: Bool of shape (images,).
        scores: float64 of shape (images,).
        weights: Non-negative, shape (resamples, images); 0 leaves an image out.

    Returns:
        float64 of shape (resamples,); NaN where a kind is missing.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    sorted_weights = weights[:, order]
    positives = sorted_weights * positive[order]
    negatives = sorted_weights - positives
    if len(ordered) and (ordered[1:] == ordered[:-1]).any():
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        positives = np.add.reduceat(positives, starts, axis=1)
        negatives = np.add.reduceat(negatives, starts, axis=1)
    # Negatives ranked below, plus half of those that tie.
    beaten = np.cumsum(negatives, axis=1) - negatives / 2
    wins = np.einsum("rn,rn->r", positives, beaten)
    return _divide(wins, positives.sum(axis=1) * negatives.sum(axis=1), np.nan)


def one_vs_rest_auc(y: npt.ArrayLike, probabilities: npt.ArrayLike) -> Floats:
    """ROC AUC of every class against all others.

    Args:
        y: Integer class indices, shape (images,).
        probabilities: Shape (images, classes).

    Returns:
        float64 of shape (classes,); NaN for a class that is absent or alone.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    true = check_targets(y, scores.shape[1])
    return np.array([roc_auc(true == k, scores[:, k]) for k in range(scores.shape[1])])


def _thin(x: Floats, y: Floats, limit: int) -> tuple[Floats, Floats]:
    """Keep at most `limit` points, both ends included, evenly along the curve's length."""
    if len(x) <= limit:
        return x, y
    length = np.r_[0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
    keep = np.searchsorted(length, np.linspace(0.0, length[-1], limit))
    keep = np.unique(np.r_[0, np.minimum(keep, len(x) - 1)[1:-1], len(x) - 1])
    return x[keep], y[keep]


def _cumulative(positive: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Count true and false positives at every distinct threshold, from the strictest."""
    is_positive = np.asarray(positive, dtype=bool)
    values = check_scores(scores, len(is_positive))
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last_of_ties = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True][: len(ordered)])
    true_positives = np.cumsum(is_positive[order], dtype=np.float64)[last_of_ties]
    return true_positives, last_of_ties + 1.0 - true_positives


def roc_curve(
    positive: npt.ArrayLike, scores: npt.ArrayLike, limit: int = MAX_CURVE_POINTS
) -> tuple[Floats, Floats]:
    """Points of the ROC curve, from (0, 0) to (1, 1).

    Args:
        positive: Bool of shape (images,).
        scores: Shape (images,); higher means more likely positive.
        limit: Most points to return.

    Returns:
        False-positive rate and true-positive rate, non-decreasing; empty arrays unless both
        kinds are present.
    """
    true_positives, false_positives = _cumulative(positive, scores)
    if not true_positives.size or not true_positives[-1] or not false_positives[-1]:
        return np.empty(0), np.empty(0)
    false, true = np.r_[0.0, false_positives], np.r_[0.0, true_positives]
    # Points inside a straight run carry no information.
    corner = np.r_[True, (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), True]
    return _thin(false[corner] / false[-1], true[corner] / true[-1], limit)


def precision_recall_curve(
    positive: npt.ArrayLike, scores: npt.ArrayLike, limit: int = MAX_CURVE_POINTS
) -> tuple[Floats, Floats]:
    """Points of the precision-recall curve, from recall 0 (precision 1 by convention) to 1.

    Args:
        positive: Bool of shape (images,).
        scores: Shape (images,); higher means more likely positive.
        limit: Most points to return.

    Returns:
        Recall (non-decreasing) and precision; empty arrays without positives.
    """
    true_positives, false_positives = _cumulative(positive, scores)
    if not true_positives.size or not true_positives[-1]:
        return np.empty(0), np.empty(0)
    recall = true_positives / true_positives[-1]
    precision = true_positives / (true_positives + false_positives)
    # Below full recall the curve is complete; lower thresholds only repeat recall 1.
    end = int(np.argmax(recall >= 1.0)) + 1
    return _thin(np.r_[0.0, recall[:end]], np.r_[1.0, precision[:end]], limit)
