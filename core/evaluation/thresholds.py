"""Where a threshold stands on the curves of a class."""

from typing import Any

from core.evaluation.side_by_side import StoredPredictions


def operating_points(stored: StoredPredictions, threshold: float) -> dict[str, dict[str, Any]]:
    """Return the rates of every class at one threshold, one class against the others.

    Args:
        stored: Calibrated probabilities of a split.
        threshold: A slice counts as the class where its probability is at least this, 0 to 1.

    Returns:
        By class key: `fpr`, `tpr` (the recall) and `precision`, each in 0 to 1; None where
        nothing is divided by: no slice of the kind, or none that counts as the class.
    """
    points: dict[str, dict[str, Any]] = {}
    for position, label in enumerate(stored.labels):
        counted = stored.probabilities[:, position] >= threshold
        true = stored.y == position
        hits, said = int((counted & true).sum()), int(counted.sum())
        have = int(true.sum())
        others = len(true) - have
        points[label] = {
            "fpr": (said - hits) / others if others else None,
            "tpr": hits / have if have else None,
            "precision": hits / said if said else None,
        }
    return points


def at_threshold(curve: list[dict[str, Any]], threshold: float) -> dict[str, Any]:
    """Return the point of an accuracy-coverage curve that lies nearest to a threshold.

    Args:
        curve: `report["threshold"]["curve"]`, not empty.
        threshold: In 0 to 1.
    """
    return min(curve, key=lambda point: abs(float(point["threshold"]) - threshold))
