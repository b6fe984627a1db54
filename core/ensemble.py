"""Several models as one: the plain mean of their calibrated probabilities."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from core.errors import ModelNotReadyError
from core.gate import WARNING, warning_of
from core.types import Analysis, Explanation, FloatArray, Prediction

ENSEMBLE: Final = "ensemble"


def mean_prediction(predictions: Sequence[Prediction]) -> Prediction:
    """Average what several models say of one slice.

    Args:
        predictions: One prediction per model, of the same slice and the same classes.

    Returns:
        A prediction named `ensemble` with the first one's label order. Its logits are the
        logarithms of the mean probabilities, and its set holds the predicted label alone:
        the models' conformal quantiles say nothing about their mean.

    Raises:
        ModelNotReadyError: If there is no model, or their classes differ.
    """
    if not predictions:
        raise ModelNotReadyError("An ensemble needs at least one ready model. Received: none.")
    labels = predictions[0].labels
    rows: list[FloatArray] = []
    for prediction in predictions:
        if set(prediction.labels) != set(labels):
            raise ModelNotReadyError(
                "The models of an ensemble know the same classes. "
                f"Received: {predictions[0].model} and {prediction.model}, which differ."
            )
        order = [prediction.labels.index(label) for label in labels]
        rows.append(prediction.probabilities[order])
    mean = np.asarray(np.mean(np.stack(rows), axis=0, dtype=np.float64), np.float32)
    return Prediction(
        ENSEMBLE,
        labels,
        np.log(np.maximum(mean, np.finfo(np.float32).tiny)),
        mean,
        predictions[0].threshold,
        (labels[int(np.argmax(mean))],),
        _together([prediction.in_domain for prediction in predictions]),
        _warnings(predictions),
    )


def _warnings(predictions: Sequence[Prediction]) -> tuple[str, ...]:
    """Name the models that find the slice strange; the mean has learnt from nothing itself."""
    texts = dict.fromkeys(text for p in predictions for text in p.warnings if text != WARNING)
    strange = [p.model for p in predictions if WARNING in p.warnings]
    return (*texts, warning_of(strange)) if strange else tuple(texts)


def _together(domains: Sequence[bool | None]) -> bool | None:
    """One model that knows no such slice is enough; one that wasn't asked leaves it open."""
    if False in domains:
        return False
    return None if None in domains else True


def mean_analysis(analyses: Sequence[Analysis]) -> Analysis:
    """Average predictions and maps of one slice; a class's map is the mean of the models' maps.

    Raises:
        ModelNotReadyError: As `mean_prediction`.
    """
    prediction = mean_prediction([analysis.prediction for analysis in analyses])
    explanations = {}
    for label in prediction.labels:
        found = [a.explanations[label] for a in analyses if label in a.explanations]
        if found:
            cam = np.asarray(np.mean(np.stack([e.cam for e in found]), axis=0), np.float32)
            layers = ", ".join(e.layer for e in found)
            explanations[label] = Explanation(label, cam, found[0].method, layers)
    return Analysis(prediction, explanations)
