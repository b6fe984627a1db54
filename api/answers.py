"""The blocking part of a request, run in a thread: bytes to slice to answer."""

import base64
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import cv2
import numpy as np
from fastapi import UploadFile

from api.errors import FieldError
from core.ensemble import mean_analysis, mean_prediction
from core.errors import TooLargeError
from core.imaging.inputs import InputItem, iter_bytes, read_bytes
from core.imaging.limits import default_limits
from core.imaging.names import safe_name, suffix_of
from core.imaging.overlay import overlay, to_png
from core.imaging.signature import detect
from core.inference import Predictor
from core.types import Analysis, Prediction, Slice

_PICTURE_SIDE: Final = 1024
# Larger slices are answered at once: many of them waiting would fill the memory.
_ALONE_PIXELS: Final = 1_000_000
_PIECE_SLICES: Final = 16
_PIECE_PIXELS: Final = 4_000_000
Key = tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What is said of one slice of a file.

    Attributes:
        prediction: The prediction.
        slice: Position of the slice in its file, from 0.
        slices: How many slices the file holds.
        overlay: PNG of the slice under its map, as base64; None unless explained.
    """

    prediction: Prediction
    slice: int = 0
    slices: int = 1
    overlay: str | None = None


@dataclass(frozen=True)
class Pending:
    """A slice that waits for its models.

    Attributes:
        key: Where its answer belongs in the cache.
        slice: The slice.
        slices: How many slices its file holds.
    """

    key: Key
    slice: Slice
    slices: int


class Answers:
    """Answers by content, the latest kept. Safe for several threads.

    Args:
        entries: Most answers to keep.
        on_hit: Called for each answer that was known already.
    """

    def __init__(self, entries: int, on_hit: Callable[[], None]) -> None:
        self._entries = entries
        self._on_hit = on_hit
        self._known: OrderedDict[Key, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Answer | None:
        """Return the answer of a key, if it is known."""
        with self._lock:
            answer = self._known.get(key)
            if answer is None:
                return None
            self._known.move_to_end(key)
        self._on_hit()
        return answer

    def put(self, key: Key, answer: Answer) -> None:
        """Keep an answer and forget the oldest."""
        with self._lock:
            self._known[key] = answer
            while len(self._known) > self._entries:
                self._known.popitem(last=False)


def read_upload(
    file: UploadFile,
    predictors: Sequence[Predictor],
    known: Answers,
    explain: bool,
    index: int | None,
    gather: bool,
    number: int = 1,
) -> Answer | Pending:
    """Read one upload, and answer it unless it is better answered together with others.

    Args:
        file: The upload.
        predictors: The models to ask; several are an ensemble.
        known: Answers by content.
        explain: Whether to draw the map of the predicted class.
        index: Which slice of a volume; None for the middle one.
        gather: Whether slices may wait to go through a model with others.
        number: Which volume of a 4-D NIfTI file, from 1; any other file holds one.

    Returns:
        The answer, or the slice that waits for one.

    Raises:
        InputError: If the file can't be read, or has no volume of that number.
        FieldError: If the file has no slice of that index.
    """
    data = file.file.read()
    default_limits().check_bytes(len(data))
    name = file.filename or ""
    # The same weights may be published anew, with another temperature.
    models = [f"{p.card.name}:{p.card.sha256}:{p.card.created}" for p in predictors]
    asked = (str(explain), str(index), str(number))
    key = (sha256(data).hexdigest(), suffix_of(name), *asked, *models)
    answer = known.get(key)
    if answer is not None:
        return answer
    slices = read_bytes(data, name, volume=number - 1)
    slice_ = _choose(slices, index)
    if gather and not explain and slice_.pixels.size < _ALONE_PIXELS:
        return Pending(key, slice_, len(slices))
    if explain:
        analysis = analyse(predictors, slice_)
        picture = draw(slice_, analysis)
        answer = Answer(analysis.prediction, slice_.index, len(slices), picture)
    else:
        answer = Answer(predict(predictors, [slice_])[0], slice_.index, len(slices))
    known.put(key, answer)
    return answer


def _choose(slices: list[Slice], index: int | None) -> Slice:
    if index is None:
        index = len(slices) // 2
        if len(slices) > 1:
            note = f"The file holds {len(slices)} slices; the middle one, {index}, was assessed."
            return replace(slices[index], notes=(*slices[index].notes, note))
    if not 0 <= index < len(slices):
        raise FieldError(
            f"The field 'slice' lies from 0 to {len(slices) - 1} for this file. Received: {index}."
        )
    return slices[index]


def predict(predictors: Sequence[Predictor], slices: Sequence[Slice]) -> list[Prediction]:
    """Ask one model, or the ensemble of several, about slices."""
    rows = [predictor.predict(slices) for predictor in predictors]
    if len(rows) == 1:
        return rows[0]
    return [mean_prediction(column) for column in zip(*rows, strict=True)]


def analyse(predictors: Sequence[Predictor], slice_: Slice) -> Analysis:
    """Ask one model, or the ensemble of several, about a slice and for its maps."""
    analyses = [predictor.analyse(slice_) for predictor in predictors]
    return analyses[0] if len(analyses) == 1 else mean_analysis(analyses)


def draw(slice_: Slice, analysis: Analysis) -> str:
    """Return the slice under the map of its predicted class, as PNG in base64.

    Large slices are shrunk to at most 1,024 pixels a side.
    """
    pixels, cam = slice_.pixels, analysis.explanations[analysis.prediction.predicted].cam
    scale = _PICTURE_SIDE / max(pixels.shape)
    if scale < 1.0:
        size = tuple(max(round(side * scale), 1) for side in reversed(pixels.shape))
        pixels, cam = (
            np.clip(cv2.resize(image, size, interpolation=cv2.INTER_AREA), 0.0, 1.0)
            for image in (pixels, cam)
        )
    return base64.b64encode(to_png(overlay(pixels, cam))).decode("ascii")


def open_uploads(files: Sequence[UploadFile]) -> Iterator[InputItem]:
    """Yield the slices of many uploads, zips and volumes included, each when it is asked for."""
    limits = default_limits()
    for file in files:
        data, name = file.file.read(), file.filename or ""
        try:
            # A zip is bounded by the request's size and by what it inflates to.
            if detect(data) != "zip":
                limits.check_bytes(len(data))
        except TooLargeError as error:
            yield InputItem(safe_name(name), error=error)
            continue
        yield from iter_bytes(data, name, limits)


def take_piece(
    items: Iterator[InputItem], predictors: Sequence[Predictor], explain: bool, most: int
) -> list[tuple[InputItem, Answer | None]]:
    """Answer the next few slices of a batch.

    Args:
        items: The slices still to come.
        predictors: The models to ask.
        explain: Whether to draw maps.
        most: Most slices to take.

    Returns:
        Each item with its answer, None for one that could not be read; empty at the end.
    """
    taken: list[InputItem] = []
    pixels = 0
    while len(taken) < min(most, _PIECE_SLICES) and pixels < _PIECE_PIXELS:
        item = next(items, None)
        if item is None:
            break
        taken.append(item)
        pixels += item.slice.pixels.size if item.slice is not None else 0
    read = [(item.slice, item.slices) for item in taken if item.slice is not None]
    answers: Iterator[Answer]
    if explain:
        analyses = [(s, n, analyse(predictors, s)) for s, n in read]
        answers = iter([Answer(a.prediction, s.index, n, draw(s, a)) for s, n, a in analyses])
    else:
        found = predict(predictors, [s for s, _ in read])
        answers = iter([Answer(p, s.index, n) for (s, n), p in zip(read, found, strict=True)])
    return [
        (replace(item, slice=None), next(answers)) if item.slice is not None else (item, None)
        for item in taken
    ]
