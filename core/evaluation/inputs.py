"""What an evaluation starts from: outputs of a model and what is known of the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError
from core.evaluation.localisation import LocalisationResult
from core.evaluation.metrics import check_scores, check_targets
from core.labels import NO_TUMOUR

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.integer]

WITHIN_PATIENT_SOURCE = "tcga-lgg"


@dataclass(frozen=True, eq=False)
class ExternalInputs:
    """Outputs for tumour slices of another origin.

    Attributes:
        name: Name of the external set.
        logits: float32 of shape (images, classes); every image shows a tumour.
        groups: Group of each image; None takes each as its own.
        notumour_sources: Sources of the test split whose tumour-free slices are set against
            them; None takes all.
    """

    name: str
    logits: FloatArray
    groups: Sequence[str] | None = None
    notumour_sources: Sequence[str] | None = None


@dataclass(frozen=True, eq=False)
class ShippedSplitInputs:
    """Outcomes on a split as it was shipped, which shares pictures with its training side.

    Attributes:
        correct: Bool of shape (images,).
        groups: Group of each image.
        n_seen_in_training: Images of the split that this model met in training, as they are
            or as a near twin.
        note: One sentence for a person; a default says why the number is inflated.
    """

    correct: npt.NDArray[np.bool_]
    groups: Sequence[str]
    n_seen_in_training: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class EvaluationInputs:
    """Everything that a report is computed from.

    Attributes:
        labels: Class keys in output order.
        y: Class indices of the split, shape (images,).
        logits: float32 of shape (images, classes), before temperature scaling.
        groups: Group (patient or twins) of each image.
        sources: Source of each image.
        paths: Path of each image, relative to the dataset's root.
        split: Name of the split, such as `test`.
        model: Name of the model.
        validation_y: Class indices of the validation split.
        validation_logits: float32 of shape (validation images, classes).
        temperature: Temperature of published weights; None fits it on the validation split.
        external: Outputs on an external set, where there is one.
        within_patient_source: Source whose groups are patients with both kinds of slices.
        localisation: Results of the Grad-CAM maps, where boxes are known.
        lesion_localisation: Results of the model's own lesion maps, where it has them.
        shipped: Outcomes on the shipped, leaking split.
    """

    labels: tuple[str, ...]
    y: IntArray
    logits: FloatArray
    groups: Sequence[str]
    sources: Sequence[str]
    paths: Sequence[str]
    split: str
    model: str
    validation_y: IntArray
    validation_logits: FloatArray
    temperature: float | None = None
    external: ExternalInputs | None = None
    within_patient_source: str = WITHIN_PATIENT_SOURCE
    localisation: Sequence[LocalisationResult] | None = None
    lesion_localisation: Sequence[LocalisationResult] | None = None
    shipped: ShippedSplitInputs | None = None

    def __post_init__(self) -> None:
        """Check that everything fits together.

        Raises:
            DatasetError: If lengths, class counts or values don't fit.
        """
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise DatasetError(
                "An evaluation needs at least two classes with different labels. "
                f"Received: {list(self.labels)}."
            )
        for name, y, logits in (
            (f"The {self.split} split", self.y, self.logits),
            ("The validation split", self.validation_y, self.validation_logits),
        ):
            if not len(y):
                raise DatasetError(f"{name} needs at least one image. Received: none.")
            check_targets(y, len(self.labels), name)
            self._check_logits(name, logits, len(y))
        for name, values in (
            ("group", self.groups),
            ("source", self.sources),
            ("path", self.paths),
        ):
            if len(values) != len(self.y):
                raise DatasetError(
                    f"Each image has one {name}. "
                    f"Received: {len(self.y)} images, {len(values)} {name}s."
                )
        if self.external is not None:
            self._check_logits("The external set", self.external.logits, None)
            if NO_TUMOUR not in self.labels:
                raise DatasetError(
                    f"The external check needs a class {NO_TUMOUR!r}. "
                    f"Received: {list(self.labels)}."
                )
            groups = self.external.groups
            if groups is not None and len(groups) != len(self.external.logits):
                raise DatasetError(
                    "Each external image has one group. Received: "
                    f"{len(self.external.logits)} images, {len(groups)} groups."
                )
        if self.shipped is not None and not (
            0 < len(self.shipped.correct) == len(self.shipped.groups)
        ):
            raise DatasetError(
                "The shipped split has at least one image and one group per image. Received: "
                f"{len(self.shipped.correct)} images, {len(self.shipped.groups)} groups."
            )

    def _check_logits(self, name: str, logits: FloatArray, n_images: int | None) -> None:
        shape = np.shape(logits)
        if len(shape) != 2 or not shape[0] or shape[1] != len(self.labels):
            raise DatasetError(
                f"{name} needs logits of shape (images, {len(self.labels)}). Received: {shape}."
            )
        check_scores(logits, shape[0] if n_images is None else n_images, f"{name}'s logits")
