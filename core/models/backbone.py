"""The bases of `keras.applications`, laid flat: what they expect of a slice is in the graph."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from core.models.cnn import BATCH_NORM_MOMENTUM
from core.models.head import attach_head

# Standardised slices have mean 0 and standard deviation 1; photographs, on which the bases were
# trained, spread over about 58 of 255 grey levels around 118.
_GREY_SPREAD = 58.0
_GREY_MEAN = 118.0
# Means of the ImageNet channels in BGR order, as Caffe's VGG subtracts them
# (Simonyan & Zisserman 2015, arXiv 1409.1556).
_BGR_MEANS = (103.939, 116.779, 123.68)
# EfficientNet's own standardisation of the channels, in RGB order and 0 to 1.
_RGB_MEANS = (0.485, 0.456, 0.406)
_RGB_DEVIATIONS = (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable("glialens")
class ImageNetInput(layers.Layer):
    """Turns a standardised slice into what an ImageNet base expects.

    Args:
        mode: `caffe` (BGR, 0 to 255, mean subtracted: VGG, ResNet50) or `raw` (0 to 255, the
            base normalises by itself: EfficientNet).

    Call arguments:
        inputs: float tensor of shape (batch, rows, columns, 1), mean 0, deviation 1.

    Returns:
        float tensor of shape (batch, rows, columns, 3).
    """

    def __init__(self, mode: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("caffe", "raw"):
            raise ValueError(f"mode is 'caffe' or 'raw'. Received: {mode!r}.")
        self.mode = mode

    def call(self, inputs: Any) -> Any:
        """Replicate the channel and move it to the base's range."""
        grey = inputs * _GREY_SPREAD + _GREY_MEAN
        # All three channels are the same grey, so the order matters for the means alone.
        colour = ops.repeat(grey, 3, axis=-1)
        if self.mode == "raw":
            return colour
        return colour - ops.cast(ops.convert_to_tensor(_BGR_MEANS), colour.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Replace the channel by three."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this layer."""
        return {**super().get_config(), "mode": self.mode}


def caffe_mixture() -> npt.NDArray[np.float32]:
    """Return the weights with which `ImageNetInput`'s caffe channels give the slice back.

    Returns:
        float32 of shape (3,): the shortest vector that undoes the spread and in which the
        channels' different shifts cancel, so that zero padding stays zero as well.
    """
    shifts = _GREY_MEAN - np.array(_BGR_MEANS)
    rules = np.stack([np.full(3, _GREY_SPREAD), shifts])
    return np.asarray(np.linalg.pinv(rules) @ np.array([1.0, 0.0]), np.float32)


def _own_layer(layer: layers.Layer) -> layers.Layer:
    """Copy a layer of a base with a fixed name and the settings that training here needs."""
    config = layer.get_config()
    if isinstance(layer, layers.Normalization):
        # Its statistics would be weights that a plain assignment doesn't reach.
        return layers.Normalization(
            mean=_RGB_MEANS,
            variance=[value**2 for value in _RGB_DEVIATIONS],
            name="normalization",
            dtype=config["dtype"],
        )
    if isinstance(layer, layers.Rescaling):
        # Keras counts the unnamed layers of a process; names of weights must not depend on it.
        config["name"] = "rescaling"
    if isinstance(layer, layers.BatchNormalization):
        config["momentum"] = BATCH_NORM_MOMENTUM
    copy = type(layer).from_config(config)
    if type(layer) is layers.Conv2D and isinstance(
        layer.kernel_initializer, keras.initializers.GlorotUniform
    ):
        # Glorot's variance halves with every ReLU (He et al. 2015, arXiv 1502.01852).
        copy.kernel_initializer = keras.initializers.HeNormal()
    return copy


def flat_base(application: Callable[..., keras.Model], mode: str, size: int | None) -> keras.Model:
    """Build a base of `keras.applications` from a one-channel slice, every layer within reach.

    Args:
        application: Such as `keras.applications.VGG16`.
        mode: Mode of `ImageNetInput`.
        size: Side of the input in pixels, or None for any multiple of 32.

    Returns:
        A model from float32 (batch, size, size, 1), standardised, to the base's last map,
        with random weights: He's initialisation where Keras would take Glorot's.
    """
    inputs = keras.Input((size, size, 1), name="slice")
    # With `input_tensor` the base joins this graph; weights are loaded by name afterwards. Grey
    # levels around 118 are whole numbers in bfloat16, so the input stays in float32.
    base = application(
        include_top=False,
        weights=None,
        input_tensor=ImageNetInput(mode, name="imagenet", dtype="float32")(inputs),
    )
    return keras.models.clone_model(base, clone_function=_own_layer)


def with_head(
    base: keras.Model, features: Any, name: str, labels: Sequence[str], head: str, dropout: float
) -> keras.Model:
    """Put a head of `core.models.head` on a map of a base.

    Args:
        base: From `flat_base`.
        features: A Keras tensor of the base, (batch, rows, columns, channels).
        name: Name of the model.
        labels: Class keys in output order.
        head: See `core.models.head`; for `fine` the map must be fine already.
        dropout: Rate in the head.
    """
    # The activations of a plain base have no fixed scale; the head needs one.
    features = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="head_norm")(features)
    outputs = attach_head(features, labels, kind=head, width=256, dropout=dropout)
    return keras.Model(base.inputs[0], outputs, name=name)
