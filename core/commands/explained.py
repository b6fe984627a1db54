"""The files that `predict --explain` leaves: an overlay to look at and a map to compute with."""

import re
from pathlib import Path

import numpy as np

from core.files import replacing
from core.imaging.inputs import InputItem
from core.imaging.overlay import overlay, to_png
from core.types import Analysis, Slice

_LONGEST = 60


class ExplanationFolder:
    """Writes an overlay and a map for each record.

    Names come from the file, the slice and the model; the same inputs give the same names.

    Args:
        folder: Where to write; made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[str] = set()

    def save(self, item: InputItem, slice_: Slice, analysis: Analysis) -> dict[str, str]:
        """Write both files for the predicted class.

        Args:
            item: Where the slice came from.
            slice_: The slice.
            analysis: The model's answer with its Grad-CAMs.

        Returns:
            `overlay` and `cam`, the paths written: an RGB PNG, and float32 of the slice's
            height and width, in 0 to 1.

        Raises:
            OutputError: If a file can't be written.
        """
        prediction = analysis.prediction
        cam = analysis.explanations[prediction.predicted].cam
        stem = self._name(item.file, slice_.index, prediction.model)
        picture, values = self.folder / f"{stem}.png", self.folder / f"{stem}.npy"
        with replacing(picture) as temporary:
            temporary.write_bytes(to_png(overlay(slice_.pixels, cam)))
        with replacing(values) as temporary, temporary.open("wb") as file:
            np.save(file, np.asarray(cam, np.float32), allow_pickle=False)
        return {"overlay": str(picture), "cam": str(values)}

    def _name(self, file: str, index: int, model: str) -> str:
        stem = re.split(r"[\\/]", file.rstrip("\\/"))[-1].rsplit(".", 1)[0]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")[:_LONGEST] or "slice"
        name = base = f"{stem}-{index:03d}-{model}"
        number = 1
        # Some file systems don't tell upper from lower case.
        while name.casefold() in self._used:
            number += 1
            name = f"{base}-{number}"
        self._used.add(name.casefold())
        return name
