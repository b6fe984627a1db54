"""A model's passes, compiled by TensorFlow."""

import keras

from core.explain.features import forward_pass
from core.explain.grad_cam import full_pass, fused_pass, target_layer


class TensorFlowPass:
    """Both passes of one model; see `core.predictor.CompiledPass`.

    Args:
        model: With its weights in place.
        gated: Whether the features of the gate are wanted.
    """

    def __init__(self, model: keras.Model, gated: bool) -> None:
        self.layer = target_layer(model)
        self.precision = str(model.dtype_policy.name)
        self.full = (full_pass if gated else fused_pass)(model, self.layer)
        self.forward = forward_pass(model, gated)
