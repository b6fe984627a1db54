"""How a training starts: random, from photographs, from published weights or from another run."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from core.errors import RunError
from core.models.fine import FINE_LAYER, widened
from core.models.grow import GROWTH, grow
from core.models.head import LESION_LAYER
from core.models.hed import load_hed
from core.models.imagenet import load_imagenet
from core.models.weights import transfer_weights
from core.models.widen import widen
from core.training.config import STARTS
from core.training.stored import read_stored


def initialise(model: keras.Model, init: str) -> str:
    """Give a freshly built model its starting weights.

    Where the classes differ from the donor's, the layers that name them stay new. A VGG19
    grows from a VGG16 by identity convolutions, and a VGG16 holds the small network in its first
    channels; both compute the same at first.

    Args:
        model: The model, already holding random weights.
        init: `random`, `imagenet`, `hed` (VGG16 alone), or the path of a published model (with
            `card.json`) or of a run (with `best.weights.h5`).

    Returns:
        A sentence for the card about how the training started.

    Raises:
        RunError: If `init` is none of these, or no convolution of it fits the model.
        DownloadError: If the ImageNet weights can't be fetched, or HED's are others.
        MissingPackageError: If HED's package isn't installed.
        ModelNotReadyError: If the published weights are damaged.
    """
    if init == "random":
        return "random (He initialisation)"
    if init == "imagenet":
        return load_imagenet(model)
    if init == "hed":
        return load_hed(model)
    stored = read_stored(Path(init), f"--init is {', '.join(STARTS)}, or")
    architecture, tensors, origin = stored.architecture, stored.tensors, stored.origin
    fine = any(layer.name == FINE_LAYER for layer in model.layers)
    if (architecture, model.name) == ("cnn", "vgg16") and LESION_LAYER in model.output:
        if fine:
            raise RunError(
                "A VGG16 starts from the small network with --head lesion. Received: --head fine."
            )
        if stored.head != "lesion":
            raise RunError(
                "A VGG16 starts from a small network whose head is lesion. "
                f"Received: {origin}, whose head is {stored.head}."
            )
        taken, total = widen(model, tensors)
        return (
            f"{origin}, {taken} of {total} layers taken over, its filters the first channels of "
            "each block, the others new (after Net2Net, arXiv 1511.05641)"
        )
    if fine and stored.head == "lesion":
        tensors, origin = widened(tensors), f"{origin}, now with a map of twice the resolution"
    new = GROWTH.get((architecture, model.name), ())
    if new:
        taken, total = grow(model, architecture, tensors)
        return (
            f"{origin}, {taken} of {total} weights taken over, grown by {len(new)} identity "
            "convolutions (Net2DeeperNet, arXiv 1511.05641)"
        )
    if not _shares_a_convolution(model, tensors):
        raise RunError(f"--init must fit the architecture. Received: {origin}, which doesn't.")
    taken, total = transfer_weights(model, tensors)
    return f"{origin}, {taken} of {total} weights taken over"


def _shares_a_convolution(model: keras.Model, tensors: Mapping[str, np.ndarray]) -> bool:
    """Say whether a kernel of the base can be taken over.

    Biases and scalars of the head fit any base, and so do the inner kernels of the fine map.
    """
    return any(
        variable.path in tensors and tensors[variable.path].shape == tuple(variable.shape)
        for variable in model.weights
        if len(variable.shape) == 4 and not variable.path.startswith((LESION_LAYER, FINE_LAYER))
    )
