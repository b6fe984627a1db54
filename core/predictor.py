"""One model that answers: slices in, calibrated predictions and explanations out."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.evaluation.calibration import softmax
from core.gate import WARNING, Gate
from core.imaging.preprocess import Geometry, preprocess
from core.imaging.quality import assess
from core.mirror import MirroredPass
from core.models.card import Card
from core.settings import get_settings
from core.types import Analysis, Explanation, FloatArray, Prediction, Slice

if TYPE_CHECKING:
    import keras

    from core.explain.convolutions import ConvLayer

_BATCH = 32


class CompiledPass(Protocol):
    """What computes a model's answers: TensorFlow or ONNX Runtime.

    Attributes:
        layer: The layer that Grad-CAM explains.
        precision: The number format, which shows in the last digits.
    """

    layer: str
    precision: str

    def full(self, images: FloatArray) -> tuple[Any, ...]:
        """Return logits, maps of every class, lesion map or None, perhaps the gate's features."""

    def forward(self, images: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return logits, and the gate's features or None."""


class Predictor:
    """One published model, ready to answer.

    Calls may come from several threads.

    Args:
        card: What travels with the weights.
        model: The Keras model with its weights in place, or what builds it when it is asked for.
        calibrated: Whether the card's temperature was fitted; not so for a run.
        gate: Judges whether a slice is of the kind that the model knows; without one the
            simple facts of `core.imaging.quality` decide alone.
        compiled: The model's pass in ONNX Runtime; TensorFlow compiles one without it.
    """

    def __init__(
        self,
        card: Card,
        model: "keras.Model | Callable[[], keras.Model]",
        calibrated: bool = True,
        gate: Gate | None = None,
        compiled: CompiledPass | None = None,
    ) -> None:
        self.card = card
        self.calibrated = calibrated
        self.gate = gate
        self._model = model
        if compiled is None:
            from core.explain.passes import TensorFlowPass

            # The gate's features come out of the same pass; a model without a gate is spared them.
            compiled = TensorFlowPass(self.model, gate is not None)
        if card.mirrored:
            compiled = MirroredPass(compiled)
        self.layer, self.precision = compiled.layer, compiled.precision
        self._fused, self._forward = compiled.full, compiled.forward

    @cached_property
    def model(self) -> "keras.Model":
        """The Keras model; with ONNX Runtime it is built when it is first asked for."""
        import keras

        return self._model if isinstance(self._model, keras.Model) else self._model()

    @property
    def labels(self) -> tuple[str, ...]:
        """Class keys in output order."""
        return self.card.labels

    def warm_up(self) -> None:
        """Compile both passes, so that the first answer isn't the slow one."""
        blank = np.zeros((1, self.card.input_size, self.card.input_size, 1), np.float32)
        self._fused(blank)
        self._forward(blank)

    def analyse(self, slice_: Slice) -> Analysis:
        """Predict and explain in one pass.

        Args:
            slice_: A decoded slice.

        Returns:
            The prediction, a Grad-CAM for every class at the slice's own size, and the lesion
            map where the model has one.
        """
        image, geometry = preprocess(slice_, self.card.input_size)
        logits, maps, lesion, *features = self._fused(image[np.newaxis])
        prediction = self._prediction(slice_, logits[0], features[0][0] if features else None)
        explanations = {
            label: Explanation(label, _spread(maps[0, i], geometry), "grad-cam", self.layer)
            for i, label in enumerate(self.labels)
        }
        lesion_map = None if lesion is None else geometry.map_to_slice(lesion[0])
        return Analysis(prediction, explanations, lesion_map)

    def predict(self, slices: Sequence[Slice], batch_size: int = _BATCH) -> list[Prediction]:
        """Predict many slices without explaining them.

        Args:
            slices: Decoded slices.
            batch_size: How many go through the network together.

        Returns:
            One prediction per slice, in order.
        """
        answers: list[Prediction] = []
        for start in range(0, len(slices), batch_size):
            part = slices[start : start + batch_size]
            images = np.stack([preprocess(s, self.card.input_size)[0] for s in part])
            logits, features = self._forward(images)
            vectors = [None] * len(part) if features is None else list(features)
            answers += map(self._prediction, part, logits, vectors)
        return answers

    def logits(self, images: FloatArray) -> FloatArray:
        """Return the raw logits of prepared slices.

        Args:
            images: float32 of shape (batch, size, size, 1), standardised.

        Returns:
            float32 of shape (batch, classes).
        """
        return self._forward(images)[0]

    def maps(self, images: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Return logits, Grad-CAMs and lesion map of prepared slices; see `fused_pass`."""
        logits, maps, lesion, *_ = self._fused(images)
        return logits, maps, lesion

    def layers(self) -> "list[ConvLayer]":
        """List the convolutions that `explain` takes, early ones first."""
        from core.explain.convolutions import layers

        return layers(self.model)

    def explain(
        self, slice_: Slice, method: str, target: str | None = None, layer: str | None = None
    ) -> Explanation:
        """Show where the model looked for one class; see `core.explain.methods.explain`."""
        from core.explain.methods import explain

        return explain(slice_, self, method, target, layer)

    def _prediction(
        self, slice_: Slice, logits: FloatArray, features: FloatArray | None = None
    ) -> Prediction:
        probabilities = softmax(logits[np.newaxis], self.card.temperature)[0].astype(np.float32)
        order = np.argsort(-probabilities, kind="stable")
        chosen = [self.labels[i] for i in order[:1]]
        quantile = self.card.conformal_quantile
        if quantile is not None:
            # Split conformal (LAC): every label whose 1 - p stays within the quantile.
            within = [self.labels[i] for i in order if 1.0 - probabilities[i] <= quantile]
            chosen = within or chosen
        quality = assess(slice_)
        warnings = [*slice_.notes, *quality.reasons]
        known = self.gate is None or features is None or bool(self.gate.accepts(features))
        if not known:
            warnings.append(WARNING)
        return Prediction(
            self.card.name,
            self.labels,
            np.asarray(logits, np.float32),
            probabilities,
            get_settings().threshold,
            tuple(chosen),
            quality.ok and known,
            tuple(warnings),
        )


def _spread(grid: FloatArray, geometry: Geometry) -> FloatArray:
    return np.asarray(np.clip(geometry.map_to_slice(grid), 0.0, 1.0), np.float32)
