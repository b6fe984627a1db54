"""The mean answer to a slice and its mirror image, so that left and right don't matter.

Test-time augmentation by reflection (Simonyan & Zisserman 2015, arXiv 1409.1556, section 3.2):
the same disease on the other side is the same disease, and readers of files disagree about which
side is left. A network only learns that by and by; averaged, it holds exactly.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from core.types import FloatArray

if TYPE_CHECKING:
    from core.predictor import CompiledPass


def mirrored(images: FloatArray) -> FloatArray:
    """Return slices or maps, (batch, rows, columns, ...), with left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def mean_maps(maps: FloatArray, others: FloatArray) -> FloatArray:
    """Average the maps of slices with those of their mirror images.

    Args:
        maps: float32 of shape (batch, ..., rows, columns), each in 0 to 1.
        others: The maps of the mirror images, of the same shape.

    Returns:
        float32 of the same shape; the peak of each is 1, or the map 0 everywhere.
    """
    mean = (maps + others[..., ::-1]) / 2
    peak = mean.max(axis=(-2, -1), keepdims=True)
    return np.asarray(np.divide(mean, peak, out=np.zeros_like(mean), where=peak > 0), np.float32)


class MirroredPass:
    """A compiled pass that sees each slice twice, in one batch; see `CompiledPass`.

    The gate judges the slice as it is: it asks for its kind, not for its finding.

    Args:
        inner: The pass of the network itself.
    """

    def __init__(self, inner: "CompiledPass") -> None:
        self._inner = inner
        self.layer, self.precision = inner.layer, inner.precision

    def full(self, images: FloatArray) -> tuple[Any, ...]:
        """Return mean logits, maps and lesion map, and perhaps the features of the gate."""
        logits, maps, lesion, *features = self._inner.full(_both(images))
        count = len(images)
        if lesion is not None:
            lesion = (lesion[:count] + lesion[count:, :, ::-1]) / 2
        return (
            _mean(logits, count),
            mean_maps(maps[:count], maps[count:]),
            lesion,
            *(values[:count] for values in features),
        )

    def forward(self, images: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return mean logits, and the gate's features or None."""
        logits, features = self._inner.forward(_both(images))
        count = len(images)
        return _mean(logits, count), None if features is None else features[:count]


def _both(images: FloatArray) -> FloatArray:
    return np.concatenate([images, mirrored(images)])


def _mean(logits: FloatArray, count: int) -> FloatArray:
    return np.asarray((logits[:count] + logits[count:]) / 2, np.float32)
