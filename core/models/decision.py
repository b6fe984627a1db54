"""Moving a trained model's line between tumour and no tumour."""

import keras
import numpy as np

from core.models.head import LOGITS_LAYER, LesionDecision


def shift_no_tumour(model: keras.Model, position: int, amount: float) -> None:
    """Raise the no-tumour logit against the others, in the weights themselves.

    Args:
        model: A model with a head of `core.models.head`.
        position: Index of the no-tumour class among the outputs.
        amount: What the difference of no-tumour to every other logit grows by.
    """
    layer = model.get_layer(LOGITS_LAYER)
    if isinstance(layer, LesionDecision):
        # The evidence counts half for the tumours and half against no tumour.
        layer.shift.assign_sub(amount)
        return
    step = np.zeros(tuple(layer.bias.shape), np.float32)
    step[position] = amount
    layer.bias.assign_add(step)
