"""One slice through ONNX Runtime: faster than TensorFlow for a small network, and without it.

TensorFlow writes the compiled pass of a published model (logits, Grad-CAM of every class, lesion
map, features of the gate) to an ONNX file once; from then on neither it nor Keras is loaded. What
this saves is on the page `docs/performance.md`. Large networks keep TensorFlow, which multiplies
bfloat16 where the processor does.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from core import __version__
from core.errors import ModelNotReadyError
from core.packages import require
from core.settings import get_settings
from core.types import FloatArray

if TYPE_CHECKING:
    from core.models.card import Card

LIMIT: Final = 5_000_000
"""Most parameters of a network for which ONNX Runtime was measured to be worth it."""
LAYER: Final = "glialens_layer"
"""Key of the file's metadata: the layer that Grad-CAM explains."""
_PACKAGES: Final = ("onnxruntime", "tf2onnx", "onnx")


def wanted(card: "Card") -> bool:
    """Return whether the settings and a model's size ask for ONNX Runtime."""
    small = int(card.raw.get("parameters") or 0) <= LIMIT
    return get_settings().runtime == "onnxruntime" and small


def pass_file(card: "Card", gated: bool) -> Path:
    """Return where the compiled pass of a model is kept; another name for other weights."""
    facts = (card.sha256, card.architecture, card.input_size, card.labels, card.head, gated)
    digest = sha256(repr((*facts, __version__)).encode()).hexdigest()[:20]
    return get_settings().runs_dir / ".cache" / f"{card.architecture}-{digest}.onnx"


def is_ready(card: "Card") -> bool:
    """Return whether a model answers without TensorFlow: asked for, and written before."""
    return wanted(card) and pass_file(card, "gate" in card.raw).exists()


def open_pass(card: "Card", folder: Path, gated: bool) -> "OnnxPass":
    """Open the pass of a published model, writing it first where there is none yet.

    Args:
        card: The model's card.
        folder: Its folder, with the weights.
        gated: Whether it has a gate, whose features are wanted, too.

    Raises:
        MissingPackageError: If ONNX Runtime, or what writes the file, isn't installed.
        ModelNotReadyError: If weights or file are damaged.
        OutputError: If the file can't be written.
    """
    file = pass_file(card, gated)
    packages = _PACKAGES[: 1 if file.exists() else None]
    require(packages, "requirements-onnxruntime.txt", "GLIALENS_RUNTIME=onnxruntime")
    from core.models.weights import read_weights

    tensors = read_weights(folder / "weights.safetensors", card.sha256)
    if not file.exists():
        from core.explain.onnx_export import write_pass

        write_pass(card, tensors, gated, file)
    return OnnxPass(file)


class OnnxPass:
    """The compiled pass of one model in ONNX Runtime, with one thread per core.

    Calls may come from several threads.

    Args:
        file: What `core.explain.onnx_export.write_pass` wrote.

    Raises:
        ModelNotReadyError: If ONNX Runtime can't open it.
    """

    precision: str = "float32, onnxruntime"

    def __init__(self, file: Path) -> None:
        import onnxruntime as ort
        from onnxruntime.capi import onnxruntime_pybind11_state as faults

        options = ort.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        try:
            self._session = ort.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except (faults.Fail, faults.InvalidProtobuf, faults.InvalidGraph, faults.NoSuchFile) as e:
            raise ModelNotReadyError(
                "A compiled pass is an ONNX file that GliaLens wrote; remove it, and it is written "
                f"anew. Received: {file.name}, which ONNX Runtime can't open."
            ) from e
        self.layer = str(self._session.get_modelmeta().custom_metadata_map[LAYER])
        self._outputs = [output.name for output in self._session.get_outputs()]

    def full(self, images: FloatArray) -> tuple[FloatArray, ...]:
        """Return what `core.explain.grad_cam.full_pass` returns, or without a gate `fused_pass`.

        Args:
            images: float32 of shape (batch, size, size, 1), standardised.
        """
        found = self._run(images)
        features = (found["depths"],) if "depths" in found else ()
        return found["logits"], found["maps"], found.get("lesion"), *features

    def forward(self, images: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return what `core.explain.features.forward_pass` returns."""
        found = self._run(images)
        return found["logits"], found.get("depths")

    def _run(self, images: FloatArray) -> dict[str, FloatArray]:
        values = self._session.run(
            self._outputs, {"slice": np.ascontiguousarray(images, np.float32)}
        )
        return dict(zip(self._outputs, values, strict=True))
