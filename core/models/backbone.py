"""What pretrained bases expect of their input, inside the graph."""

from typing import Any

import keras
from keras import layers, ops

# Standardised slices have mean 0 and standard deviation 1; photographs, on which the bases were
# trained, spread over about 58 of 255 grey levels around 118.
_GREY_SPREAD = 58.0
_GREY_MEAN = 118.0
# Means of the ImageNet channels in BGR order, as Caffe's VGG subtracts them
# (Simonyan & Zisserman 2015, arXiv 1409.1556).
_BGR_MEANS = (103.939, 116.779, 123.68)


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
