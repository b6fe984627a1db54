"""What is gained and lost by answering only from a confidence threshold on.

El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification",
JMLR 11:1605-1641.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.intervals import GroupBootstrap
from core.evaluation.metrics import Bools, Floats, check_scores

CURVE_THRESHOLDS = np.arange(101) / 100.0


def accuracy_coverage_curve(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    thresholds: Floats = CURVE_THRESHOLDS,
) -> list[dict[str, float]]:
    """Coverage and accuracy among the accepted images, over thresholds.

    Args:
        confidence: Probability of the predicted class, shape (images,), in 0 to 1.
        correct: Bool of shape (images,).
        thresholds: An image is accepted where its confidence is at least the threshold.

    Returns:
        One dictionary per threshold: `threshold`, `coverage` and `accuracy` (NaN where no
        image is accepted).
    """
    right = np.asarray(correct, dtype=bool)
    values = check_scores(confidence, len(right), "Confidence")
    order = np.argsort(values, kind="stable")
    right_from = np.r_[np.cumsum(right[order][::-1])[::-1], 0]
    first = np.searchsorted(values[order], thresholds, side="left")
    accepted = len(values) - first
    return [
        {
            "threshold": float(threshold),
            "coverage": count / len(values) if len(values) else float("nan"),
            "accuracy": right_from[start] / count if count else float("nan"),
        }
        for threshold, start, count in zip(
            thresholds.tolist(), first.tolist(), accepted.tolist(), strict=True
        )
    ]


def summarise_threshold(
    confidence: Floats, correct: Bools, threshold: float, bootstrap: GroupBootstrap
) -> dict[str, Any]:
    """Coverage and accuracy at the threshold with intervals, and the curve around it.

    Args:
        confidence: float64 of shape (images,), in 0 to 1.
        correct: Bool of shape (images,).
        threshold: Confidence from which an answer is accepted.
        bootstrap: Resamples of the same images.

    Returns:
        `value`, `coverage`, `accuracy` and `curve` as in the report; each point of the curve has
        `coverage_interval` and `accuracy_interval` as well.
    """

    def accepted_from(value: float) -> dict[str, dict[str, float | int]]:
        accepted = confidence >= value
        return {
            "coverage": bootstrap.mean(accepted).to_dict(),
            "accuracy": bootstrap.mean(correct, among=accepted).to_dict(),
        }

    curve: list[dict[str, Any]] = []
    for point in accuracy_coverage_curve(confidence, correct):
        ends = accepted_from(point["threshold"])
        curve.append({**point, **{f"{key}_interval": end for key, end in ends.items()}})
    return {"value": threshold, **accepted_from(threshold), "curve": curve}
