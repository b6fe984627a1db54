"""Prediction sets at the coverages that a card was calibrated for."""

from core.evaluation.conformal import prediction_sets
from core.models.card import Card
from core.types import Prediction

DEFAULT = 0.95


def coverages(card: Card | None) -> dict[float, float]:
    """Return the score quantile of each coverage on a card, ascending; empty without any."""
    found = {}
    for level, quantile in (card.raw.get("conformal") or {} if card else {}).items():
        try:
            coverage, value = float(level), float(quantile)
        except (TypeError, ValueError):
            continue
        if 0.0 < coverage < 1.0 and 0.0 <= value <= 1.0:
            found[coverage] = value
    return dict(sorted(found.items()))


def labels_within(prediction: Prediction, quantile: float) -> tuple[str, ...]:
    """Return the labels of the prediction set, the most probable first.

    Args:
        prediction: Calibrated answer.
        quantile: From `coverages`.
    """
    inside = prediction_sets(prediction.probabilities[None], quantile)[0]
    order = (-prediction.probabilities).argsort(kind="stable")
    return tuple(prediction.labels[i] for i in order if inside[i])
