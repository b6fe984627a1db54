"""Writes the compiled pass of a published model as an ONNX file, for `core.onnx_pass`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from core.explain.grad_cam import pass_function, target_layer
from core.files import replacing
from core.models import registry
from core.models.card import Card
from core.models.precision import built_in
from core.models.weights import assign_weights
from core.onnx_pass import LAYER

_OPSET: Final = 18


def write_pass(card: Card, tensors: Mapping[str, np.ndarray], gated: bool, path: Path) -> None:
    """Write the pass from prepared slices to logits, Grad-CAMs, lesion map and gate features.

    It computes in float32, and its metadata name the layer that Grad-CAM explains.

    Args:
        card: The model's card.
        tensors: Its weights, as `core.models.weights.read_weights` gives them.
        gated: Whether the features of the gate are wanted.
        path: The file, replaced atomically.

    Raises:
        ModelNotReadyError: If the weights don't fit the card.
        OutputError: If the file can't be written.
    """
    # tf2onnx starts a session of its own, which would tell of devices that aren't there.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tf2onnx

    with built_in("float32"):
        model = registry.build(card.architecture, card.input_size, card.labels, card.head)
    assign_weights(model, tensors)
    layer = target_layer(model)
    function = pass_function(model, layer, gated)
    found, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=_OPSET
    )
    found.metadata_props.add(key=LAYER, value=layer)
    with replacing(path, ".onnx") as temporary:
        temporary.write_bytes(found.SerializeToString())
