"""What a model says of a slice, in plain words; never a diagnosis."""

from typing import Final

import cv2
import numpy as np

from core.ensemble import ENSEMBLE
from core.labels import describe
from core.types import Analysis, FloatArray, Prediction
from core.wording import _, mark, number, told

_PLACES: Final = (
    (mark("the upper left"), mark("the upper middle"), mark("the upper right")),
    (mark("the left"), mark("the centre"), mark("the right")),
    (mark("the lower left"), mark("the lower middle"), mark("the lower right")),
)
FOCUS: Final = 0.5
"""Share of a map's peak from which a pixel counts as looked at."""
_DIFFUSE: Final = 0.5
_AIR: Final = 0.05
_SECOND: Final = 0.5
_SURE: Final = 0.95
_MOST_DIGITS: Final = 5
_EVERYWHERE: Final = mark("most of the head")


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a percentage; never 100 % unless it is 1, nor 0 % unless it is 0."""
    text = f"{100 * value:.{digits}f}"
    step = 10.0**-digits
    if value < 1 and float(text) >= 100:
        return _("over {share}").format(share=_share(100 - step, digits))
    if value > 0 and float(text) <= 0:
        return _("under {share}").format(share=_share(step, digits))
    return _share(100 * value, digits)


def percent_apart(value: float, other: float) -> tuple[str, str]:
    """Return two shares as percentages, with the digits that it takes to tell them apart."""
    pairs = [(percent(value, digits), percent(other, digits)) for digits in range(_MOST_DIGITS)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def _share(hundredths: float, digits: int) -> str:
    return _("{number} %").format(number=number(hundredths, digits))


def place(cam: FloatArray, pixels: FloatArray | None = None) -> str | None:
    """Say where in the picture a map is strongest.

    Directions are the picture's, not the patient's: radiological pictures are mirrored.

    Args:
        cam: float32 of shape (H, W), in 0 to 1.
        pixels: float32 of shape (H, W), in 0 to 1; the head is what is brighter than air.
            Without it the whole picture counts as the head.

    Returns:
        Such as `the upper left`, `the centre and the lower right` or `most of the head`; None
        for an empty map; in the language of the moment.
    """
    spots = _spots(cam, pixels)
    return _(" and ").join(map(told, spots)) if spots else None


def _spots(cam: FloatArray, pixels: FloatArray | None) -> list[str]:
    """Return the English names of one or two places; none for an empty map."""
    heat = np.nan_to_num(cam)
    top = float(heat.max(initial=0.0))
    if top <= 0.0:
        return []
    head = np.ones(heat.shape, dtype=bool) if pixels is None else pixels > _AIR
    if not head.any():
        head = np.ones_like(head)
    focus = heat >= FOCUS * top
    if float((focus & head).sum()) > _DIFFUSE * float(head.sum()):
        return [_EVERYWHERE]
    rows, columns = np.nonzero(head)
    frame = (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max()))
    count, spots = cv2.connectedComponents(focus.astype(np.uint8))
    masses = {k: float(heat[spots == k].sum()) for k in range(1, count)}
    first, *others = sorted(masses, key=lambda k: -masses[k])
    # The middle of two spots is neither: a second one of weight is named for itself.
    named = [first, *(k for k in others[:1] if masses[k] >= _SECOND * masses[first])]
    places = (_third_of(np.where(spots == k, heat, 0.0), frame) for k in named)
    return list(dict.fromkeys(places))


def _third_of(spot: FloatArray, frame: tuple[int, int, int, int]) -> str:
    """Name the part of the head's frame (top, bottom, left, right) that holds a spot's centre."""
    total = float(spot.sum())
    centre_row = float((spot.sum(axis=1) @ np.arange(spot.shape[0])) / total)
    centre_column = float((spot.sum(axis=0) @ np.arange(spot.shape[1])) / total)
    row = _third(centre_row, frame[0], frame[1])
    return _PLACES[row][_third(centre_column, frame[2], frame[3])]


def _third(value: float, low: int, high: int) -> int:
    share = (value - low) / max(1, high - low)
    return 0 if share < 1 / 3 else 1 if share <= 2 / 3 else 2


def why_not_accepted(prediction: Prediction) -> str | None:
    """Return the reason why an answer isn't accepted; None if it is."""
    if prediction.in_domain is False:
        if prediction.model == ENSEMBLE:
            return _(
                "The picture isn't like the brain MRI slices that each of the models learnt from, "
                "so their mean means nothing."
            )
        return _(
            "The picture isn't like the brain MRI slices that this model learnt from, so its "
            "answer means nothing."
        )
    if prediction.confidence < prediction.threshold:
        confidence, threshold = percent_apart(prediction.confidence, prediction.threshold)
        return _(
            "The best guess reaches {confidence}, below the {threshold} that an answer needs."
        ).format(confidence=confidence, threshold=threshold)
    return None


def no_diagnosis() -> str:
    """Return the heading of a picture of another kind, in place of a class."""
    return _("No diagnosis for this picture")


def read_plainly(analysis: Analysis, pixels: FloatArray | None = None) -> str:
    """Return the reading in one to three sentences.

    Where a model looked is told for a tumour alone: a map of what speaks against a tumour
    points at nothing that a reader could check. Of a picture of another kind the reading tells
    what the network computes; why that means nothing is `why_not_accepted`'s.

    Args:
        analysis: What the model returned.
        pixels: float32 of shape (H, W), in 0 to 1: the slice, by which places are relative to
            the head rather than to the picture's frame.
    """
    prediction = analysis.prediction
    label = describe(prediction.predicted)
    name, confidence = label.name.lower(), percent(prediction.confidence)
    if prediction.in_domain is False:
        # A network may be very sure of a picture that it knows nothing about: no hesitation.
        return _(
            "For this picture the network computes {label}, {confidence}. That is no diagnosis: "
            "it computes something for any picture."
        ).format(label=name, confidence=confidence)
    looked = _looked(analysis, pixels) if label.tumour else ""
    if why_not_accepted(prediction) is not None:
        return _(
            "The model does not commit. Its best guess is {label}, {confidence}{looked}."
        ).format(label=name, confidence=confidence, looked=looked)
    if prediction.confidence >= _SURE:
        answer = _("The model answers {label}, {confidence}{looked}.")
    else:
        answer = _("The model leans to {label}, {confidence}{looked}.")
    sentences = [answer.format(label=name, confidence=confidence, looked=looked)]
    doubts = [key for key in prediction.prediction_set if key != prediction.predicted]
    if doubts:
        sentences.append(_("It can't rule out {labels}.").format(labels=_alternatives(doubts)))
    if not label.tumour:
        known = [key for key in prediction.labels if describe(key).tumour]
        sentences.append(
            _("This is no all-clear: on one slice it looks for {labels} alone.").format(
                labels=_alternatives(known)
            )
        )
    return " ".join(sentences)


def _looked(analysis: Analysis, pixels: FloatArray | None) -> str:
    explanation = analysis.explanations.get(analysis.prediction.predicted)
    spots = _spots(explanation.cam, pixels) if explanation is not None else []
    if not spots:
        return ""
    if spots == [_EVERYWHERE]:
        return _(", and looked at most of the head rather than at one spot")
    where = _(" and ").join(map(told, spots))
    return _(", and looked mostly at {place} of the picture").format(place=where)


def _alternatives(keys: list[str]) -> str:
    """Join names with commas and `or`; `no tumour` stands last."""
    ordered = sorted(keys, key=lambda key: not describe(key).tumour)
    names = [describe(key).name.lower() for key in ordered]
    if len(names) == 1:
        return names[0]
    return _("{labels} or {last}").format(labels=", ".join(names[:-1]), last=names[-1])
