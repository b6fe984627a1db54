"""What the parsers of DICOM and NIfTI return, in a form that can cross a process border."""

from dataclasses import dataclass, fields
from typing import Any

from core.errors import UnreadableError
from core.types import FloatArray


def check_volume(volume: int, volumes: int = 1) -> None:
    """Refuse a volume that a file doesn't hold; a picture and a DICOM file hold one.

    Args:
        volume: Which one, from 0.
        volumes: How many there are.

    Raises:
        UnreadableError: With numbers from 1, as people count.
    """
    if not 0 <= volume < volumes:
        raise UnreadableError(
            f"The volume's number lies from 1 to {volumes}. Received: {volume + 1}."
        )


@dataclass(frozen=True, eq=False)
class Parsed:
    """Grey values of one file with the little that is kept from its header.

    Attributes:
        voxels: float32 of shape (frames or depth, height, width), in 0 to 1.
        spacing: Millimetres along the three axes.
        notes: Sentences that a person should see.
        colourful: As `core.types.Slice.colourful`.
        spatial: Whether the first axis is a direction in space.
        volumes: How many volumes the file holds (4-D NIfTI).
    """

    voxels: FloatArray
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    notes: tuple[str, ...] = ()
    colourful: float = 0.0
    spatial: bool = False
    volumes: int = 1

    def meta(self) -> dict[str, Any]:
        """Return everything but the voxels, ready for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "voxels"}

    @classmethod
    def from_meta(cls, voxels: FloatArray, meta: dict[str, Any]) -> "Parsed":
        """Put back together what `meta` took apart."""
        tuples = {key: tuple(value) for key, value in meta.items() if isinstance(value, list)}
        return cls(voxels=voxels, **(meta | tuples))
