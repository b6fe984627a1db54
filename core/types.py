"""The values that travel between the rooms: validated, frozen, free of any framework."""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import NotAssessableError
from core.wording import mark

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]


BURNED_IN: Final = mark("The pixels may show who the patient is: the file marks burned-in text.")
"""A note about a slice of which no picture may be kept."""


@dataclass(frozen=True, eq=False)
class Slice:
    """One decoded greyscale slice.

    Attributes:
        pixels: float32 of shape (height, width), in 0 to 1.
        name: A safe name for display; never the raw upload name.
        index: Position within a volume or archive, from 0.
        notes: Sentences about how the file was read that a person should see.
        colourful: Colourfulness of the file's pixels before they became grey (Hasler and
            Süsstrunk 2003, on values of 0 to 1); 0 for a grey file.
    """

    pixels: FloatArray
    name: str = "slice"
    index: int = 0
    notes: tuple[str, ...] = ()
    colourful: float = 0.0

    def __post_init__(self) -> None:
        """Check shape, type and range.

        Raises:
            NotAssessableError: If `pixels` isn't 2-D float32 within 0 to 1.
        """
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32:
            raise NotAssessableError(
                "A slice is a 2-D float32 array. "
                f"Received: shape {self.pixels.shape}, {self.pixels.dtype}."
            )
        low, high = float(self.pixels.min(initial=0.0)), float(self.pixels.max(initial=0.0))
        if not (low >= 0.0 and high <= 1.0):
            raise NotAssessableError(
                f"A slice's values lie in 0 to 1. Received: {low:.4g} to {high:.4g}."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def noted(self, note: str) -> "Slice":
        """Return the same slice with one more sentence that a person should see, the first."""
        return replace(self, notes=(note, *self.notes))

    @property
    def sha256(self) -> str:
        """Digest of the decoded pixels (8 bit) and their shape: the key for caches."""
        quantised = np.rint(self.pixels * 255.0).astype(np.uint8)
        return sha256(repr(self.shape).encode() + quantised.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Volume:
    """One decoded greyscale volume in the patient's axes.

    Attributes:
        voxels: float32 of shape (depth, height, width), in 0 to 1. Where the file tells its
            orientation, depth runs from inferior to superior, height from anterior to
            posterior and width from the patient's right to the left (DICOM's LPS).
        spacing: Distance between voxels along depth, height and width, in millimetres.
        name: A safe name for display; never the raw upload name.
        notes: Sentences about how the file was read that a person should see.
    """

    voxels: FloatArray
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    name: str = "volume"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shape and type.

        Raises:
            NotAssessableError: If `voxels` isn't 3-D float32 with at least one voxel.
        """
        if self.voxels.ndim != 3 or self.voxels.dtype != np.float32 or not self.voxels.size:
            raise NotAssessableError(
                "A volume is a 3-D float32 array. "
                f"Received: shape {self.voxels.shape}, {self.voxels.dtype}."
            )


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one model says of one slice.

    Attributes:
        model: Name of the model, as in the registry.
        labels: Class keys in output order.
        logits: float32 of shape (classes,), before temperature scaling.
        probabilities: float32 of shape (classes,), calibrated, summing to 1.
        threshold: Confidence from which an answer is accepted.
        prediction_set: Labels of the conformal set, most probable first; just the predicted
            label where the card holds no conformal quantile.
        in_domain: Whether the slice looks like the brain MRI that the model knows; None if
            that was not checked.
        warnings: Sentences that a person should read before the answer.
    """

    model: str
    labels: tuple[str, ...]
    logits: FloatArray
    probabilities: FloatArray
    threshold: float
    prediction_set: tuple[str, ...] = ()
    in_domain: bool | None = None
    warnings: tuple[str, ...] = ()

    @property
    def predicted(self) -> str:
        """Key of the most probable class."""
        return self.labels[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Probability of the predicted class."""
        return float(np.max(self.probabilities))

    @property
    def accepted(self) -> bool:
        """Whether the answer is confident enough and the slice is of a known kind."""
        return self.confidence >= self.threshold and self.in_domain is not False

    def to_record(self) -> dict[str, Any]:
        """Return the JSON-ready record that the command line and the service share."""
        return {
            "model": self.model,
            "predicted": self.predicted,
            "confidence": round(self.confidence, 6),
            "probabilities": {
                label: round(float(p), 6)
                for label, p in zip(self.labels, self.probabilities, strict=True)
            },
            "prediction_set": list(self.prediction_set or (self.predicted,)),
            "accepted": self.accepted,
            "in_domain": self.in_domain,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where a model looked for one class.

    Attributes:
        label: Key of the explained class.
        cam: float32 of shape (height, width) of the decoded slice, in 0 to 1.
        method: Name of the method, such as `grad-cam`.
        layer: Name of the explained layer.
    """

    label: str
    cam: FloatArray
    method: str
    layer: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """One pass over one slice: the prediction and a Grad-CAM for every class.

    Attributes:
        prediction: The calibrated answer.
        explanations: One `Explanation` per class key.
        lesion_map: float32 (height, width) in 0 to 1, the network's own lesion heat map at the
            decoded slice's size; None for models without one.
    """

    prediction: Prediction
    explanations: dict[str, Explanation] = field(default_factory=dict)
    lesion_map: FloatArray | None = None
