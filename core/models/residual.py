"""ResNet50 and EfficientNetB0, laid flat in one graph like the VGGs.

He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv 1512.03385; Tan & Le
2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv
1905.11946.
"""

from collections.abc import Sequence

import keras

from core.errors import RunError
from core.models.backbone import flat_base, with_head


def build_resnet50(
    size: int | None, labels: Sequence[str], *, head: str = "lesion", dropout: float = 0.5
) -> keras.Model:
    """Build ResNet50 with a head of our own on its last map, at 1/32 of the input's side.

    Args:
        size: Side of the input in pixels, or None for any multiple of 32.
        labels: Class keys in output order.
        head: `lesion` or `average`; these have no `fine` one.
        dropout: Rate in the head, in 0 to 1.

    Returns:
        A model from float32 (batch, size, size, 1), standardised, to the outputs of
        `core.models.head.attach_head`.

    Raises:
        RunError: If the head is `fine`.
    """
    _check_head("resnet50", head)
    base = flat_base(keras.applications.ResNet50, "caffe", size)
    return with_head(base, base.output, "resnet50", labels, head, dropout)


def build_efficientnetb0(
    size: int | None, labels: Sequence[str], *, head: str = "lesion", dropout: float = 0.5
) -> keras.Model:
    """Build EfficientNetB0 with a head of our own on its last map; see `build_resnet50`."""
    _check_head("efficientnetb0", head)
    base = flat_base(keras.applications.EfficientNetB0, "raw", size)
    return with_head(base, base.output, "efficientnetb0", labels, head, dropout)


def _check_head(name: str, head: str) -> None:
    if head == "fine":
        raise RunError(f"--head fine is for cnn, vgg16 and vgg19. Received: {name}.")
