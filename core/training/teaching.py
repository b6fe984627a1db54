"""Teachers: trained networks whose mean answer a student learns from, beside the labels.

Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. The
teachers see the very slices that the student sees, disturbed as they are (Beyer et al. 2022,
arXiv 2106.05237), or each plain slice once; every teacher at the size that it was trained at. Where
a label can't be read off the picture, as a glioma outlined on another sequence, their doubt is a
better lesson than the label's certainty.

A model that was published to answer from both views of a slice (`core.mirror`) does so for plain
slices, since its temperature belongs to that mean. Of a drawn slice it sees one view, in half the
time: slices are flipped at random, so that over the epochs the student hears of both.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from core.data.pool import Pool
from core.errors import RunError
from core.evaluation.calibration import softmax
from core.files import replacing
from core.imaging.preprocess import standardise
from core.mirror import mirrored
from core.models.head import LOGITS_LAYER
from core.training.batches import plain_batches
from core.training.config import TrainConfig
from core.training.features import Report, weight_bytes
from core.training.runs import read_run
from core.training.stored import Stored, read_stored
from core.types import FloatArray

_BOTH_VIEWS = ", both views"


class Teachers:
    """Answers of one or several trained networks.

    Args:
        folders: Published models or runs.
        labels: Class keys of the student, in output order.
        plain: Whether they are asked about plain slices; see above.
        told: What the run called them so far, where it is resumed; None for a new one.

    Raises:
        RunError: If a folder is neither, its classes are others, or it holds other weights than
            those that taught the run so far.
        ModelNotReadyError: If published weights are damaged.

    Attributes:
        names: What to call each on a card.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        labels: Sequence[str],
        *,
        plain: bool = False,
        told: Sequence[str] | None = None,
    ) -> None:
        found = [read_stored(folder, "--teacher is") for folder in folders]
        for stored, folder in zip(found, folders, strict=True):
            if stored.labels != tuple(labels):
                raise RunError(
                    f"A teacher knows the classes {', '.join(labels)}, in this order. "
                    f"Received: {', '.join(stored.labels)} from '{folder.name}'."
                )
        self.names = [stored.origin + _BOTH_VIEWS * (plain and stored.mirrored) for stored in found]
        if told is not None:
            self.names = _as_told(found, told)
        self._networks = [
            (stored.build(), stored.size, stored.temperature, name.endswith(_BOTH_VIEWS))
            for stored, name in zip(found, self.names, strict=True)
        ]

    def answer(self, images: FloatArray) -> FloatArray:
        """Return their mean probabilities.

        Args:
            images: float32 of shape (batch, size, size, 1), standardised.

        Returns:
            float32 of shape (batch, classes); each row sums to 1.
        """
        total = np.zeros((len(images), 1))
        for network, size, temperature, both in self._networks:
            seen = _resized(images, size)
            views = [seen, mirrored(seen)] if both else [seen]
            answers = [network.predict_on_batch(view)[LOGITS_LAYER] for view in views]
            logits = np.mean(np.asarray(answers, np.float32), axis=0)
            total = total + softmax(logits, temperature)
        return np.asarray(total / len(self._networks), np.float32)

    def answer_once(
        self,
        pool: Pool,
        positions: npt.NDArray[np.int64],
        batch_size: int,
        cache_dir: Path,
        report: Report | None = None,
    ) -> FloatArray:
        """Return their answers to undisturbed slices; they are kept on disk.

        Args:
            pool: All slices.
            positions: Positions of those to ask about.
            batch_size: Slices a pass.
            cache_dir: Where the answers lie; they may be deleted at any time.
            report: Called with (done, total, {"answers": 0.0}) in passes, while they answer.

        Returns:
            float32 of shape (slices of the pool, classes); rows that weren't asked about are 0.
        """
        path = cache_dir / f"answers-{self._digest(pool, positions)}.npy"
        if not path.is_file():
            said = []
            steps = -(-len(positions) // batch_size)
            for step, batch in enumerate(plain_batches(pool, positions, batch_size), start=1):
                said.append(self.answer(batch))
                if report:
                    report(step, steps, {"answers": 0.0})
            cache_dir.mkdir(parents=True, exist_ok=True)
            with replacing(path, suffix=".npy") as temporary:
                np.save(temporary, np.concatenate(said), allow_pickle=False)
        answers = np.zeros((len(pool.rows), len(pool.labels)), np.float32)
        answers[positions] = np.load(path, allow_pickle=False)
        return answers

    def _digest(self, pool: Pool, positions: npt.NDArray[np.int64]) -> str:
        """Name everything that the answers depend on."""
        digest = sha256()
        for network, size, temperature, both in self._networks:
            facts = [network.name, size, temperature, pool.size, *["both views"] * both]
            digest.update(json.dumps(facts).encode())
            for weight in weight_bytes(network):
                digest.update(weight)
        for position in positions:
            digest.update(pool.images[position])
        return digest.hexdigest()[:20]


def teachers_of(
    config: TrainConfig, labels: Sequence[str], begun: Path | None = None
) -> Teachers | None:
    """Return the teachers of a run; None where it has none.

    Args:
        config: Settings of the run.
        labels: Its class keys, in output order.
        begun: Its folder, where it is resumed.

    Raises:
        RunError: See `Teachers`.
        ModelNotReadyError: See there.
    """
    if not config.teachers:
        return None
    told = None if begun is None else read_run(begun).detail.get("teachers", [])
    return Teachers(config.teachers, labels, plain=config.teacher_sees == "plain", told=told)


def _as_told(found: Sequence[Stored], told: Sequence[str]) -> list[str]:
    """Return what a resumed run called its teachers so far, if they are still the same.

    A run of an older version is believed where its names hold no digest, and goes on with one
    view of each slice.
    """
    if len(told) != len(found):
        return [stored.origin for stored in found]
    for stored, name in zip(found, told, strict=True):
        undigested = stored.origin.rpartition(" (")[0]
        if name.removesuffix(_BOTH_VIEWS) not in (stored.origin, undigested):
            raise RunError(
                f"A run goes on with the teachers that it began with, here {name}. "
                f"Received: {stored.origin}."
            )
    return list(told)


def _resized(images: FloatArray, size: int) -> FloatArray:
    """Bring standardised slices, (batch, rows, columns, 1), to another size."""
    if images.shape[1] == size:
        return images
    way = cv2.INTER_AREA if size < images.shape[1] else cv2.INTER_LINEAR
    scaled = [cv2.resize(image[..., 0], (size, size), interpolation=way) for image in images]
    return standardise(np.stack(scaled))[..., np.newaxis]
