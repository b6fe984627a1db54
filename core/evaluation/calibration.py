"""Temperature scaling, and how far confidence is from the share that is right.

Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks"
(arXiv:1706.04599).
"""

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError
from core.evaluation.intervals import GroupBootstrap, Interval, percentile_interval
from core.evaluation.metrics import check_scores, check_targets

Floats = npt.NDArray[np.float64]

BINS = 15
TEMPERATURE_RANGE = (0.25, 20.0)
_GOLDEN = 0.6180339887498949


def log_softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Log-probabilities, float64 of shape (images, classes), of logits over a temperature."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Return probabilities of logits divided by a temperature.

    Args:
        logits: Shape (…, classes).
        temperature: Positive; above 1 softens.

    Returns:
        float64 of the same shape; rows sum to 1.

    Raises:
        DatasetError: If the temperature isn't positive.
    """
    if not temperature > 0:
        raise DatasetError(f"A temperature is positive. Received: {temperature}.")
    return np.exp(log_softmax(logits, temperature))


def negative_log_likelihood(
    logits: npt.ArrayLike, y: npt.ArrayLike, temperature: float = 1.0
) -> float:
    """Mean of -log p(true class) in nats.

    Args:
        logits: Shape (images, classes).
        y: Integer class indices, shape (images,).
        temperature: Positive divisor of the logits.
    """
    log_p = log_softmax(logits, temperature)
    target = check_targets(y, log_p.shape[1])
    return float(-log_p[np.arange(len(target)), target].mean())


def fit_temperature(
    logits: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    bounds: tuple[float, float] = TEMPERATURE_RANGE,
) -> float:
    """Find the temperature with the least negative log-likelihood on validation logits.

    The likelihood is convex in 1/T, hence has one minimum in log T: a golden-section search
    within `bounds` finds it. Where every image is right the likelihood asks for ever more
    confidence, which so few errors can't justify: the lower bound ends it.

    Args:
        logits: Finite, shape (images, classes).
        y: Integer class indices, shape (images,).
        bounds: Smallest and largest temperature.

    Returns:
        The temperature, to about six digits.

    Raises:
        DatasetError: If there is no image, lengths differ or a logit isn't finite.
    """
    target = np.asarray(y)
    scores = check_scores(logits, len(target), "Validation logits")
    if not len(target):
        raise DatasetError("A temperature is fitted on validation images. Received: none.")
    low, high = log(bounds[0]), log(bounds[1])

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(scores, target, exp(log_temperature))

    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-7:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return exp((low + high) / 2)


def _assign_bins(confidence: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Bin of each confidence: (lower, upper], the first closed below."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    found = np.searchsorted(edges, confidence, side="left") - 1
    return np.clip(found, 0, bins - 1).astype(np.int64)


def reliability_bins(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = BINS
) -> list[dict[str, Any]]:
    """Mean confidence and accuracy in equal-width bins of confidence.

    Args:
        confidence: Probability of the predicted class, shape (images,), in 0 to 1.
        correct: Bool of shape (images,).
        bins: Number of bins over 0 to 1.

    Returns:
        One dictionary per bin: `lower`, `upper`, `confidence`, `accuracy` (NaN where empty)
        and `count`.
    """
    right = np.asarray(correct, dtype=bool)
    values = check_scores(confidence, len(right), "Confidence")
    index = _assign_bins(values, bins)
    count = np.bincount(index, minlength=bins)
    safe = np.where(count > 0, count, 1)
    empty = np.where(count > 0, 0.0, np.nan)
    mean = np.bincount(index, weights=values, minlength=bins) / safe + empty
    share = np.bincount(index, weights=right, minlength=bins) / safe + empty
    return [
        {
            "lower": k / bins,
            "upper": (k + 1) / bins,
            "confidence": float(mean[k]),
            "accuracy": float(share[k]),
            "count": int(count[k]),
        }
        for k in range(bins)
    ]


def expected_calibration_error(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = BINS
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by count.

    Args:
        confidence: Probability of the predicted class, shape (images,), in 0 to 1.
        correct: Bool of shape (images,).
        bins: Number of bins; 15 as in Guo et al. 2017.

    Returns:
        The error in 0 to 1; NaN without images.
    """
    parts = [b for b in reliability_bins(confidence, correct, bins) if b["count"]]
    total = sum(b["count"] for b in parts)
    if not total:
        return float("nan")
    return float(sum(b["count"] * abs(b["confidence"] - b["accuracy"]) for b in parts) / total)


def calibration_interval(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    bootstrap: GroupBootstrap,
    bins: int = BINS,
) -> Interval:
    """Return `expected_calibration_error` with its 95 % interval over resampled groups.

    A gap can't be negative, so the noise of a resample adds to the error more often than it takes
    off (Kumar, Liang and Ma 2019, "Verified Uncertainty Calibration", arXiv:1909.10155). The
    interval therefore lies on the high side, which is the cautious one; its lower end is never
    above the value.

    Args:
        confidence: Probability of the predicted class, shape (images,), in 0 to 1.
        correct: Bool of shape (images,).
        bootstrap: Resamples of the groups of the same images.
        bins: Number of bins.
    """
    right = np.asarray(correct, dtype=bool)
    values = check_scores(confidence, len(right), "Confidence")
    columns = np.zeros((len(right), bins + 1))
    columns[np.arange(len(right)), _assign_bins(values, bins)] = values - right
    columns[:, bins] = 1.0
    totals = bootstrap.totals(columns)
    replicates = np.abs(totals[:, :bins]).sum(axis=1) / totals[:, bins]
    value = expected_calibration_error(values, right, bins)
    found = percentile_interval(value, replicates, len(right), groups=bootstrap.n_groups)
    return replace(found, low=min(found.low, value))


def adaptive_calibration_error(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = BINS
) -> float:
    """Like `expected_calibration_error`, over bins of equal count (Nguyen and O'Connor 2015).

    Returns:
        The error in 0 to 1; NaN without images.
    """
    right = np.asarray(correct, dtype=bool)
    values = check_scores(confidence, len(right), "Confidence")
    if not len(values):
        return float("nan")
    order = np.argsort(values, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    gaps = [len(part) * abs(values[part].mean() - right[part].mean()) for part in parts]
    return float(sum(gaps) / len(values))


def describe_calibration(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, bootstrap: GroupBootstrap
) -> dict[str, Any]:
    """Return `ece`, `ece_interval` (the same with its 95 % interval) and `bins`."""
    error = calibration_interval(confidence, correct, bootstrap)
    return {
        "ece": error.value,
        "ece_interval": error.to_dict(),
        "bins": reliability_bins(confidence, correct),
    }


def summarise_calibration(
    logits: npt.ArrayLike, y: npt.ArrayLike, temperature: float, bootstrap: GroupBootstrap
) -> dict[str, Any]:
    """Calibration before and after a temperature, as the report stores it.

    Args:
        logits: Test logits, shape (images, classes).
        y: Integer class indices, shape (images,).
        temperature: Temperature fitted on other images.
        bootstrap: Resamples of the groups of the test images.

    Returns:
        `temperature`, `before` and `after`, the latter two with `ece`, `ece_interval` and `bins`.
    """
    sides: dict[str, Any] = {"temperature": temperature}
    for side, divisor in (("before", 1.0), ("after", temperature)):
        probabilities = softmax(logits, divisor)
        confidence = probabilities.max(axis=1)
        correct = probabilities.argmax(axis=1) == check_targets(y, probabilities.shape[1])
        sides[side] = describe_calibration(confidence, correct, bootstrap)
    return sides
