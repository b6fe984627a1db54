"""The facade that screens, service and commands call: weights in, calibrated answers out."""

import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ModelNotReadyError, RunError
from core.evaluation.calibration import softmax
from core.gate import WARNING, Gate, read_gate
from core.imaging.preprocess import Geometry, preprocess
from core.imaging.quality import assess
from core.models import registry
from core.models.card import Card, read_card
from core.onnx_pass import OnnxPass, open_pass, wanted
from core.settings import get_settings
from core.types import Analysis, Explanation, FloatArray, Prediction, Slice

if TYPE_CHECKING:
    import keras

    from core.explain.convolutions import ConvLayer

_BATCH = 32


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
        compiled: OnnxPass | None = None,
    ) -> None:
        self.card = card
        self.calibrated = calibrated
        self.gate = gate
        self._fused: Callable[[FloatArray], tuple[Any, ...]]
        self._forward: Callable[[FloatArray], tuple[FloatArray, FloatArray | None]]
        if compiled is not None:
            self._model = model
            self.layer = compiled.layer
            self._fused, self._forward = compiled.full, compiled.forward
            return
        from core.explain.features import forward_pass
        from core.explain.grad_cam import full_pass, fused_pass, target_layer

        self._model = model
        self.layer = target_layer(self.model)
        # The gate's features come out of the same pass; a model without a gate is spared them.
        build = full_pass if gate else fused_pass
        self._fused = build(self.model, self.layer)
        self._forward = forward_pass(self.model, gate is not None)

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


def load_predictor(name: str, weights_dir: Path | None = None) -> Predictor:
    """Load a published model, checking its hash.

    Args:
        name: Name in the registry.
        weights_dir: Folder of published weights; the settings' by default.

    Raises:
        UnknownModelError: If the registry has no such name.
        ModelNotReadyError: If weights or card are missing, damaged, or don't fit each other.
    """
    registry.get_spec(name)
    return load_folder((weights_dir or get_settings().weights_dir) / name)


def load_folder(folder: Path) -> Predictor:
    """Load a published model from its folder; see `load_predictor`."""
    card = read_card(folder)
    if card.architecture not in registry.MODELS:
        raise ModelNotReadyError(
            f"A card's architecture is one of: {', '.join(registry.MODELS)}. "
            f"Received: {card.architecture!r}."
        )
    if wanted(card):
        gate = read_gate(folder, card)
        compiled = open_pass(card, folder, gate is not None)
        return Predictor(card, lambda: _loaded(card, folder), gate=gate, compiled=compiled)
    return Predictor(card, _loaded(card, folder), gate=read_gate(folder, card))


def _loaded(card: Card, folder: Path) -> "keras.Model":
    from core.models.weights import assign_weights, read_weights

    tensors = read_weights(folder / "weights.safetensors", card.sha256)
    model = _built(card.architecture, card.input_size, card.labels, card.head)
    assign_weights(model, tensors)
    return model


def _built(architecture: str, size: int, labels: Sequence[str], head: str) -> "keras.Model":
    """Build a model in the number format that the settings ask for."""
    from core.models.precision import built_in, resolve

    with built_in(resolve(get_settings().precision)):
        return registry.build(architecture, size, labels, head)


def load_run(run: Path) -> Predictor:
    """Load the best weights of a training run, uncalibrated.

    Raises:
        RunError: If the folder holds no run, or its weights don't fit its configuration.
    """
    from core.training.config import read_config

    config = read_config(run)
    model = _built(config.model, config.size, config.labels, config.head)
    try:
        model.load_weights(run / "best.weights.h5")
    except (OSError, ValueError) as error:
        raise RunError(
            "A run's best.weights.h5 must be whole and fit its configuration. "
            f"Received: another file in '{run.name}'."
        ) from error
    threshold = get_settings().threshold
    card = Card(
        name=run.name,
        architecture=config.model,
        input_size=config.size,
        labels=config.labels,
        temperature=1.0,
        threshold=threshold,
        sha256="",
        init=config.init,
        trained_on={},
        metrics={},
        command="",
        version="",
        created="",
        raw={"head": config.head},
    )
    return Predictor(card, model, calibrated=False)


_cache: dict[tuple[str, str], Predictor] = {}
_lock = threading.Lock()
_ATTEMPTS = 3


def _state(folder: Path) -> str:
    """Return what changes with every publishing, even of the same weights: the whole card."""
    return json.dumps(read_card(folder).raw, sort_keys=True)


def get_predictor(name: str, weights_dir: Path | None = None) -> Predictor:
    """Return a loaded model, the same one for the same card within this process.

    What was published anew is loaded anew; published while its files are being read, they are
    read again. Raises as `load_predictor`.
    """
    registry.get_spec(name)
    folder = (weights_dir or get_settings().weights_dir) / name
    place = str(folder.resolve())
    with _lock:
        for attempt in range(1, _ATTEMPTS + 1):
            state = _state(folder)
            if (place, state) in _cache:
                break
            try:
                loaded = load_folder(folder)
            except ModelNotReadyError:
                if attempt == _ATTEMPTS or _state(folder) == state:
                    raise
                continue
            state = json.dumps(loaded.card.raw, sort_keys=True)
            for old in [k for k in _cache if k[0] == place]:
                del _cache[old]
            _cache[place, state] = loaded
            break
        return _cache[place, state]
