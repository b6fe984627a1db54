"""Moving lesions between slices, so that origin and class disagree in training.

After TumorCP (Yang et al. 2021, arXiv 2107.09843) and CarveMix (Zhang et al. 2021, arXiv
2108.06883): a boxed tumour is pasted into a tumour-free slice of another origin, with a soft
irregular mask and matched intensities. The reverse as well: a tumour gives way to the mirrored
other half of a symmetric slice.
"""

from math import cos, hypot, radians, sin
from typing import NamedTuple

import cv2
import numpy as np

from core.training.augment import Box
from core.types import ByteArray, FloatArray

_TRIES = 12
_SYMMETRY = 0.8


class Pasted(NamedTuple):
    """A slice with a lesion that was moved into it.

    Attributes:
        image: uint8 of shape (size, size).
        box: The lesion's box, as fractions of the side, before it was turned.
        turn: float32 of shape (2, 3), which turns pixels about the lesion's centre as it was.
    """

    image: ByteArray
    box: Box
    turn: FloatArray


def _direction(angle: float) -> tuple[float, float]:
    """Return cosine and sine of an angle in degrees."""
    return cos(radians(angle)), sin(radians(angle))


def _irregular_ellipse(
    size: int,
    centre: tuple[float, float],
    axes: tuple[float, float],
    rng: np.random.Generator,
    angle: float = 0.0,
) -> FloatArray:
    """Draw a soft mask, float32 (size, size) in 0 to 1, about an ellipse given in pixels.

    The angle is in degrees, anticlockwise as OpenCV's.
    """
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    across, down = columns - centre[0], rows - centre[1]
    cosine, sine = _direction(angle)
    radius = np.sqrt(
        ((cosine * across - sine * down) / max(axes[0], 1.5)) ** 2
        + ((sine * across + cosine * down) / max(axes[1], 1.5)) ** 2
    )
    wobble = cv2.resize(
        rng.normal(0.0, 0.12, (6, 6)).astype(np.float32),
        (size, size),
        interpolation=cv2.INTER_CUBIC,
    )
    softness = float(rng.uniform(0.08, 0.3))
    return np.clip((1.1 - radius + wobble) / softness, 0.0, 1.0).astype(np.float32)


def _local_statistics(image: FloatArray, mask: FloatArray) -> tuple[float, float]:
    """Return mean and spread of the tissue in a ring around a mask."""
    ring = cv2.dilate(mask, np.ones((9, 9), np.uint8)) - mask
    values = image[(ring > 0.3) & (image > 12)]
    if values.size < 8:
        values = image[image > 12]
    if values.size < 8:
        return 64.0, 24.0
    return float(values.mean()), float(max(values.std(), 4.0))


def _place(
    recipient: ByteArray, axes: tuple[float, float], rng: np.random.Generator
) -> tuple[float, float] | None:
    """Find a centre, in pixels, whose surroundings lie inside the head."""
    size = recipient.shape[0]
    tissue = cv2.blur((recipient > 14).astype(np.float32), (7, 7))
    for _ in range(_TRIES):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1)) * 0.34 * size
        x, y = size / 2 + reach * np.cos(angle), size / 2 + reach * np.sin(angle)
        corners = [(x + dx * axes[0], y + dy * axes[1]) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        if all(
            0 <= a < size and 0 <= b < size and tissue[int(b), int(a)] > 0.5 for a, b in corners
        ):
            return float(x), float(y)
    return None


def paste(
    donor: ByteArray,
    box: Box,
    recipient: ByteArray,
    rng: np.random.Generator,
    small: float = 0.0,
) -> Pasted | None:
    """Paste what lies in a donor's box into another slice.

    The patch keeps its contrast against its own surroundings, rescaled to the spread of the
    recipient's tissue, so that it does not carry the donor's scanner along.

    Args:
        donor: uint8 of shape (size, size).
        box: `x_center, y_center, width, height` as fractions of the side.
        recipient: uint8 of the same shape.
        rng: Source of randomness.
        small: Probability that the lesion is shrunk, to a third of its size at the least.

    Returns:
        The changed copy of the recipient and where its lesion is, or None where no place was
        found.
    """
    size = donor.shape[0]
    scale = float(np.clip(rng.normal(1.0, 0.2), 0.6, 1.5))
    if small and rng.random() < small:
        scale = float(rng.uniform(1 / 3, 1.0))
    half = (box[2] * size / 2 * scale, box[3] * size / 2 * scale)
    if max(half) > 0.22 * size:
        shrink = 0.22 * size / max(half)
        half, scale = (half[0] * shrink, half[1] * shrink), scale * shrink
    angle = float(rng.uniform(-40, 40))
    centre = _place(recipient, _extent(half, angle), rng)
    if centre is None:
        return None
    source = (box[0] * size, box[1] * size)
    matrix = cv2.getRotationMatrix2D(source, angle, scale)
    matrix[:, 2] += (centre[0] - source[0], centre[1] - source[1])
    donor_mask = np.zeros((size, size), np.float32)
    axes = (max(int(box[2] * size / 2), 1), max(int(box[3] * size / 2), 1))
    cv2.ellipse(donor_mask, (int(source[0]), int(source[1])), axes, 0, 0, 360, 1.0, -1)
    mean, spread = _local_statistics(donor.astype(np.float32), donor_mask)
    moved = cv2.warpAffine(
        donor.astype(np.float32), matrix, (size, size), borderMode=cv2.BORDER_REFLECT
    )
    # Turned with the patch: upright, it would hold tissue beside a long lesion, and cut off ends.
    mask = _irregular_ellipse(size, centre, half, rng, angle)
    target = recipient.astype(np.float32)
    target_mean, target_spread = _local_statistics(target, mask)
    gain = float(np.clip(target_spread / spread, 0.5, 2.0)) * float(rng.uniform(0.7, 1.4))
    contrast = (moved - mean) * gain
    if rng.random() < 0.25:
        contrast = -contrast
    mixed = target * (1.0 - mask) + mask * (target_mean + contrast)
    new_box = (centre[0] / size, centre[1] / size, 2 * half[0] / size, 2 * half[1] / size)
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0).astype(np.float32)
    return Pasted(np.rint(np.clip(mixed, 0, 255)).astype(np.uint8), new_box, turn)


def _extent(axes: tuple[float, float], angle: float) -> tuple[float, float]:
    """Return how far an ellipse reaches across and down once it is turned."""
    cosine, sine = _direction(angle)
    return hypot(cosine * axes[0], sine * axes[1]), hypot(sine * axes[0], cosine * axes[1])


def random_patch_box(image: ByteArray, rng: np.random.Generator) -> Box | None:
    """Choose a box of ordinary tissue, for a sham paste that changes no label.

    Without shams, the seam of a paste would itself betray a "tumour".
    """
    size = image.shape[0]
    half = (float(rng.uniform(0.04, 0.16)) * size, float(rng.uniform(0.04, 0.16)) * size)
    centre = _place(image, half, rng)
    if centre is None:
        return None
    return centre[0] / size, centre[1] / size, 2 * half[0] / size, 2 * half[1] / size


def mirror_over(image: ByteArray, box: Box, rng: np.random.Generator) -> ByteArray | None:
    """Cover a lesion with the mirrored other half.

    Args:
        image: uint8 of shape (size, size), the head roughly centred.
        box: The lesion's box as fractions of the side.
        rng: Source of randomness.

    Returns:
        The changed copy, or None where the slice is not symmetric or the lesion meets the
        midline, so that mirroring would not remove it.
    """
    size = image.shape[0]
    if abs(box[0] - 0.5) < box[2] / 2 + 0.04:
        return None
    mirrored = image[:, ::-1]
    outside = np.ones_like(image, dtype=bool)
    columns = np.abs((np.arange(size) + 0.5) / size - box[0]) < box[2] / 2
    rows = np.abs((np.arange(size) + 0.5) / size - box[1]) < box[3] / 2
    outside[np.ix_(rows, columns)] = False
    outside &= outside[:, ::-1]
    if np.corrcoef(image[outside], mirrored[outside])[0, 1] < _SYMMETRY:
        return None
    half = (box[2] * size * 0.62 + 2, box[3] * size * 0.62 + 2)
    mask = _irregular_ellipse(size, (box[0] * size, box[1] * size), half, rng)
    mixed = image * (1.0 - mask) + mirrored * mask
    return np.rint(mixed).astype(np.uint8)
