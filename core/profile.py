"""Class probabilities along a volume, and the slice that a person should see first."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.labels import NO_TUMOUR, describe
from core.types import FloatArray, Prediction


@dataclass(frozen=True, eq=False)
class Profile:
    """The answers to the slices of one volume, in order.

    Attributes:
        labels: Class keys in output order.
        positions: int of shape (slices,), ascending: the slices that were asked.
        probabilities: float32 of shape (slices, classes), calibrated.
        judged: bool of shape (slices,): whether the slice looks like the brain MRI that the
            model knows; what it says of the others doesn't count.
    """

    labels: tuple[str, ...]
    positions: npt.NDArray[np.int64]
    probabilities: FloatArray
    judged: npt.NDArray[np.bool_]

    @property
    def tumour(self) -> FloatArray:
        """Probability of any tumour, float32 of shape (slices,).

        Without a class for no tumour it is that of the likeliest type.
        """
        if NO_TUMOUR in self.labels:
            return 1.0 - self.probabilities[:, self.labels.index(NO_TUMOUR)]
        kinds = [i for i, key in enumerate(self.labels) if describe(key).tumour]
        of = kinds or list(range(len(self.labels)))
        return np.asarray(self.probabilities[:, of].max(axis=1), np.float32)

    @property
    def suspicious(self) -> int | None:
        """Position of the judged slice with the highest tumour probability; None without any."""
        if not self.judged.any():
            return None
        return int(self.positions[int(np.argmax(np.where(self.judged, self.tumour, -1.0)))])

    def at(self, position: int) -> dict[str, float]:
        """Return one slice's probabilities by class key.

        Raises:
            KeyError: If that slice was not asked.
        """
        found = np.flatnonzero(self.positions == position)
        if not found.size:
            raise KeyError(position)
        row = self.probabilities[int(found[0])]
        return {key: float(p) for key, p in zip(self.labels, row, strict=True)}


def along(answers: Mapping[int, Prediction]) -> Profile:
    """Put the answers to a volume's slices in order.

    Args:
        answers: Prediction of one model by position, from 0.

    Raises:
        ValueError: If there is none.
    """
    if not answers:
        raise ValueError("A profile needs at least one answer. Received: none.")
    positions = sorted(answers)
    rows = [answers[position] for position in positions]
    return Profile(
        rows[0].labels,
        np.asarray(positions, np.int64),
        np.stack([row.probabilities for row in rows]),
        np.asarray([row.in_domain is not False for row in rows], np.bool_),
    )
