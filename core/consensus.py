"""How far several models agree on one slice: what they answer, and where they looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from core.errors import ModelNotReadyError
from core.labels import describe
from core.reading import FOCUS
from core.types import FloatArray, Prediction

Kind = Literal["none", "alone", "unanimous", "partial", "majority", "split"]
SAME_PLACE: Final = 0.5
"""Overlap from which two maps are said to point at the same place, as detectors count a hit."""
OTHER_PLACE: Final = 0.1
"""Overlap below which they are said to point at different places."""


@dataclass(frozen=True)
class Consensus:
    """What several models say of one slice, counted.

    Attributes:
        votes: Names of the models by the class key that they answer, most votes first; among
            equals the class that the models are surer of.
        committed: Names of the models whose answer is accepted.
        strange: Names of the models that find the slice unlike what they know. They have no
            vote: what they compute means nothing.
    """

    votes: dict[str, tuple[str, ...]]
    committed: tuple[str, ...]
    strange: tuple[str, ...] = ()

    @property
    def voting(self) -> int:
        """Number of models that have a vote."""
        return sum(map(len, self.votes.values()))

    @property
    def total(self) -> int:
        """Number of models, with a vote or without."""
        return self.voting + len(self.strange)

    @property
    def leader(self) -> str | None:
        """Class key with the most votes; None without votes."""
        return next(iter(self.votes), None)

    @property
    def kind(self) -> Kind:
        """How the votes fall.

        `none` means that no model has a vote, `alone` a single model, `unanimous` one class by
        all models, `partial` one class by those that have a vote while others find the slice
        strange, `majority` a class by more than half of all models.
        """
        if self.leader is None:
            return "none"
        if self.total == 1:
            return "alone"
        if len(self.votes) == 1:
            return "partial" if self.strange else "unanimous"
        return "majority" if 2 * len(self.votes[self.leader]) > self.total else "split"

    @property
    def tumour(self) -> bool | None:
        """Whether every vote is for a tumour (True) or none is (False); None otherwise."""
        sides = {describe(key).tumour for key in self.votes}
        return sides.pop() if len(sides) == 1 else None


def count_votes(predictions: Sequence[Prediction]) -> Consensus:
    """Count what several models say of one slice.

    Args:
        predictions: One prediction per model; an ensemble of them is no further vote.

    Raises:
        ModelNotReadyError: If there is none.
    """
    if not predictions:
        raise ModelNotReadyError("A comparison needs at least one ready model. Received: none.")
    found: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        if prediction.in_domain is not False:
            found.setdefault(prediction.predicted, []).append(prediction)
    order = sorted(found, key=lambda k: (-len(found[k]), -sum(p.confidence for p in found[k]), k))
    return Consensus(
        {key: tuple(p.model for p in found[key]) for key in order},
        tuple(p.model for p in predictions if p.accepted),
        tuple(p.model for p in predictions if p.in_domain is False),
    )


def hottest(cam: FloatArray) -> npt.NDArray[np.bool_]:
    """Return where a map reaches half of its peak; nowhere for an empty map.

    Args:
        cam: float32 of shape (H, W), in 0 to 1.
    """
    heat = np.nan_to_num(cam)
    top = float(heat.max(initial=0.0))
    return heat >= FOCUS * top if top > 0.0 else np.zeros(heat.shape, dtype=bool)


def overlap(first: FloatArray, second: FloatArray) -> float | None:
    """Return the intersection over union of two maps' hottest regions, in 0 to 1.

    Args:
        first: float32 of shape (H, W), in 0 to 1.
        second: Of the same shape.

    Returns:
        None where one of the maps is empty.
    """
    one, other = hottest(first), hottest(second)
    if not one.any() or not other.any():
        return None
    return float((one & other).sum() / (one | other).sum())


def overlaps(maps: dict[str, FloatArray]) -> dict[tuple[str, str], float]:
    """Return `overlap` of every pair of models whose maps aren't empty.

    Args:
        maps: One map per model's name, all of one shape.
    """
    pairs = {(a, b): overlap(maps[a], maps[b]) for a, b in combinations(maps, 2)}
    return {pair: value for pair, value in pairs.items() if value is not None}
