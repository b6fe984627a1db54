"""Puts a model's explanation to the test of `core.evaluation.faithfulness`."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from core.evaluation.calibration import softmax
from core.evaluation.faithfulness import Faithfulness, Score, baselines, compare, score_map
from core.imaging.preprocess import Geometry, preprocess
from core.types import Explanation, FloatArray, Slice

if TYPE_CHECKING:
    from core.inference import Predictor

_NEAR = 0.1


def check_explanation(
    slice_: Slice, predictor: "Predictor", explanation: Explanation, seed: int = 0
) -> Faithfulness:
    """Measure how well a map shows what the model uses, beside chance and an edge detector.

    The model answers some 200 disturbed copies of the slice.

    Args:
        slice_: The slice that was explained.
        predictor: The model that was explained.
        explanation: A map over the decoded slice.
        seed: Seed of the random orders and of the imputation's noise.

    Raises:
        ValueError: If the map isn't one of this slice, or the class isn't one of the model's.
    """
    if explanation.cam.shape != slice_.shape:
        raise ValueError(
            f"A map has the shape of its slice, {slice_.shape}. Received: {explanation.cam.shape}."
        )
    if explanation.label not in predictor.labels:
        raise ValueError(
            f"The class is one of: {', '.join(predictor.labels)}. Received: {explanation.label!r}."
        )
    prepared, geometry = preprocess(slice_, predictor.card.input_size)
    image = prepared[..., 0]
    cam, region = to_input(explanation.cam, geometry), head_region(image)
    score, target = scorer(predictor), predictor.labels.index(explanation.label)
    base = baselines(image, region, score, target, seed=seed)
    return compare(score_map(cam, image, region, score, target, seed=seed), base)


def scorer(predictor: "Predictor") -> Score:
    """Return a model as `score_map` calls it: standardised images to calibrated probabilities.

    Disturbed images are not standardised again, so that a pixel that isn't changed stays as
    it was.
    """

    def score(images: FloatArray) -> npt.NDArray[np.float64]:
        logits = predictor.logits(np.asarray(images, np.float32)[..., np.newaxis])
        return np.asarray(softmax(logits, predictor.card.temperature), np.float64)

    return score


def to_input(cam: FloatArray, geometry: Geometry) -> FloatArray:
    """Cut a map over the decoded slice to the model input; the way back of `map_to_slice`."""
    square = np.zeros((geometry.crop, geometry.crop), np.float32)
    top, left = max(geometry.top, 0), max(geometry.left, 0)
    bottom = min(geometry.top + geometry.crop, geometry.height)
    right = min(geometry.left + geometry.crop, geometry.width)
    square[
        top - geometry.top : bottom - geometry.top, left - geometry.left : right - geometry.left
    ] = cam[top:bottom, left:right]
    shrinks = geometry.crop >= geometry.size
    return np.asarray(
        cv2.resize(
            square,
            (geometry.size, geometry.size),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        ),
        np.float32,
    )


def head_region(image: FloatArray) -> npt.NDArray[np.bool_]:
    """Return the mask of the head in a model input; all of it where nothing stands out.

    Pixels of the empty background would flatter every map: to leave them alone is no merit.
    """
    ring = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
    away = np.abs(image - float(np.median(ring)))
    mask = (away > _NEAR * float(np.percentile(away, 99))).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    found = filled.astype(bool)
    return found if found.mean() > 0.1 else np.ones_like(found)
