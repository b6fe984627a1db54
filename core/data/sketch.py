"""Rule pairs of thumbnails out by a few numbers each, without ever ruling out a twin.

In an orthonormal basis a dot product is the sum over the coordinates that are kept and those that
are left out, and the latter sum is at most the product of the lengths left out (Cauchy and
Schwarz). Kept are the low frequencies of the cosine transform, which hold nearly all of a head's
variance, so that the bound lies close above the correlation.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from core.types import ByteArray, FloatArray

KEPT: Final = 12
# Rounding of float32 over 2,304 terms stays far below this.
_SLACK: Final = 1e-3
_CHUNK: Final = 1 << 16


@dataclass(frozen=True, eq=False)
class Sketches:
    """What bounds the correlation of pairs from above.

    Attributes:
        low: float32 of shape (n, crops, KEPT²), low frequencies of the unit vectors.
        rest: float32 of shape (n, crops), length of what was left out, 0 to 1.
    """

    low: FloatArray
    rest: FloatArray

    def may_exceed(
        self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], threshold: float
    ) -> npt.NDArray[np.bool_]:
        """Say which pairs may have a correlation above the threshold in one of their crops.

        Args:
            first: int64 of shape (pairs,).
            second: int64 of shape (pairs,).
            threshold: The correlation.

        Returns:
            bool of shape (pairs,); False only where no crop's correlation exceeds it.
        """
        out = np.empty(len(first), np.bool_)
        for start in range(0, len(first), _CHUNK):
            part = slice(start, start + _CHUNK)
            one, other = first[part], second[part]
            bound = np.einsum("ick,ick->ic", self.low[one], self.low[other])
            bound += self.rest[one] * self.rest[other]
            out[part] = (bound > threshold - _SLACK).any(axis=1)
        return out


def sketch(thumbs: ByteArray) -> Sketches:
    """Sketch thumbnails.

    Args:
        thumbs: uint8 of shape (n, crops, side, side), with an even side.

    Returns:
        Their sketches; a flat thumbnail's are zeros, as its correlation with any other is.
    """
    low = np.zeros((*thumbs.shape[:2], KEPT * KEPT), np.float32)
    rest = np.zeros(thumbs.shape[:2], np.float32)
    for position in np.ndindex(*thumbs.shape[:2]):
        values = thumbs[position].astype(np.float32)
        values -= values.mean()
        length = float(np.linalg.norm(values))
        if length > 1e-3:
            kept = cv2.dct(values / length)[:KEPT, :KEPT].ravel()
            low[position] = kept
            rest[position] = np.sqrt(max(1.0 - float(kept @ kept), 0.0))
    return Sketches(low, rest)
