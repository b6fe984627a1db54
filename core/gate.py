"""Is this slice of the kind that the model knows? A gate on the distance of its features.

Mahalanobis distance to the training features, after Lee et al. 2018, "A Simple Unified
Framework for Detecting Out-of-Distribution Samples", arXiv 1807.03888. Class means make no
difference on these features, and the relative distance of Ren et al. 2021, arXiv 2106.09022,
lets more strangers in; docs/explanations.md has the figures. `core.imaging.quality` is the
first, cheap gate; this is the second, and it needs the model. NumPy alone: features come from
the model's own pass.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError, ModelNotReadyError
from core.files import replacing
from core.imaging.preprocess import standardise
from core.types import ByteArray, FloatArray
from core.wording import mark

if TYPE_CHECKING:
    from core.data.pool import Pool
    from core.inference import Predictor
    from core.models.card import Card

FILE: Final = "gate.safetensors"
ACCEPTANCE: Final = 0.97
"""Share of the validation slices to accept: with the few that the gate of simple facts turns
away, over 95 % come through both."""
WARNING: Final = mark(
    "The picture is not like the brain MRI slices that this model learnt from, "
    "so its answer means little."
)
_WARNING_OF_SEVERAL: Final = mark(
    "The picture is not like the brain MRI slices that {models} learnt from, "
    "so the mean of the models means little."
)
_TENSORS: Final = ("centre", "whitener")
# Directions with less than this share of the largest variance are noise of float16 weights.
_FLOOR: Final = 1e-5
# Uploads lie on a side more often than aslant.
_ANGLES: Final = (90, 45, 270, 135, 180, 225, 90, 315, 270)
_BATCH: Final = 64
# Some thousand vectors are plenty for a few hundred features, and a VGG's are slow to come by.
_FITTED_ON: Final = 3000
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Gate:
    """What must be known to judge a feature vector.

    Attributes:
        centre: float32 of shape (features,), the mean of the training features.
        whitener: float32 of shape (features, features), gives them a covariance of one.
        threshold: Largest accepted distance.
        acceptance: Share of the validation slices that lie within it.
    """

    centre: FloatArray
    whitener: FloatArray
    threshold: float
    acceptance: float = ACCEPTANCE

    def distances(self, features: FloatArray) -> FloatArray:
        """Return how far feature vectors lie from what the model learnt from.

        Args:
            features: float32 of shape (slices, features), as
                `core.explain.features.depth_pass` gives them.

        Returns:
            float32 of shape (slices,): the Mahalanobis distance over the square root of the
            number of features. Training slices lie around 1; larger is stranger.
        """
        white = (features - self.centre) @ self.whitener
        return np.asarray(np.sqrt((white**2).mean(axis=-1)), np.float32)

    def accepts(self, features: FloatArray) -> npt.NDArray[np.bool_]:
        """Tell which feature vectors lie within the threshold; shape (slices,)."""
        return np.asarray(self.distances(features) <= self.threshold)


def warning_of(models: Sequence[str]) -> str:
    """Return the warning of a mean over models, some of which know no such picture.

    Args:
        models: Names of those, at least one.
    """
    return _WARNING_OF_SEVERAL.format(models=", ".join(models))


def fit(features: FloatArray) -> Gate:
    """Fit the distance, without a threshold yet (it is infinite).

    Args:
        features: float32 of shape (slices, features) of the training split.

    Raises:
        DatasetError: If there are fewer than two slices, or a feature isn't finite.
    """
    if len(features) < 2 or not np.isfinite(features).all():
        raise DatasetError(
            "A gate is fitted on finite features of two slices or more. "
            f"Received: {len(features)} slices."
        )
    values = features.astype(np.float64)
    centre = values.mean(axis=0)
    centred = values - centre
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    floored = np.maximum(variances, _FLOOR * max(float(variances[-1]), 1e-12))
    return Gate(
        np.asarray(centre, np.float32),
        np.asarray(vectors / np.sqrt(floored), np.float32),
        threshold=float("inf"),
        acceptance=1.0,
    )


def with_threshold(gate: Gate, validation: FloatArray, acceptance: float = ACCEPTANCE) -> Gate:
    """Set the threshold so that a share of the validation slices is accepted.

    Args:
        gate: From `fit`.
        validation: float32 features of the validation split, (slices, features).
        acceptance: Wanted share, strictly between 0 and 1.

    Raises:
        DatasetError: If there is no slice, or the share is out of range.
    """
    if not len(validation) or not 0.0 < acceptance < 1.0:
        raise DatasetError(
            "A threshold needs validation slices and an acceptance between 0 and 1. "
            f"Received: {len(validation)} slices, {acceptance}."
        )
    # The order statistic itself, so that no less than the wanted share is accepted.
    distances = gate.distances(validation)
    threshold = float(np.quantile(distances, acceptance, method="higher"))
    return replace(gate, threshold=threshold, acceptance=float((distances <= threshold).mean()))


def fit_gate(
    predictor: "Predictor",
    pool: "Pool",
    acceptance: float = ACCEPTANCE,
    progress: Progress | None = None,
) -> Gate:
    """Fit a gate on the training split of a pool and set it on its validation split.

    Slices that are shown turned or inverted are brain MRI, too: each takes part a second time
    turned, and a third time inverted. Of many training slices, evenly spread ones take part, at
    most 3,000. The threshold is set on untouched slices.

    Args:
        predictor: The model, with the weights that will be published.
        pool: Prepared slices of the model's input size, with their splits.
        acceptance: Share of the validation split to accept.
        progress: Called with (done, total, what).

    Raises:
        DatasetError: If the training or the validation split is empty.
    """
    from core.explain.features import depth_pass

    run = depth_pass(predictor.model)
    train, validation = pool.where("train"), pool.where("val")
    train = train[:: -(-len(train) // _FITTED_ON) or 1]
    total = 3 * len(train) + len(validation)
    done = 0

    def features(
        positions: npt.NDArray[np.int64], change: Callable[[ByteArray], ByteArray] = np.asarray
    ) -> FloatArray:
        nonlocal done
        parts = []
        for start in range(0, len(positions), _BATCH):
            images = change(np.asarray(pool.images[positions[start : start + _BATCH]]))
            parts.append(run(standardise(images)[..., np.newaxis]))
            done += len(images)
            if progress:
                progress(done, total, "gate")
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)

    kinds = [features(train), features(train, turned), features(train, inverted)]
    return with_threshold(fit(np.concatenate(kinds)), features(validation), acceptance)


def turned(images: ByteArray) -> ByteArray:
    """Turn prepared slices against the clock by multiples of 45°, one after the other.

    Args:
        images: uint8 of shape (slices, size, size).

    Returns:
        The same shape; where a turned slice leaves a gap, the grey of its border.
    """
    angles = [_ANGLES[i % len(_ANGLES)] for i in range(len(images))]
    # Slantwise, a head that was cut out anew is a little smaller in its square.
    scales = [0.92 if angle % 90 else 1.0 for angle in angles]
    moves = zip(images, angles, scales, strict=True)
    return np.stack([_moved(image, angle, scale) for image, angle, scale in moves])


def inverted(images: ByteArray) -> ByteArray:
    """Invert prepared slices; on their bright background no head is cut out, so shrink them.

    Args:
        images: uint8 of shape (slices, size, size).

    Returns:
        The same shape, with heads of the full size down to three quarters.
    """
    shrunk = [_moved(x, 0.0, 1.0 - 0.0625 * (i % 5)) for i, x in enumerate(images)]
    return np.invert(np.stack(shrunk))


def _moved(image: ByteArray, angle: float, scale: float) -> ByteArray:
    import cv2

    side = image.shape[0]
    centre = ((side - 1) / 2, (side - 1) / 2)
    ring = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
    matrix = cv2.getRotationMatrix2D(centre, angle, scale)
    moved = cv2.warpAffine(image, matrix, (side, side), borderValue=float(np.median(ring)))
    return np.asarray(moved, np.uint8)


def write_gate(gate: Gate, folder: Path) -> dict[str, Any]:
    """Write a gate beside the weights.

    Args:
        gate: The gate.
        folder: The published model's folder.

    Returns:
        What belongs on the card under `gate`: digest, threshold and acceptance.

    Raises:
        OutputError: If the file can't be written.
    """
    from safetensors.numpy import save

    data = save({name: np.ascontiguousarray(getattr(gate, name)) for name in _TENSORS})
    with replacing(folder / FILE) as temporary:
        temporary.write_bytes(data)
    return {
        "sha256": sha256(data).hexdigest(),
        # Upwards: the threshold is a slice's own score, which must not fall out of it.
        "threshold": math.ceil(gate.threshold * 1e6) / 1e6,
        "acceptance": round(gate.acceptance, 6),
    }


def read_gate(folder: Path, card: "Card") -> Gate | None:
    """Read the gate of a published model.

    Args:
        folder: The model's folder.
        card: Its card.

    Returns:
        The gate, or None where the card names none.

    Raises:
        ModelNotReadyError: If the card names a gate whose file is missing, damaged or another.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    entry = card.raw.get("gate")
    if entry is None:
        return None
    try:
        data = (folder / FILE).read_bytes()
        if sha256(data).hexdigest() != entry["sha256"]:
            raise ModelNotReadyError(
                f"{FILE} must have the SHA-256 that the card names. Received: another file."
            )
        tensors = load(data)
        centre, whitener = (np.asarray(tensors[name], np.float32) for name in _TENSORS)
        return Gate(centre, whitener, float(entry["threshold"]), float(entry["acceptance"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelNotReadyError(
            f"A card that names a gate has a whole {FILE} beside it. "
            f"Received: {type(error).__name__}."
        ) from error
