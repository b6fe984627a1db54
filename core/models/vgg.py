"""VGG16 and VGG19, laid flat in one graph so that every layer can be reached.

Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015, arXiv 1409.1556.
"""

from collections.abc import Sequence

import keras

from core.models.backbone import flat_base, with_head
from core.models.cnn import BATCH_NORM_MOMENTUM
from core.models.fine import refine


def _build(
    name: str, size: int | None, labels: Sequence[str], head: str, dropout: float
) -> keras.Model:
    application = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[name]
    base = flat_base(application, "caffe", size)
    last = base.get_layer("block5_conv3" if name == "vgg16" else "block5_conv4").output
    if head == "fine":
        sharp = base.get_layer("block4_conv3" if name == "vgg16" else "block4_conv4").output
        last = refine(last, sharp, BATCH_NORM_MOMENTUM)
    return with_head(base, base.output if head == "average" else last, name, labels, head, dropout)


def build_vgg16(
    size: int | None, labels: Sequence[str], *, head: str = "lesion", dropout: float = 0.5
) -> keras.Model:
    """Build VGG16's thirteen convolutions with a head of our own.

    Args:
        size: Side of the input in pixels, or None for any multiple of 32.
        labels: Class keys in output order.
        head: `lesion` (on `block5_conv3`), `fine` (on it and `block4_conv3`) or `average` (after
            `block5_pool`).
        dropout: Rate in the head, in 0 to 1.

    Returns:
        A model from float32 (batch, size, size, 1), standardised, to the outputs of
        `core.models.head.attach_head`.
    """
    return _build("vgg16", size, labels, head, dropout)


def build_vgg19(
    size: int | None, labels: Sequence[str], *, head: str = "lesion", dropout: float = 0.5
) -> keras.Model:
    """Build VGG19's sixteen convolutions with a head of our own; see `build_vgg16`."""
    return _build("vgg19", size, labels, head, dropout)
