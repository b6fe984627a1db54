"""ImageNet weights as Keras publishes them, fetched through its cache and loaded by name."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np

from core.errors import DownloadError, RunError

_TENSORFLOW: Final = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERAS: Final = "https://storage.googleapis.com/keras-applications/"
# Layers of ours that no file of Keras holds.
_OWN: Final = ("head_", "lesion", "logits")


@dataclass(frozen=True)
class WeightsFile:
    """A weights file without the classifier of ImageNet.

    Attributes:
        url: Where Keras publishes it.
        md5: Its digest, as in the source of `keras.applications`.
    """

    url: str
    md5: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[-1]


FILES: Final[dict[str, WeightsFile]] = {
    "vgg16": WeightsFile(
        _TENSORFLOW + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "6d6bbae143d832006294945121d1f1fc",
    ),
    "vgg19": WeightsFile(
        _TENSORFLOW + "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "253f8cb515780f3b799900260a226db6",
    ),
    "resnet50": WeightsFile(
        _TENSORFLOW + "resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "efficientnetb0": WeightsFile(
        _KERAS + "efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d"
    ),
}


def fetch(name: str) -> Path:
    """Return a weights file, downloaded unless Keras's cache (`KERAS_HOME`) holds it.

    Args:
        name: Name in the registry.

    Raises:
        RunError: If there are no ImageNet weights for this architecture.
        DownloadError: If the file can't be reached, or what came is another file.
    """
    if name not in FILES:
        raise RunError(f"--init imagenet is for {', '.join(FILES)}. Received: {name}.")
    file = FILES[name]
    try:
        # Keras draws its bar on stdout, which carries results alone.
        with redirect_stdout(sys.stderr):
            path = keras.utils.get_file(
                file.name, file.url, cache_subdir="models", file_hash=file.md5
            )
    # Keras wraps every failure of the network into a plain Exception.
    except Exception as error:
        raise DownloadError(
            f"--init imagenet fetches {file.url}, which must be reachable unless the folder "
            f"models below KERAS_HOME (usually ~/.keras) holds it. Received: "
            f"{type(error).__name__}: {error}"
        ) from error
    return Path(path)


def _read_layers(path: Path) -> dict[str, list[np.ndarray]]:
    """Read Keras's older HDF5 layout: a group per layer, the order in its attributes."""
    try:
        with h5py.File(path, "r") as stored:
            root = stored.get("model_weights", stored)
            return {
                _text(name): [
                    np.asarray(root[_text(name)][_text(weight)])
                    for weight in root[_text(name)].attrs["weight_names"]
                ]
                for name in root.attrs["layer_names"]
            }
    except (OSError, KeyError) as error:
        raise DownloadError(
            f"{path.name} is a weights file of keras.applications. Received: {error}"
        ) from error


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def load_imagenet(model: keras.Model) -> str:
    """Give the base of a model the weights that Keras trained on ImageNet.

    Args:
        model: From a builder of `core.models`, named as in the registry.

    Returns:
        A sentence for the card about how the training started.

    Raises:
        RunError: If there are no ImageNet weights for this architecture.
        DownloadError: If the file can't be reached, is another file, or doesn't fit.
    """
    path = fetch(model.name)
    stored = _read_layers(path)
    layers = [layer for layer in model.layers if layer.weights and not layer.name.startswith(_OWN)]
    for layer in layers:
        wanted = [tuple(variable.shape) for variable in layer.weights]
        found = [value.shape for value in stored.get(layer.name, [])]
        if wanted != found:
            raise DownloadError(
                f"{path.name} fits {model.name}. Received: {layer.name} of {found or 'nothing'}, "
                f"not {wanted}."
            )
    for layer in layers:
        for variable, value in zip(layer.weights, stored[layer.name], strict=True):
            variable.assign(value)
    return f"ImageNet (keras.applications, {path.name}), the head random"
