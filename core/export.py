"""Published networks for other programs: Keras, TensorFlow's SavedModel, ONNX.

What is exported is the network alone, in float32, from a prepared slice to logits. The card lies
beside it, because logits mean nothing without the labels' order, the size and the temperature.
Where it says `mirrored`, the published answer is the mean of the logits of a slice and its mirror
image.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import OutputError
from core.files import replacing, write_json
from core.models import registry
from core.models.card import Card, read_card
from core.packages import require
from core.settings import get_settings

if TYPE_CHECKING:
    import keras

FORMATS: Final = ("keras", "savedmodel", "onnx")
_ENDINGS: Final = {"keras": ".keras", "savedmodel": "-savedmodel", "onnx": ".onnx"}
_ONNX: Final = ("tf2onnx", "onnx")


def default_path(name: str, form: str) -> Path:
    """Return where an export goes unless told otherwise, below the working folder."""
    return Path(f"{name}{_ENDINGS[form]}")


def check_format(form: str) -> None:
    """Check that what a format needs is installed.

    Raises:
        MissingPackageError: If a package is missing.
    """
    if form == "onnx":
        require(_ONNX, "requirements-export.txt", "The format 'onnx'")


def export(name: str, form: str, path: Path, weights_dir: Path | None = None) -> Card:
    """Write a published network and, beside it, its card.

    Args:
        name: Name in the registry.
        form: One of `FORMATS`.
        path: File to write, or folder for `savedmodel`; an earlier export there is replaced.
        weights_dir: Folder of published weights; the settings' by default.

    Returns:
        The card, which is also written to `<path>.card.json`.

    Raises:
        UnknownModelError: If the registry has no such name.
        ModelNotReadyError: If weights or card are missing or damaged.
        MissingPackageError: If the format needs a package that is missing.
        OutputError: If nothing can be written there.
    """
    check_format(form)
    registry.get_spec(name)
    folder = (weights_dir or get_settings().weights_dir) / name
    card = read_card(folder)
    model = _network(card, folder)
    writers: dict[str, Callable[[], None]] = {
        "keras": lambda: _write_keras(model, path),
        "savedmodel": lambda: _write_savedmodel(model, path),
        "onnx": lambda: _write_onnx(model, path),
    }
    writers[form]()
    write_json(path.with_name(f"{path.name}.card.json"), card.raw)
    return card


def _network(card: Card, folder: Path) -> "keras.Model":
    from core.models.precision import built_in
    from core.models.weights import assign_weights, read_weights

    tensors = read_weights(folder / "weights.safetensors", card.sha256)
    # Other programs need not know bfloat16, and need not run on this processor.
    with built_in("float32"):
        model = registry.build(card.architecture, card.input_size, card.labels, card.head)
    assign_weights(model, tensors)
    return model


def _write_keras(model: "keras.Model", path: Path) -> None:
    with replacing(path, ".keras") as temporary:
        model.save(temporary)


def _write_onnx(model: "keras.Model", path: Path) -> None:
    import keras

    signature = [keras.InputSpec(shape=model.input.shape, dtype="float32", name="slice")]
    with replacing(path, ".onnx") as temporary:
        model.export(temporary, format="onnx", verbose=False, input_signature=signature)


def _write_savedmodel(model: "keras.Model", path: Path) -> None:
    with _replacing_folder(path) as temporary:
        model.export(temporary, format="tf_saved_model", verbose=False)


@contextmanager
def _replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` and put it in place on success.

    Only an earlier SavedModel is replaced; a folder of another kind is refused.
    """
    if path.exists() and not (path / "saved_model.pb").is_file():
        raise OutputError(
            "A SavedModel is written to a new folder or over an earlier one. "
            f"Received: '{path.name}', which holds something else."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield scratch / "new"
            if path.exists():
                os.replace(path, scratch / "old")
            os.replace(scratch / "new", path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"The output must be writable. Received: {path.name}, {error.strerror or error}."
        ) from error
