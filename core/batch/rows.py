"""One line of a batch: a slice with its answer, or a file with what is wrong with it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from core.data.phantom import SYNTHETIC
from core.types import Prediction, Slice

THUMBNAIL_SIDE: Final = 64
"""Longer side of a thumbnail in pixels."""
_QUALITY: Final = 80


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a batch; it holds a thumbnail, never the pixels.

    Attributes:
        file: A safe path for display.
        source: Position of the upload that it came from.
        member: Path in the zip as written there, not safe to show; empty outside a zip.
        slice: Position within its file, from 0.
        slices: How many slices its file holds; 0 for a file that could not be read.
        label: Key of the class that its folder names; None if it names none.
        prediction: The model's answer; None where there is an error.
        error: What is wrong with the file; None where there is an answer.
        thumbnail: JPEG, grey, at most `THUMBNAIL_SIDE` pixels a side; empty with an error.
        synthetic: Whether GliaLens drew the slice itself.
    """

    file: str
    source: int
    member: str = ""
    slice: int = 0
    slices: int = 0
    label: str | None = None
    prediction: Prediction | None = None
    error: str | None = None
    thumbnail: bytes = b""
    synthetic: bool = False

    @property
    def answered(self) -> bool:
        """Whether there is an answer that means something: read, and of a known kind."""
        return self.prediction is not None and self.prediction.in_domain is not False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should read beside the answer: first of all that it is about a drawing."""
        drawn = (SYNTHETIC,) if self.synthetic else ()
        warnings = () if self.prediction is None else self.prediction.warnings
        return tuple(dict.fromkeys((*drawn, *warnings)))

    @property
    def correct(self) -> bool | None:
        """Whether the answer is the folder's class; None without a label or an answer."""
        if self.label is None or self.prediction is None or not self.answered:
            return None
        return self.prediction.predicted == self.label


def thumbnail(slice_: Slice) -> bytes:
    """Return a slice as a small JPEG."""
    height, width = slice_.shape
    scale = min(1.0, THUMBNAIL_SIDE / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(slice_.pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.rint(np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(encoded.tobytes())
