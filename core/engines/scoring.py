"""From slices to records; every engine goes through here, so that all give the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from core.imaging.inputs import InputItem
from core.types import Prediction

if TYPE_CHECKING:
    from core.inference import Predictor

BATCH: Final = 32
"""Items that go through a network together, within one shard."""

Record = dict[str, Any]


def answer(item: InputItem, prediction: Prediction, files: dict[str, str]) -> Record:
    """Return the record of one slice and model.

    Args:
        item: Where the slice came from.
        prediction: What the model says of it.
        files: `overlay` and `cam`, where the answer was explained.
    """
    index = item.slice.index if item.slice is not None else 0
    return {"file": item.file, "slice": index, **prediction.to_record(), **files}


def failure(item: InputItem) -> Record:
    """Return the record of a file that could not be read."""
    return {"file": item.file, "error": str(item.error)}


def score(
    items: Sequence[InputItem], predictors: Sequence["Predictor"], threshold: float | None = None
) -> list[list[Record]]:
    """Let every model read one batch of items.

    Args:
        items: At most `BATCH` items, some of which may hold an error.
        predictors: The models.
        threshold: Confidence from which an answer is accepted; this process's setting if None.

    Returns:
        For each item the records of all models, or the one record of its error.
    """
    slices = [item.slice for item in items if item.slice is not None]
    answers = [iter(predictor.predict(slices, BATCH)) for predictor in predictors]
    found: list[list[Record]] = []
    for item in items:
        if item.slice is None:
            found.append([failure(item)])
            continue
        predictions = [next(predicted) for predicted in answers]
        if threshold is not None:
            predictions = [replace(p, threshold=threshold) for p in predictions]
        found.append([answer(item, prediction, {}) for prediction in predictions])
    return found


def chunks(items: Iterable[InputItem], size: int = BATCH) -> Iterator[list[InputItem]]:
    """Group items so that each group but the last holds `size` of them."""
    chunk: list[InputItem] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
