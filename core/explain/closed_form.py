"""The weights of Grad-CAM in closed form, for networks with the `lesion` head.

Grad-CAM wants the gradient of a logit averaged over all places of the feature map. For pooling
followed by dense layers that average needs no backward pass. With g the gradient of a type's logit
at the pooled vector, moving all places alike moves the attention-pooled vector alike: its softmax
sums to one at every place, so what one place gains in attention another one loses, and the average
is g itself over the number of places. The lesion map adds its filter times the slope of the
evidence, for the same reason.
"""

from collections.abc import Callable
from typing import Any, Final

import keras

from core.models.head import AVERAGE_LAYER, LESION_LAYER, LOGITS_LAYER

HeadPass = Callable[[Any], tuple[dict[str, Any], Any]]
_NORM: Final = "head_norm"
_KIND: Final = frozenset(
    {
        LESION_LAYER,
        AVERAGE_LAYER,
        "head_pooling",
        "head_concat",
        "head_dense",
        "head_dropout",
        "head_types",
        LOGITS_LAYER,
    }
)


def closed_form(head: keras.Model) -> HeadPass | None:
    """Return a pass through a head that gives Grad-CAM's weights beside the outputs.

    Args:
        head: From the explained feature map to the outputs, as `split_at` cuts it.

    Returns:
        A function from a feature map, float32 of shape (batch, rows, columns, channels), to the
        outputs of the head and the weights, float32 of shape (batch, classes, channels); None for
        a head of another kind, whose gradient needs a backward pass.
    """
    layers = {x.name: x for x in head.layers if not isinstance(x, keras.layers.InputLayer)}
    if set(layers) - {_NORM} != _KIND:
        return None

    def run(features: Any) -> tuple[dict[str, Any], Any]:
        x = layers[_NORM](features, training=False) if _NORM in layers else features
        lesion = layers[LESION_LAYER](x)
        vectors = [layers["head_pooling"]([x, lesion]), layers[AVERAGE_LAYER](x)]
        hidden = layers["head_dense"](layers["head_concat"](vectors))
        types = layers["head_types"](hidden)
        outputs = {LOGITS_LAYER: layers[LOGITS_LAYER]([lesion, types]), LESION_LAYER: lesion}
        return outputs, _weights(layers, features, hidden, types)

    return run


def _weights(layers: dict[str, Any], features: Any, hidden: Any, types: Any) -> Any:
    import tensorflow as tf

    shape = tf.shape(features)
    dense, decision = tf.convert_to_tensor(layers["head_dense"].kernel), layers[LOGITS_LAYER]
    # Both halves of the pooled vector, under the lesion map and over the whole, see each place.
    both = tf.add(*tf.split(dense, 2))
    slopes = (
        tf.transpose(tf.convert_to_tensor(layers["head_types"].kernel))
        * tf.cast(hidden > 0, tf.float32)[:, tf.newaxis]
    )
    # The types' logits are log probabilities: each falls where the others rise.
    mean = tf.einsum("bk,bkh->bh", tf.nn.softmax(types), slopes)
    by_type = tf.tensordot(slopes - mean[:, tf.newaxis], both, [[2], [1]])
    filters = tf.convert_to_tensor(layers[LESION_LAYER].kernel)[0, 0, :, 0]
    evidence = 0.5 * tf.convert_to_tensor(decision.scale) * filters
    by_type += evidence
    before, after = by_type[:, : decision.position], by_type[:, decision.position :]
    no_tumour = tf.broadcast_to(-evidence, (shape[0], 1, filters.shape[0]))
    weights = tf.concat([before, no_tumour, after], axis=1)
    weights /= tf.cast(shape[1] * shape[2], tf.float32)
    if _NORM not in layers:
        return weights
    norm = layers[_NORM]
    spread = tf.sqrt(tf.convert_to_tensor(norm.moving_variance) + norm.epsilon)
    return weights * tf.convert_to_tensor(norm.gamma) / spread
