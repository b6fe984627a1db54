"""Weights as safetensors: float16 on disk, no code inside, checked before use."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from core.errors import ModelNotReadyError, RunError
from core.files import replacing
from core.labels import NO_TUMOUR

if TYPE_CHECKING:
    import keras

    from core.models.card import Card

_HALF_MAX = float(np.finfo(np.float16).max)
# Whether there is one output per type, besides tumour or none, or one per class.
_OUTPUTS = {"head_types/bias": True, "logits/bias": False}


def save_weights(model: "keras.Model", path: Path) -> str:
    """Write a model's weights as float16.

    Args:
        model: The model; names are its variables' paths, such as `block1_conv1/kernel`.
        path: Where to write, atomically.

    Returns:
        The file's SHA-256 digest.

    Raises:
        RunError: If a weight is not finite or too large for float16.
        OutputError: If the file can't be written.
    """
    import keras

    tensors: dict[str, np.ndarray] = {}
    for variable in model.weights:
        value = keras.ops.convert_to_numpy(variable.value).astype(np.float32)
        if not np.all(np.abs(value) <= _HALF_MAX):
            raise RunError(
                f"Weights are finite and fit float16. Received: another value in {variable.path}."
            )
        tensors[variable.path] = value.astype(np.float16)
    data = save(tensors)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return sha256(data).hexdigest()


def read_weights(path: Path, expected_sha256: str) -> dict[str, np.ndarray]:
    """Read a weights file whose digest is known.

    Args:
        path: `weights.safetensors`.
        expected_sha256: The digest on the card.

    Returns:
        float16 arrays by variable path.

    Raises:
        ModelNotReadyError: If the file is missing, damaged, or another one than the card's.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelNotReadyError(
            "A published model has a readable weights.safetensors. "
            f"Received: {error.strerror or 'no file'}."
        ) from error
    _check_digest(sha256(data).hexdigest(), expected_sha256)
    try:
        return dict(load(data))
    except SafetensorError as error:
        raise ModelNotReadyError(
            "weights.safetensors must be a safetensors file. Received: a damaged file."
        ) from error
    except KeyError as error:
        raise ModelNotReadyError(
            f"Weights are numbers that NumPy knows. Received: the type {error.args[0]}."
        ) from error


def check_weights(path: Path, card: "Card") -> None:
    """Check a published weights file without building its model.

    A file is read once for as long as its size and time stay the same.

    Args:
        path: `weights.safetensors`.
        card: The card beside it.

    Raises:
        ModelNotReadyError: If it can't be read, isn't the card's, or has other classes.
    """
    try:
        status = path.stat()
        digest, classes = _facts(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise ModelNotReadyError(
            "A published model has a readable weights.safetensors. "
            f"Received: {error.strerror or 'no file'}."
        ) from error
    _check_digest(digest, card.sha256)
    if classes is None:
        raise ModelNotReadyError(
            "weights.safetensors must be a safetensors file. Received: a damaged file."
        )
    check_classes(classes, card)


def check_classes(shapes: Mapping[str, tuple[int, ...]], card: "Card") -> None:
    """Check that weights have as many outputs as their card has classes.

    Args:
        shapes: Shapes by variable path; those of the last layer are enough.
        card: The card beside them.

    Raises:
        ModelNotReadyError: If they don't.
    """
    for name, typed in _OUTPUTS.items():
        if len(shape := shapes.get(name, ())) != 1:
            continue
        # The lesion map decides about tumour or none, so the types are one fewer.
        count = shape[0] + (typed and NO_TUMOUR in card.labels)
        if count != len(card.labels):
            raise ModelNotReadyError(
                f"A card names as many classes as its weights have, {count}. "
                f"Received: {len(card.labels)}."
            )


@lru_cache(maxsize=32)
def _facts(path: Path, time: int, size: int) -> tuple[str, dict[str, tuple[int, ...]] | None]:
    """Return a file's digest and the shapes of its last layer; None for them if it is damaged."""
    with path.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    try:
        with safe_open(str(path), framework="numpy") as file:
            there = set(file.keys()) & _OUTPUTS.keys()
            return digest, {name: tuple(file.get_slice(name).get_shape()) for name in there}
    except (SafetensorError, OSError):
        return digest, None


def _check_digest(digest: str, expected: str) -> None:
    if digest != expected:
        raise ModelNotReadyError(
            "The weights must have the SHA-256 that their card names "
            f"({expected[:12]}…). Received: {digest[:12]}…."
        )


def assign_weights(model: "keras.Model", tensors: Mapping[str, np.ndarray]) -> None:
    """Give a model exactly these weights.

    Args:
        model: The model.
        tensors: Arrays by variable path.

    Raises:
        ModelNotReadyError: If a name is missing or too many, or a shape differs.
    """
    wanted = {variable.path: variable for variable in model.weights}
    if set(wanted) != set(tensors):
        odd = sorted(set(wanted) ^ set(tensors))[0]
        raise ModelNotReadyError(
            f"The weights must be those of this architecture. Received: a mismatch at '{odd}'."
        )
    for path, variable in wanted.items():
        if tuple(variable.shape) != tensors[path].shape:
            raise ModelNotReadyError(
                f"The weight {path} has shape {tuple(variable.shape)}. "
                f"Received: {tensors[path].shape}."
            )
    for path, value in tensors.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            raise ModelNotReadyError(
                f"Weights are finite floating-point numbers. Received: others in '{path}'."
            )
    for path, variable in wanted.items():
        variable.assign(tensors[path].astype(np.float32))


def transfer_weights(model: "keras.Model", tensors: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Take over every weight whose name and shape fit; the rest keeps its initial values.

    Args:
        model: The model to start from these weights.
        tensors: Arrays by variable path.

    Returns:
        How many variables were taken over, and how many the model has.
    """
    taken = 0
    for variable in model.weights:
        value = tensors.get(variable.path)
        if value is not None and value.shape == tuple(variable.shape):
            variable.assign(value.astype(np.float32))
            taken += 1
    return taken, len(model.weights)
