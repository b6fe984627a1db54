"""What a training slice goes through: geometry, and the style of an unknown scanner.

NumPy and OpenCV on uint8, one generator a batch: independent of the Keras backend, and a
resumed run draws exactly what the uninterrupted one would have drawn.

In the public sets class and hospital are confounded, so contrast, inversion, noise, sharpness
and crop tightness vary here as much as place and angle.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.types import ByteArray, FloatArray

# Points along a side of a cell at which a lesion is looked for.
_POINTS = 4

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the augmentation.

    Attributes:
        rotation: Largest angle in degrees, either way.
        scale: Largest relative change of size, either way.
        shift: Largest shift as a fraction of the side, either way.
        flip: Probability of a left-right flip.
        style: Strength of contrast, noise, blur and bias, 0 (none) to 1.
        invert: Probability of inverting the grey levels inside the head.
    """

    rotation: float = 18.0
    scale: float = 0.16
    shift: float = 0.06
    flip: float = 0.5
    style: float = 1.0
    invert: float = 0.12


def random_affine(size: int, rng: np.random.Generator, config: AugmentConfig) -> FloatArray:
    """Draw a 2 x 3 matrix that maps input pixels to augmented pixels."""
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    scale = np.exp(rng.uniform(-config.scale, config.scale))
    stretch = np.exp(rng.uniform(-0.375, 0.375) * config.scale)
    flip = -1.0 if rng.random() < config.flip else 1.0
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cosine * flip * stretch, -sine], [sine * flip * stretch, cosine]])
    centre = np.full(2, (size - 1) / 2.0)
    shift = rng.uniform(-config.shift, config.shift, 2) * size
    return np.column_stack([linear, centre - linear @ centre + shift]).astype(np.float32)


def _curve(rng: np.random.Generator, strength: float) -> FloatArray:
    """Draw a monotone intensity curve: 256 values from 0 to 1."""
    grid = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    gamma = np.exp(rng.uniform(-0.6, 0.6) * strength)
    steps = rng.dirichlet(np.full(6, 1.5))
    knots = np.concatenate([[0.0], np.cumsum(steps)])
    bent = np.interp(grid, np.linspace(0.0, 1.0, 7), knots).astype(np.float32)
    weight = np.float32(rng.uniform(0.0, 0.7) * strength)
    return np.asarray((1.0 - weight) * grid**gamma + weight * bent, np.float32)


def style(image: ByteArray, rng: np.random.Generator, config: AugmentConfig) -> FloatArray:
    """Vary how the scanner and its sequence render the same anatomy.

    Args:
        image: uint8 of shape (size, size).
        rng: Source of randomness.
        config: Strengths.

    Returns:
        float32 of the same shape, roughly 0 to 1.
    """
    strength = config.style
    curve = _curve(rng, strength) if rng.random() < 0.8 else np.linspace(0, 1, 256)
    inverted = rng.random() < config.invert * strength
    out = np.asarray(curve, np.float32)[image]
    if inverted:
        head = cv2.blur((image > 24).astype(np.float32), (5, 5))
        out = np.asarray(head * (0.95 - 0.85 * out), np.float32)
    size = image.shape[0]
    if rng.random() < 0.4 * strength:
        field = rng.normal(0.0, 0.25, (3, 3)).astype(np.float32)
        out = out * np.exp(cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC))
    choice = rng.random()
    if choice < 0.25 * strength:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 1.3)) * size / 128)
    elif choice < 0.45 * strength:
        soft = cv2.GaussianBlur(out, (0, 0), 1.2 * size / 128)
        out = out + float(rng.uniform(0.3, 1.5)) * (out - soft)
    elif choice < 0.55 * strength:
        small = max(int(size * rng.uniform(0.4, 0.8)), 8)
        shrunk = cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA)
        out = cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5 * strength:
        noise = rng.standard_normal(out.shape, dtype=np.float32)
        out = np.abs(out + np.float32(rng.uniform(0.0, 0.06)) * noise)
    return np.asarray(out, np.float32)


def augment(
    image: ByteArray, rng: np.random.Generator, config: AugmentConfig
) -> tuple[FloatArray, FloatArray]:
    """Disturb one prepared slice.

    Args:
        image: uint8 of shape (size, size), as `core.imaging.preprocess.prepare` returns it.
        rng: Source of randomness, one a batch.
        config: Ranges.

    Returns:
        float32 of shape (size, size), not yet standardised, and the 2 x 3 matrix that maps
        input pixels to augmented pixels.
    """
    size = image.shape[0]
    matrix = random_affine(size, rng, config)
    moved = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return style(moved, rng, config), matrix


def chained(first: FloatArray, then: FloatArray) -> FloatArray:
    """Return the 2 x 3 matrix that stands for one and then another."""
    both = np.vstack([then, [0.0, 0.0, 1.0]]) @ np.vstack([first, [0.0, 0.0, 1.0]])
    return np.asarray(both[:2], np.float32)


def lesion_target(box: Box | None, matrix: FloatArray, size: int, grid: int) -> FloatArray:
    """Draw where the lesion is, at the resolution of the lesion map.

    Args:
        box: The tumour's box as fractions of the input; None for no lesion at all.
        matrix: 2 x 3, maps input pixels to augmented pixels.
        size: Side of the input in pixels.
        grid: Side of the lesion map in cells.

    Returns:
        float32 of shape (grid, grid), in 0 to 1: the share of each cell inside the ellipse
        that the box bounds. A lesion that lies between all points of a cell counts as one of
        them; one whose centre has left the picture may be in no cell.
    """
    if box is None:
        return np.zeros((grid, grid), np.float32)
    fine = grid * _POINTS
    centres = (np.arange(fine, dtype=np.float32) + 0.5) * size / fine - 0.5
    columns, rows = np.meshgrid(centres, centres)
    inverse = cv2.invertAffineTransform(matrix)
    x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]
    y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]
    x_centre, y_centre, width, height = (value * size for value in box)
    inside = ((x - x_centre) / max(width / 2, 1.0)) ** 2 + (
        (y - y_centre) / max(height / 2, 1.0)
    ) ** 2 <= 1.0
    if not inside.any():
        column, row = matrix @ (x_centre, y_centre, 1.0) + 0.5
        if 0 <= column < size and 0 <= row < size:
            inside[int(row * fine / size), int(column * fine / size)] = True
    return inside.reshape(grid, _POINTS, grid, _POINTS).mean(axis=(1, 3)).astype(np.float32)
