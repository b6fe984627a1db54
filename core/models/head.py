"""From the last feature map to logits.

Two heads, one of them on either of two maps. `average` is the textbook one: global average
pooling, a dense layer, dropout, logits. `lesion` decides tumour or not from a heat map of lesion
evidence, and the type from features pooled under that map (attention pooling, Ilse et al. 2018,
arXiv 1802.04712). The map is trained on tumour boxes where there are any, so that the network is
right for the right reasons (Ross et al. 2017, arXiv 1703.03717), not because it knows a scanner.
`fine` is the `lesion` head on a map of twice the resolution, which the builder makes
(`core.models.fine`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from core.labels import NO_TUMOUR
from core.models.card import HEADS

LESION_LAYER = "lesion"
LOGITS_LAYER = "logits"
AVERAGE_LAYER = "head_average"


@keras.saving.register_keras_serializable("glialens")
class LesionPooling(layers.Layer):
    """Pools a feature map under its lesion map.

    Call arguments:
        inputs: `[features, lesion]`, float tensors of shape (batch, rows, columns, channels)
            and (batch, rows, columns, 1).

    Returns:
        float32 of shape (batch, channels): the mean feature, weighted by the softmax of the
        lesion map over all positions.
    """

    def call(self, inputs: list[Any]) -> Any:
        """Weigh every position by its share of the lesion evidence."""
        features, lesion = (ops.cast(x, "float32") for x in inputs)
        shape = ops.shape(lesion)
        attention = ops.softmax(ops.reshape(lesion, (shape[0], -1)), axis=-1)
        attention = ops.reshape(attention, shape)
        return ops.sum(features * attention, axis=(1, 2))


@keras.saving.register_keras_serializable("glialens")
class LesionDecision(layers.Layer):
    """Joins "is there a tumour" and "of which type" into one vector of logits.

    The evidence t is the log of the mean of exp(lesion map), scaled and shifted by two learned
    numbers; P(tumour) = sigmoid(t), and P(type) = P(tumour) * softmax(types).

    Args:
        position: Index of the no-tumour class among the outputs.
    """

    def __init__(self, position: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.position = position

    def build(self, input_shape: Any) -> None:
        """Create the scale and the shift of the evidence."""
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

    def call(self, inputs: list[Any]) -> Any:
        """Return float32 logits of shape (batch, classes)."""
        lesion, types = (ops.cast(x, "float32") for x in inputs)
        flat = ops.reshape(lesion, (ops.shape(lesion)[0], -1))
        cells = ops.cast(ops.shape(flat)[1], "float32")
        evidence = ops.logsumexp(flat, axis=-1, keepdims=True) - ops.log(cells)
        # Half on each side, so that the no-tumour logit has a gradient to explain, too.
        half = 0.5 * (self.scale * evidence + self.shift)
        tumour = half + ops.log_softmax(types, axis=-1)
        before, after = tumour[:, : self.position], tumour[:, self.position :]
        return ops.concatenate([before, -half, after], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        """Add the no-tumour class to the number of types."""
        return (input_shape[1][0], input_shape[1][1] + 1)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this layer."""
        return {**super().get_config(), "position": self.position}


def attach_head(
    features: Any,
    labels: Sequence[str],
    *,
    kind: str = "lesion",
    width: int = 128,
    dropout: float = 0.4,
) -> dict[str, Any]:
    """Build a head on a feature map.

    Args:
        features: Keras tensor of shape (batch, rows, columns, channels).
        labels: Class keys in output order. Without a no-tumour class the `lesion` head only
            chooses the type.
        kind: `lesion`, `fine` (the same, on a map that is fine already) or `average`.
        width: Units of the fully connected layer.
        dropout: Rate before the last layer, in 0 to 1.

    Returns:
        `logits`: (batch, classes), float32; but for the `average` head also `lesion`:
        (batch, rows, columns, 1), float32, the logit of "there is a lesion here".

    Raises:
        ValueError: If `kind` is unknown.
    """
    if kind not in HEADS:
        raise ValueError(f"A head is one of {', '.join(HEADS)}. Received: {kind!r}.")
    context = layers.GlobalAveragePooling2D(name=AVERAGE_LAYER, dtype="float32")(features)
    if kind == "average":
        hidden = layers.Dense(width, activation="relu", name="head_dense", dtype="float32")(context)
        hidden = layers.Dropout(dropout, name="head_dropout", dtype="float32")(hidden)
        return {LOGITS_LAYER: layers.Dense(len(labels), name=LOGITS_LAYER, dtype="float32")(hidden)}
    lesion = layers.Conv2D(1, 1, name=LESION_LAYER, dtype="float32", bias_initializer="zeros")(
        features
    )
    pooled = LesionPooling(name="head_pooling", dtype="float32")([features, lesion])
    hidden = layers.Concatenate(name="head_concat", dtype="float32")([pooled, context])
    hidden = layers.Dense(width, activation="relu", name="head_dense", dtype="float32")(hidden)
    hidden = layers.Dropout(dropout, name="head_dropout", dtype="float32")(hidden)
    if NO_TUMOUR not in labels or len(labels) < 2:
        types = layers.Dense(len(labels), name=LOGITS_LAYER, dtype="float32")(hidden)
        return {LOGITS_LAYER: types, LESION_LAYER: lesion}
    types = layers.Dense(len(labels) - 1, name="head_types", dtype="float32")(hidden)
    logits = LesionDecision(list(labels).index(NO_TUMOUR), name=LOGITS_LAYER, dtype="float32")(
        [lesion, types]
    )
    return {LOGITS_LAYER: logits, LESION_LAYER: lesion}


def head_input(model: keras.Model) -> Any:
    """Return the Keras tensor at which the head of a model begins.

    Args:
        model: A model with a head of `attach_head`.
    """
    return _walk_back(model, lambda layer: layer.name.startswith("head_"))


def features_layer(model: keras.Model) -> str:
    """Name the last layer before the head that is no pooling: what Grad-CAM explains.

    Args:
        model: A model with a head of `attach_head`.
    """
    tensor = _walk_back(
        model,
        lambda layer: layer.name.startswith("head_") or isinstance(layer, layers.MaxPooling2D),
    )
    return str(next(layer.name for layer in model.layers if layer.output is tensor))


def _walk_back(model: keras.Model, beside: Callable[[layers.Layer], bool]) -> Any:
    """Go from the head's average towards the slice, past the layers that don't count."""
    producers = {id(layer.output): layer for layer in model.layers}
    tensor = model.get_layer(AVERAGE_LAYER).input
    while beside(producers[id(tensor)]):
        tensor = producers[id(tensor)].input
    return tensor
