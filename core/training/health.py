"""What the curves of a run tell of its health; each finding has its rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

STILL_EPOCHS: Final = 3
STILL_SPREAD: Final = 0.001
NEAR_SHARE: Final = 0.02
GROWN: Final = 1.5
OVERFITTED: Final = 2.0


@dataclass(frozen=True)
class Trouble:
    """A finding.

    Attributes:
        kind: `not_finite`, `growing`, `collapsed` or `overfitting`.
        value: The figure behind it: the last loss, or the accuracy that stands still.
        reference: What it is held against.
    """

    kind: str
    value: float | None = None
    reference: float | None = None


def _numbers(history: Sequence[dict[str, Any]], key: str) -> list[float]:
    found = [row.get(key) for row in history]
    return [float(x) for x in found if isinstance(x, int | float) and isfinite(x)]


def find_trouble(
    history: Sequence[dict[str, Any]],
    largest_share: float | None = None,
    classes: int | None = None,
) -> list[Trouble]:
    """Look for a diverging loss and for a collapse to one class.

    Rules:
        - `not_finite`: an epoch's training loss is missing or no finite number.
        - `growing`: after three epochs or more the last training loss is over 1.5 times the
          first.
        - `collapsed`: over the last three epochs the validation accuracy moved by 0.1 points at
          most, and it is no better than always naming the most frequent class (up to 2 points).
          History holds no answers per class, so this is a suspicion.
        - `overfitting`: the last validation loss is over twice its lowest, while the training
          loss is below what it was at that epoch.

    Args:
        history: A run's epochs.
        largest_share: Share of the most frequent class in the validation split, if known; else
            one share among equally frequent classes is taken.
        classes: Number of classes, if known; without both the collapse isn't looked for.
    """
    losses = _numbers(history, "loss")
    found = [Trouble("not_finite")] if len(losses) < len(history) else []
    if not found and len(losses) >= STILL_EPOCHS and losses[-1] > GROWN * losses[0]:
        found.append(Trouble("growing", losses[-1], losses[0]))
    share = largest_share if largest_share is not None else 1 / classes if classes else None
    last = _numbers(history[-STILL_EPOCHS:], "val_accuracy")
    still = len(last) == STILL_EPOCHS and max(last) - min(last) <= STILL_SPREAD
    if share is not None and still and last[-1] <= share + NEAR_SHARE:
        found.append(Trouble("collapsed", last[-1], share))
    validation = _numbers(history, "val_loss")
    if not found and len(validation) == len(losses) == len(history) and history:
        best = min(range(len(validation)), key=validation.__getitem__)
        if validation[-1] > OVERFITTED * validation[best] and losses[-1] < losses[best]:
            found.append(Trouble("overfitting", validation[-1], validation[best]))
    return found
