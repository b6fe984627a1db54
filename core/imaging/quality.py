"""Is this slice worth a model's time? A gate on simple facts of a head on an empty background.

The facts treat a bright and a dark background alike, so inverted slices pass, and they don't
depend on which way is up.
"""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from core.types import FloatArray, Slice
from core.wording import mark

_SIDE: Final = 128
_FAR: Final = 0.1
# Fact, smallest and largest accepted value, and the sentence. Set so that real slices keep a
# margin: each bound lies beyond the outermost half percent of the development data.
_BOUNDS: Final[tuple[tuple[str, float, float, str], ...]] = (
    ("colour", 0.0, 0.1, mark("The picture is coloured; MRI slices are grey.")),
    ("contrast", 0.1, 1.01, mark("The picture has hardly any contrast.")),
    ("corners", 0.55, 1.0, mark("The corners are not empty, as they are around a head.")),
    ("border", 0.2, 1.0, mark("The edges are not empty, as they are around a head.")),
    ("quiet", 0.0, 0.035, mark("The background is not even.")),
    ("area", 0.08, 0.97, mark("No object of a head's size stands out from the background.")),
    ("whole", 0.85, 1.0, mark("The picture holds several objects instead of one head.")),
    ("filled", 0.7, 1.0, mark("The object is full of gaps, like text or a drawing.")),
    ("solidity", 0.8, 1.0, mark("The object's outline is not that of a head.")),
    ("ellipse", 0.77, 1.0, mark("The object is not oval, as a head is.")),
    ("offset", 0.0, 0.18, mark("The object is far from the middle.")),
    ("grain", 0.15, 0.87, mark("The texture is not that of tissue.")),
    ("flat", 0.0, 0.2, mark("Large areas have one even grey, as on screens and drawings.")),
)


@dataclass(frozen=True)
class Quality:
    """What the gate found.

    Attributes:
        ok: Whether the slice looks like an MRI slice of a head.
        reasons: Why not, one sentence each; empty where it is fine.
        facts: The numbers behind it (see `measure`).
    """

    ok: bool
    reasons: tuple[str, ...] = ()
    facts: dict[str, float] = field(default_factory=dict)


def assess(slice_: Slice) -> Quality:
    """Tell whether a slice looks like an MRI slice of a head.

    The bounds were set on real slices of several sources. A picture that resembles a head
    (another body part, a CT) can pass: this is the first of two gates, and the cheap one.

    Args:
        slice_: Any decoded slice.

    Returns:
        The verdict, with one sentence for each fact that is out of its bounds.
    """
    facts = measure(slice_)
    reasons = [sentence for name, low, high, sentence in _BOUNDS if not low <= facts[name] <= high]
    return Quality(not reasons, tuple(reasons), facts)


def measure(slice_: Slice) -> dict[str, float]:
    """Measure simple facts.

    Args:
        slice_: Any decoded slice.

    Returns:
        `contrast`: span from the background to the most distant percent of values, in 0 to 1;
        `corners`: share of the corners that is background;
        `border`: share of the border that is background;
        `quiet`: unevenness of the background, as a share of the contrast;
        `filled`: share of the objects that differs from the background;
        `area`: share of the picture that the largest object covers;
        `whole`: share of all objects' area that belongs to the largest;
        `solidity`: its area over that of its convex hull;
        `ellipse`: overlap (intersection over union) with the ellipse of its moments;
        `offset`: distance of its centre from the middle, in units of the picture's side;
        `grain`: share of its variation that is finer than three pixels (noise is near 1);
        `flat`: share of its pixels without any gradient (screens and pages have much);
        `colour`: colourfulness of the file.
    """
    small = _shrink(_without_frame(slice_.pixels))
    height, width = small.shape
    level = _background(small)
    distance = np.abs(small - level)
    contrast = float(np.percentile(distance, 99))
    facts = {"contrast": contrast, "colour": slice_.colourful}
    near = distance < _FAR * contrast
    # Closing first: the gaps of a thin bright skull must not break the head apart.
    mask = cv2.morphologyEx((~near).astype(np.uint8), cv2.MORPH_CLOSE, _disc(7))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(5))
    c = max(min(height, width) // 12, 2)
    patches = (near[:c, :c], near[:c, -c:], near[-c:, :c], near[-c:, -c:])
    facts["corners"] = float(np.mean([patch.mean() for patch in patches]))
    ring = np.concatenate(
        (near[:2].ravel(), near[-2:].ravel(), near[:, :2].ravel(), near[:, -2:].ravel())
    )
    facts["border"] = float(ring.mean())
    outside = near & (mask == 0)
    facts["quiet"] = float(distance[outside].std() / contrast) if outside.any() else 1.0
    facts["filled"] = float((~near & (mask == 1)).sum() / max(int(mask.sum()), 1))
    return facts | _object_facts(small, mask)


def _without_frame(pixels: FloatArray) -> FloatArray:
    """Cut off a thin line drawn around the picture, as some exports have."""
    depth = max(round(0.03 * min(pixels.shape)), 1)
    ring, inner = _ring(pixels, 0), _ring(pixels, depth)
    if ring.std() > 0.05 or abs(float(np.median(ring) - np.median(inner))) < 0.3:
        return pixels
    return pixels[depth:-depth, depth:-depth]


def _ring(pixels: FloatArray, at: int) -> FloatArray:
    bottom, right = pixels.shape[0] - 1 - at, pixels.shape[1] - 1 - at
    rows = pixels[[at, bottom], at : right + 1]
    columns = pixels[at : bottom + 1, [at, right]]
    return np.concatenate((rows.ravel(), columns.ravel()))


def _shrink(pixels: FloatArray) -> FloatArray:
    scale = _SIDE / max(pixels.shape)
    size = (max(round(pixels.shape[1] * scale), 8), max(round(pixels.shape[0] * scale), 8))
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.float32)


def _disc(side: int) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _background(small: FloatArray) -> float:
    c = max(min(small.shape) // 12, 2)
    corners = [small[:c, :c], small[:c, -c:], small[-c:, :c], small[-c:, -c:]]
    return float(np.median(np.concatenate([corner.ravel() for corner in corners])))


def _object_facts(small: FloatArray, mask: npt.NDArray[np.uint8]) -> dict[str, float]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    nothing = dict.fromkeys(
        ("area", "whole", "solidity", "ellipse", "offset", "grain", "flat"), 0.0
    )
    if count < 2:
        return nothing
    boxes = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
    best = 1 + int(np.argmax(boxes))
    contours, _ = cv2.findContours(
        (labels == best).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    contour = max(contours, key=cv2.contourArea)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, [contour], -1, 1, cv2.FILLED)
    area = int(filled.sum())
    if area < 16:
        return nothing
    hull = np.zeros_like(mask)
    cv2.fillConvexPoly(hull, cv2.convexHull(contour), 1)
    ys, xs = np.nonzero(filled)
    ellipse = _moment_ellipse(xs, ys, mask.shape)
    inside = filled.astype(bool)
    values = small[inside]
    fine = (small - cv2.GaussianBlur(small, (0, 0), 1.5))[inside]
    gy, gx = np.gradient(small)
    gradient = np.hypot(gx, gy)[inside]
    return {
        "area": area / mask.size,
        "whole": float((labels == best).sum() / max(int(mask.sum()), 1)),
        "solidity": area / int(hull.sum()),
        "ellipse": float((inside & ellipse).sum() / (inside | ellipse).sum()),
        "offset": float(np.hypot(xs.mean() / mask.shape[1] - 0.5, ys.mean() / mask.shape[0] - 0.5)),
        "grain": float(fine.std() / max(float(values.std()), 1e-6)),
        "flat": float((gradient < 1e-3).mean()),
    }


def _moment_ellipse(
    xs: npt.NDArray[np.intp], ys: npt.NDArray[np.intp], shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Return the mask of the ellipse that has the same centre and second moments."""
    points = np.stack((xs, ys)).astype(np.float64)
    centre = points.mean(axis=1)
    covariance = np.cov(points) + 1e-6 * np.eye(2)
    grid = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))).reshape(2, -1)
    away = grid - centre[:, None]
    # A uniform ellipse's semi-axis is twice the standard deviation along it.
    inside = (away * np.linalg.solve(covariance, away)).sum(axis=0) <= 4.0
    return np.asarray(inside.reshape(shape[:2]), np.bool_)
