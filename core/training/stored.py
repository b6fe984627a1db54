"""Trained weights in a folder: a published model, or a run."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from core.errors import RunError
from core.models import registry
from core.models.card import read_card
from core.models.weights import assign_weights, read_weights
from core.training.config import read_config
from core.training.runs import file_sha256


@dataclass(frozen=True, eq=False)
class Stored:
    """What a folder holds.

    Attributes:
        architecture: Name in the registry.
        head: One of `core.models.card.HEADS`.
        size: Side of its input in pixels.
        labels: Class keys in output order.
        tensors: Arrays by variable path.
        temperature: What its logits are divided by; 1 for a run, which isn't calibrated.
        mirrored: Whether that was fitted on the mean over both views; see `core.mirror`.
        origin: What to call it on a card; it ends with the digest of the weights.
    """

    architecture: str
    head: str
    size: int
    labels: tuple[str, ...]
    tensors: dict[str, np.ndarray]
    temperature: float
    mirrored: bool
    origin: str

    def build(self) -> keras.Model:
        """Build the network."""
        model = registry.build(self.architecture, self.size, self.labels, self.head)
        assign_weights(model, self.tensors)
        return model


def read_stored(folder: Path, flag: str) -> Stored:
    """Read the weights of a published model (`card.json`) or a run (`best.weights.h5`).

    Args:
        folder: Either.
        flag: What named it, such as `--init`, with the starts that have a name.

    Raises:
        RunError: If it is neither.
        ModelNotReadyError: If the published weights are damaged.
    """
    if (folder / "card.json").is_file():
        card = read_card(folder)
        return Stored(
            card.architecture,
            card.head,
            card.input_size,
            card.labels,
            read_weights(folder / "weights.safetensors", card.sha256),
            card.temperature,
            card.mirrored,
            f"the published weights '{card.name}' ({card.sha256[:12]})",
        )
    if not (folder / "best.weights.h5").is_file():
        raise RunError(
            f"{flag} the folder of a published model or a run. Received: '{folder.name}'."
        )
    config = read_config(folder)
    donor = registry.build(config.model, config.size, config.labels, config.head)
    donor.load_weights(folder / "best.weights.h5")
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in donor.weights}
    digest = file_sha256(folder / "best.weights.h5") or ""
    return Stored(
        config.model,
        config.head,
        config.size,
        config.labels,
        tensors,
        1.0,
        False,
        f"the run '{folder.name}' ({digest[:12]})",
    )
