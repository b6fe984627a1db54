"""The facade that screens, service and commands call: weights in, calibrated answers out."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelNotReadyError, RunError
from core.gate import read_gate
from core.models import registry
from core.models.card import Card, read_card
from core.onnx_pass import open_pass, wanted
from core.predictor import Predictor
from core.settings import get_settings

if TYPE_CHECKING:
    import keras


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
    registry.check_architecture(card)
    if wanted(card):
        gate = read_gate(folder, card)
        compiled = open_pass(card, folder, gate is not None)
        return Predictor(card, lambda: _loaded(card, folder), gate=gate, compiled=compiled)
    return Predictor(card, _loaded(card, folder), gate=read_gate(folder, card))


def _loaded(card: Card, folder: Path) -> "keras.Model":
    from core.models.weights import assign_weights, check_classes, read_weights

    tensors = read_weights(folder / "weights.safetensors", card.sha256)
    check_classes({name: value.shape for name, value in tensors.items()}, card)
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
    from core.training.runs import read_run

    config, digest = read_config(run), read_run(run).manifest_sha256
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
        trained_on={"manifest_sha256": digest} if digest else {},
        metrics={},
        command="",
        version="",
        created="",
        raw={"head": config.head, "fold": config.fold},
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
