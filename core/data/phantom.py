"""Brain-like slices drawn from random numbers, for tests and for a first look without data.

They show no person and no disease: a model's answer on them means nothing.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from core.errors import DatasetError
from core.files import replacing, write_text
from core.labels import CLASSES, NO_TUMOUR
from core.types import FloatArray, Slice
from core.wording import mark

SYNTHETIC: Final = mark("Synthetic: this slice was drawn by GliaLens and shows no real person.")
LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    "Training/Testing": ("Training", "Testing"),
    "train/val/test": ("train", "val", "test"),
    "train/test": ("train", "test"),
    "flat": ("",),
}
_SMALLEST: Final = 32
_LESION_REACH: Final = 0.2


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn slice and what was drawn on it.

    Attributes:
        slice: The slice; its notes say that it is synthetic.
        box: The lesion's `x_center, y_center, width, height` as fractions of the slice, or
            None without a lesion.
        label: The drawn lesion's class key, `notumor` without one.
    """

    slice: Slice
    box: tuple[float, float, float, float] | None
    label: str


def _ellipse(
    shape: tuple[int, int], centre: tuple[float, float], axes: tuple[float, float], angle: float
) -> FloatArray:
    """Return the ellipse's radius function: 0 at its centre, 1 on its edge.

    Centre and axes are `x, y` as fractions of the slice's width and height.
    """
    height, width = shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x = (columns + 0.5) / width - centre[0]
    y = (rows + 0.5) / height - centre[1]
    cos, sin = np.cos(angle), np.sin(angle)
    across, along = x * cos + y * sin, y * cos - x * sin
    return np.asarray(np.hypot(across / axes[0], along / axes[1]), np.float32)


def _inside(radius: FloatArray, softness: float = 0.03) -> FloatArray:
    """Turn a radius function into a mask from 0 to 1 with a soft edge."""
    return np.asarray(np.clip((1.0 - radius) / softness + 0.5, 0.0, 1.0), np.float32)


def _smooth_noise(rng: np.random.Generator, size: int, cells: int) -> FloatArray:
    """Return smooth noise with mean 0 and standard deviation 1, of shape (size, size)."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    values = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((values - values.mean()) / values.std(), np.float32)


def _lesion_place(
    rng: np.random.Generator, kind: str, centre: tuple[float, float], axes: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Choose centre and semi-axes by where tumours of the kind usually lie."""
    if kind == "pituitary":
        middle, radius = (centre[0], centre[1] + 0.35 * axes[1]), rng.uniform(0.04, 0.06)
    else:
        far = 0.8 if kind == "meningioma" else rng.uniform(0.35, 0.5)
        turn = rng.uniform(0.0, 2.0 * np.pi)
        middle = (
            centre[0] + far * axes[0] * np.cos(turn),
            centre[1] + far * axes[1] * np.sin(turn),
        )
        radius = rng.uniform(0.05, 0.09)
    stretch = rng.uniform(0.8, 1.25)
    return (float(middle[0]), float(middle[1])), (float(radius * stretch), float(radius / stretch))


def _draw(
    seed: int, size: int, kind: str | None, height: float = 0.0
) -> tuple[FloatArray, tuple[float, float, float, float] | None]:
    """Draw a slice at a height from -1 (base) to 1 (vertex) of the head of a seed."""
    rng = np.random.default_rng(seed)
    shape = (size, size)
    centre = (0.5 + rng.uniform(-0.03, 0.03), 0.5 + rng.uniform(-0.02, 0.02))
    shrink = float(np.sqrt(max(1.0 - 0.8 * height * height, 0.05)))
    axes = (rng.uniform(0.31, 0.38) * shrink, rng.uniform(0.39, 0.45) * shrink)
    angle = rng.uniform(-0.15, 0.15)
    scalp, brain_grey = rng.uniform(0.55, 0.85), rng.uniform(0.3, 0.45)
    head = _ellipse(shape, centre, axes, angle)
    brain = _inside(head / 0.84)
    image = scalp * _inside(head) - (scalp - 0.06) * _inside(head / 0.94)
    folds = np.sin(6.0 * _smooth_noise(rng, size, 9)) * np.clip(head - 0.35, 0.0, 1.0)
    texture = (
        0.05 * _smooth_noise(rng, size, 6) + 0.14 * folds + 0.02 * _smooth_noise(rng, size, 40)
    )
    image = image * (1.0 - brain) + brain * (brain_grey + texture)
    cavity = rng.uniform(0.05, 0.12)
    gap, length, breadth = (
        rng.uniform(0.05, 0.08),
        rng.uniform(0.08, 0.14),
        rng.uniform(0.02, 0.035),
    )
    for side in (-1.0, 1.0):
        middle = (centre[0] + side * gap * shrink, centre[1] - 0.02)
        ventricle = _inside(
            _ellipse(shape, middle, (breadth * shrink, length * shrink), angle - 0.25 * side), 0.2
        )
        image = image * (1.0 - ventricle) + cavity * ventricle
    fissure = _inside(_ellipse(shape, centre, (0.006, 0.8 * axes[1]), angle), 0.5) * brain
    image = image * (1.0 - 0.6 * fissure) + 0.6 * fissure * cavity
    box = None
    if kind is not None:
        middle, lesion_axes = _lesion_place(rng, kind, centre, (0.84 * axes[0], 0.84 * axes[1]))
        ragged = np.float32(0.08) * _smooth_noise(rng, size, 12)
        radius = np.asarray(_ellipse(shape, middle, lesion_axes, 0.0) + ragged, np.float32)
        inside = _inside(radius, 0.15)
        bright = rng.uniform(0.85, 0.98)
        # Gliomas often enhance at their rim only.
        level = bright - (0.35 * _inside(radius / 0.6, 0.3) if kind == "glioma" else 0.0)
        image = image * (1.0 - inside) + level * inside
        rows, columns = np.nonzero(inside > 0.5)
        left, right = columns.min() / size, (columns.max() + 1) / size
        top, bottom = rows.min() / size, (rows.max() + 1) / size
        box = (
            float(left + right) / 2.0,
            float(top + bottom) / 2.0,
            float(right - left),
            float(bottom - top),
        )
    image = image + rng.normal(0.0, 0.012, shape)
    return np.clip(image, 0.0, 1.0).astype(np.float32), box


def draw_phantom(seed: int, size: int = 256, lesion: str | bool | None = None) -> Phantom:
    """Draw a brain-like slice: scalp, skull, brain with ventricles, and a lesion if asked.

    Args:
        seed: Seed; the same arguments give the same slice.
        size: Side in pixels, at least 32.
        lesion: A tumour class key, which decides where the bright lesion lies; True draws
            one like a glioma; None, False or `notumor` none.

    Returns:
        The slice, the lesion's box and the label.

    Raises:
        DatasetError: If the size is too small.
    """
    if size < _SMALLEST:
        raise DatasetError(f"A phantom is at least {_SMALLEST} pixels wide. Received: {size}.")
    kind = "glioma" if lesion is True else lesion or None
    if kind == NO_TUMOUR:
        kind = None
    pixels, box = _draw(seed, size, kind)
    return Phantom(Slice(pixels, f"phantom-{seed}", 0, (SYNTHETIC,)), box, kind or NO_TUMOUR)


def phantom_volume(
    seed: int, depth: int, size: int = 128, lesion: str | None = None
) -> tuple[Slice, ...]:
    """Draw the slices of one head from base to vertex.

    Args:
        seed: Seed of the head.
        depth: Number of slices, at least 1.
        size: Side in pixels, at least 32.
        lesion: A tumour class key: the slices of the middle fifth then show such a lesion.

    Returns:
        The slices in order, each with its index.

    Raises:
        DatasetError: If depth or size are too small.
    """
    if depth < 1 or size < _SMALLEST:
        raise DatasetError(
            f"A phantom volume has at least 1 slice of {_SMALLEST} pixels. "
            f"Received: {depth} of {size}."
        )
    heights = np.linspace(-0.9, 0.9, depth) if depth > 1 else [0.0]
    kinds = [lesion if abs(height) <= _LESION_REACH else None for height in heights]
    return tuple(
        Slice(_draw(seed, size, kind, float(height))[0], f"phantom-{seed}", index, (SYNTHETIC,))
        for index, (height, kind) in enumerate(zip(heights, kinds, strict=True))
    )


def write_phantom_dataset(
    dest: Path,
    per_class: int,
    seed: int = 0,
    layout: str = "Training/Testing",
    labels: tuple[str, ...] = CLASSES,
    size: int = 128,
) -> Path:
    """Write a small dataset of phantoms as PNG files, with its `boxes.csv`.

    Args:
        dest: Folder to fill; it is created.
        per_class: Images of each class in each split folder.
        seed: Seed; no two images share their own.
        layout: `Training/Testing`, `train/val/test`, `train/test` or `flat`.
        labels: Names of the class folders.
        size: Side of the images in pixels.

    Returns:
        `dest`.

    Raises:
        DatasetError: If the layout is unknown.
        OutputError: If the folder can't be written.
    """
    if layout not in LAYOUTS:
        raise DatasetError(f"A layout is one of {', '.join(LAYOUTS)}. Received: {layout!r}.")
    number = seed * 1_000_003
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("file", "x_center", "y_center", "width", "height"))
    for split in LAYOUTS[layout]:
        for label in labels:
            for index in range(per_class):
                phantom = draw_phantom(number, size, label)
                number += 1
                file = Path(split) / label / f"phantom-{index:04d}.png"
                pixels = np.rint(phantom.slice.pixels * 255.0).astype(np.uint8)
                encoded = cv2.imencode(".png", pixels)[1]
                with replacing(dest / file) as temporary:
                    temporary.write_bytes(encoded.tobytes())
                if phantom.box:
                    writer.writerow((file.as_posix(), *(f"{value:.4f}" for value in phantom.box)))
    write_text(dest / "boxes.csv", table.getvalue())
    return dest
