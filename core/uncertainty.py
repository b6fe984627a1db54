"""How far does the answer move when the slice is changed in ways that mean nothing?

Test-time augmentation as a measure of uncertainty: Wang et al. 2019, "Aleatoric uncertainty
estimation with test-time augmentation for medical image segmentation", Neurocomputing
338:34-45. It shows how stable an answer is, not how likely it is to be right.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from core.evaluation.calibration import softmax
from core.imaging.preprocess import prepare, standardise
from core.types import ByteArray, FloatArray, Slice
from core.wording import _

if TYPE_CHECKING:
    from core.inference import Predictor

COPIES: Final = 16
_ROTATION: Final = 8.0
_ZOOM: Final = 0.06
_GAMMA: Final = 1.25
_STABLE: Final = 0.9


@dataclass(frozen=True, eq=False)
class Spread:
    """The answers to one slice and its disturbed copies.

    Attributes:
        labels: Class keys in output order.
        probabilities: float32 of shape (copies, classes), calibrated; the first row is the
            slice itself.
    """

    labels: tuple[str, ...]
    probabilities: FloatArray

    @property
    def low(self) -> FloatArray:
        """The 5th percentile of each class's probability, float32 of shape (classes,)."""
        return np.percentile(self.probabilities, 5, axis=0).astype(np.float32)

    @property
    def high(self) -> FloatArray:
        """The 95th percentile of each class's probability, float32 of shape (classes,)."""
        return np.percentile(self.probabilities, 95, axis=0).astype(np.float32)

    @property
    def deviation(self) -> FloatArray:
        """Standard deviation of each class's probability, float32 of shape (classes,)."""
        return self.probabilities.std(axis=0).astype(np.float32)

    @property
    def agreement(self) -> float:
        """Share of the disturbed copies whose answer is the slice's own, in 0 to 1."""
        answers = self.probabilities.argmax(axis=1)
        return float((answers[1:] == answers[0]).mean())

    @property
    def sentence(self) -> str:
        """What the spread says, in one sentence for a person."""
        copies = len(self.probabilities) - 1
        same = round(self.agreement * copies)
        if self.agreement >= _STABLE:
            sentence = _(
                "The answer is stable: {same} of {copies} slightly turned, zoomed, mirrored or "
                "brightened copies got the same one."
            )
        else:
            sentence = _(
                "The answer is not stable: only {same} of {copies} slightly turned, zoomed, "
                "mirrored or brightened copies got the same one."
            )
        return sentence.format(same=same, copies=copies)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        rows = zip(self.labels, self.low, self.high, self.deviation, strict=True)
        return {
            "copies": len(self.probabilities) - 1,
            "agreement": round(self.agreement, 4),
            "classes": {
                label: {"low": round(float(a), 5), "high": round(float(b), 5),
                        "deviation": round(float(c), 5)}
                for label, a, b, c in rows
            },
        }  # fmt: skip


def spread(slice_: Slice, predictor: "Predictor", copies: int = COPIES, seed: int = 0) -> Spread:
    """Answer a slice and its disturbed copies in one batch.

    Args:
        slice_: A decoded slice.
        predictor: The model.
        copies: How many disturbed copies.
        seed: Seed of the disturbances; the same seed gives the same spread.

    Raises:
        ValueError: If there is no copy.
    """
    if copies < 1:
        raise ValueError(f"A spread needs at least one copy. Received: {copies}.")
    image, _ = prepare(slice_.pixels, predictor.card.input_size)
    images = np.concatenate((image[np.newaxis], disturbed(image, copies, seed)))
    logits = predictor.logits(standardise(images)[..., np.newaxis])
    probabilities = softmax(logits, predictor.card.temperature)
    return Spread(predictor.labels, np.asarray(probabilities, np.float32))


def disturbed(image: ByteArray, copies: int, seed: int = 0) -> ByteArray:
    """Turn, zoom, mirror and brighten a model input a little, differently for every copy.

    Args:
        image: uint8 of shape (size, size).
        copies: How many copies.
        seed: Seed.

    Returns:
        uint8 of shape (copies, size, size). Every other copy is mirrored left to right; turns
        stay within 8 degrees, zooms within 6 %, the gamma within 0.8 to 1.25.
    """
    random = np.random.default_rng(seed)
    size = image.shape[0]
    centre = ((size - 1) / 2, (size - 1) / 2)
    ring = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
    background = float(np.median(ring))
    out = np.empty((copies, *image.shape), np.uint8)
    for number in range(copies):
        angle = random.uniform(-_ROTATION, _ROTATION)  # nosec B311
        zoom = 1.0 + random.uniform(-_ZOOM, _ZOOM)  # nosec B311
        gamma = _GAMMA ** random.uniform(-1.0, 1.0)  # nosec B311
        moved = cv2.warpAffine(
            np.asarray(image, np.float32) / 255.0,
            cv2.getRotationMatrix2D(centre, angle, zoom),
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=background / 255.0,
        )
        if number % 2 == 0:
            moved = moved[:, ::-1]
        out[number] = np.rint(np.clip(moved, 0.0, 1.0) ** gamma * 255.0).astype(np.uint8)
    return out
