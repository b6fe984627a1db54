"""What a model's answer loses when a region is hidden: occlusion, without any gradient.

After Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks",
arXiv 1311.2901.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.explain.faithful import scorer
from core.imaging.preprocess import preprocess
from core.types import FloatArray, Slice

if TYPE_CHECKING:
    from core.inference import Predictor

GREY: Final = 0.0
"""Value of the square in the standardised input: the slice's mean grey."""
_BATCH: Final = 32
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Occlusion:
    """How a class's probability changes with a hidden region.

    Attributes:
        label: Key of the class.
        probability: Its calibrated probability with nothing hidden.
        drop: float32 of shape (height, width) of the slice, in -1 to 1: the mean drop of the
            probability over all squares that hide the pixel; negative where hiding raises it,
            0 outside the model's field of view.
        grid: float32 of shape (rows, columns): the drop at each position of the square.
        side: Side of the square as a share of the model's field of view.
    """

    label: str
    probability: float
    drop: FloatArray
    grid: FloatArray
    side: float

    @property
    def strongest(self) -> float:
        """The largest drop of one position, in -1 to 1."""
        return float(self.grid.max())


def occlusion_map(
    slice_: Slice,
    predictor: "Predictor",
    label: str,
    side: float = 0.2,
    steps: int = 14,
    progress: Progress | None = None,
) -> Occlusion:
    """Slide a grey square over the model's input and note what the class loses.

    The model answers `steps * steps` + 1 times, in batches.

    Args:
        slice_: A decoded slice.
        predictor: The model.
        label: Key of the class.
        side: Side of the square as a share of the model input, above 0, at most 1.
        steps: Positions along each side, at least 1.
        progress: Called with the number of positions done and of all.

    Raises:
        ValueError: If the class is unknown or a number is outside its range.
    """
    if label not in predictor.labels:
        raise ValueError(
            f"The class is one of: {', '.join(predictor.labels)}. Received: {label!r}."
        )
    if not 0.0 < side <= 1.0 or steps < 1:
        raise ValueError(
            "The square's side lies above 0 and up to 1, and it takes at least one step. "
            f"Received: {side!r} and {steps!r}."
        )
    prepared, geometry = preprocess(slice_, predictor.card.input_size)
    image = prepared[..., 0]
    size = image.shape[0]
    width = max(1, round(side * size))
    starts = np.unique(np.rint(np.linspace(0, size - width, steps)).astype(int))
    places = [(row, column) for row in starts for column in starts]
    target, score = predictor.labels.index(label), scorer(predictor)
    base = float(score(image[np.newaxis])[0, target])
    drops: list[float] = []
    for begin in range(0, len(places), _BATCH):
        part = places[begin : begin + _BATCH]
        batch = np.repeat(image[np.newaxis], len(part), axis=0)
        for copy, (row, column) in zip(batch, part, strict=True):
            copy[row : row + width, column : column + width] = GREY
        drops += (base - score(batch)[:, target]).tolist()
        if progress is not None:
            progress(len(drops), len(places))
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for (row, column), drop in zip(places, drops, strict=True):
        total[row : row + width, column : column + width] += drop
        count[row : row + width, column : column + width] += 1
    mean = (total / np.maximum(count, 1)).astype(np.float32)
    grid = np.array(drops, np.float32).reshape(len(starts), len(starts))
    return Occlusion(label, base, geometry.map_to_slice(mean), grid, width / size)
