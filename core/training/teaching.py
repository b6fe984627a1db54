"""Teachers: trained networks whose mean answer a student learns from, beside the labels.

Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. The
teachers see the very slices that the student sees, disturbed as they are (Beyer et al. 2022,
arXiv 2106.05237). Where a label can't be read off the picture, as a glioma outlined on another
sequence, their doubt is a better lesson than the label's certainty.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import RunError
from core.models.head import LOGITS_LAYER
from core.training.stored import read_stored
from core.types import FloatArray


class Teachers:
    """Answers of one or several trained networks.

    Args:
        folders: Published models or runs.
        size: Side of the slices in pixels; each network is built for it.
        labels: Class keys of the student, in output order.

    Raises:
        RunError: If a folder is neither, or its classes are others.
        ModelNotReadyError: If published weights are damaged.

    Attributes:
        names: What to call each on a card.
    """

    def __init__(self, folders: Sequence[Path], size: int, labels: Sequence[str]) -> None:
        found = [read_stored(folder, "--teacher is") for folder in folders]
        for stored, folder in zip(found, folders, strict=True):
            if stored.labels != tuple(labels):
                raise RunError(
                    f"A teacher knows the classes {', '.join(labels)}, in this order. "
                    f"Received: {', '.join(stored.labels)} from '{folder.name}'."
                )
        self.names = [stored.origin for stored in found]
        self._networks = [(stored.build(size), stored.temperature) for stored in found]

    def answer(self, images: FloatArray) -> FloatArray:
        """Return their mean probabilities.

        Args:
            images: float32 of shape (batch, size, size, 1), standardised.

        Returns:
            float32 of shape (batch, classes); each row sums to 1.
        """
        total = np.zeros((len(images), 1))
        for network, temperature in self._networks:
            logits = np.asarray(network.predict_on_batch(images)[LOGITS_LAYER], np.float64)
            shares = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
            total = total + shares / shares.sum(axis=1, keepdims=True)
        return np.asarray(total / len(self._networks), np.float32)
