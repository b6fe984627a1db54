"""What a model says of a slice, in plain words."""

import numpy as np

from core.labels import describe
from core.types import Analysis, FloatArray, Prediction

_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")
_FOCUS = 0.5
_DIFFUSE = 0.5
_AIR = 0.05


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a percentage; never 100 % unless it is 1, nor 0 % unless it is 0."""
    text = f"{100 * value:.{digits}f}"
    step = 10.0**-digits
    if value < 1 and float(text) >= 100:
        text = f"{100 - step:.{digits}f}"
        return f"over {text} %"
    if value > 0 and float(text) <= 0:
        return f"under {step:.{digits}f} %"
    return f"{text} %"


def place(cam: FloatArray, pixels: FloatArray) -> str | None:
    """Say where in the picture a map is strongest.

    Directions are the picture's, not the patient's: radiological pictures are mirrored.

    Args:
        cam: float32 of shape (H, W), in 0 to 1.
        pixels: float32 of shape (H, W), in 0 to 1; the head is what is brighter than air.

    Returns:
        Such as `the upper left`, `the centre` or `most of the head`; None for an empty map.
    """
    heat = np.nan_to_num(cam)
    top = float(heat.max(initial=0.0))
    if top <= 0.0:
        return None
    head = pixels > _AIR
    if not head.any():
        head = np.ones_like(head)
    focus = heat >= _FOCUS * top
    if float((focus & head).sum()) > _DIFFUSE * float(head.sum()):
        return "most of the head"
    rows, columns = np.nonzero(head)
    weights = np.where(focus, heat, 0.0)
    total = float(weights.sum())
    centre_row = float((weights.sum(axis=1) @ np.arange(heat.shape[0])) / total)
    centre_column = float((weights.sum(axis=0) @ np.arange(heat.shape[1])) / total)
    row = _third(centre_row, int(rows.min()), int(rows.max()))
    column = _third(centre_column, int(columns.min()), int(columns.max()))
    if row == 1 and column == 1:
        return "the centre"
    if row == 1:
        return f"the {_COLUMNS[column]}"
    if column == 1:
        return f"the {_ROWS[row]} middle"
    return f"the {_ROWS[row]} {_COLUMNS[column]}"


def _third(value: float, low: int, high: int) -> int:
    share = (value - low) / max(1, high - low)
    return 0 if share < 1 / 3 else 1 if share <= 2 / 3 else 2


def why_not_accepted(prediction: Prediction) -> str | None:
    """Return the reason why an answer isn't accepted; None if it is."""
    if prediction.in_domain is False:
        return "The picture doesn't look like the brain MRI that this model knows."
    if prediction.confidence < prediction.threshold:
        return (
            f"The best guess reaches {percent(prediction.confidence)}, "
            f"below the {percent(prediction.threshold)} that an answer needs."
        )
    return None


def summary(analysis: Analysis, pixels: FloatArray) -> str:
    """Return the reading in one or two sentences.

    Args:
        analysis: What the model returned.
        pixels: float32 of shape (H, W), in 0 to 1: the slice.
    """
    prediction = analysis.prediction
    name = describe(prediction.predicted).name.lower()
    confidence = percent(prediction.confidence)
    explanation = analysis.explanations.get(prediction.predicted)
    where = place(explanation.cam, pixels) if explanation is not None else None
    looked = f", and looked mostly at {where} of the picture" if where else ""
    if where == "most of the head":
        looked = ", and looked at most of the head rather than at one spot"
    if why_not_accepted(prediction) is not None:
        return f"The model does not commit. Its best guess is {name}, {confidence}{looked}."
    verb = "answers" if prediction.confidence >= 0.95 else "leans to"
    sentence = f"The model {verb} {name}, {confidence}{looked}."
    others = [k for k in prediction.prediction_set if k != prediction.predicted]
    if others:
        names = " or ".join(describe(k).name.lower() for k in others)
        sentence += f" It can't rule out {names}."
    return sentence
