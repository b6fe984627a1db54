"""Does a heat map show what the model uses? Deletion, insertion and ROAD.

Deletion and insertion: Petsiuk et al. 2018, "RISE", arXiv 1806.07421. ROAD: Rong et al. 2022,
arXiv 2202.00449. A map is only worth something if it beats a random order of the pixels, and
an edge detector, which knows nothing of the model (Adebayo et al. 2018, "Sanity Checks for
Saliency Maps", arXiv 1810.03292): both are always measured beside it, on the same pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from core.evaluation.imputation import impute
from core.types import FloatArray

Score = Callable[[FloatArray], npt.NDArray[Any]]
Mask = npt.NDArray[np.bool_]

STEPS: Final = 10
ROAD_SHARES: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
MARGIN: Final = 0.05
"""How much better in `MapScore.road` a map must be than a baseline to say so."""
_TOLD: Final = 0.3
_BATCH: Final = 32


@dataclass(frozen=True, eq=False)
class Curve:
    """The probability of a class while pixels are hidden or shown.

    Attributes:
        shares: Share of the region's pixels that was changed, ascending, in 0 to 1.
        values: Probability of the class at each share.
    """

    shares: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def area(self) -> float:
        """Mean height of the curve between its ends (trapezoids), in 0 to 1."""
        width = self.shares[-1] - self.shares[0]
        return float(np.trapezoid(self.values, self.shares)) / width

    def at(self, share: float) -> float:
        """Probability at a share, interpolated."""
        return float(np.interp(share, self.shares, self.values))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        return {
            "shares": [round(x, 4) for x in self.shares],
            "values": [round(x, 5) for x in self.values],
            "area": round(self.area, 5),
        }


@dataclass(frozen=True, eq=False)
class MapScore:
    """How faithful one order of pixels is.

    Attributes:
        deletion: The warmest pixels are hidden first; a low area is good.
        insertion: The warmest pixels are shown first on a blurred slice; a high area is good.
        road_most: Warmest first, imputed; a low area is good.
        road_least: Coldest first, imputed; a high area is good.
    """

    deletion: Curve
    insertion: Curve
    road_most: Curve
    road_least: Curve

    @property
    def gap(self) -> float:
        """Insertion area less deletion area, in -1 to 1; higher is better."""
        return self.insertion.area - self.deletion.area

    @property
    def road(self) -> float:
        """Half of ROAD's area for the coldest less that for the warmest, in -0.5 to 0.5."""
        return (self.road_least.area - self.road_most.area) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        curves = ("deletion", "insertion", "road_most", "road_least")
        return {
            **{name: getattr(self, name).to_dict() for name in curves},
            "gap": round(self.gap, 5),
            "road": round(self.road, 5),
        }


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """A map beside its baselines.

    Attributes:
        map: Scores of the map.
        random: Scores of a random order of the same pixels, the mean over several.
        edges: Scores of an edge detector.
    """

    map: MapScore
    random: MapScore
    edges: MapScore

    @property
    def verdict(self) -> str:
        """`faithful`, `edges` (no better than an edge detector) or `random`.

        ROAD decides: a deleted pixel is a hole such as no slice has, and a model may answer to
        the holes rather than to what is missing.
        """
        if self.map.road < self.random.road + MARGIN:
            return "random"
        return "edges" if self.map.road < self.edges.road + MARGIN else "faithful"

    def sentence(self, name: str) -> str:
        """Say what the numbers mean, in one sentence for a person.

        Args:
            name: The class for a person, such as `Glioma`.
        """
        curve, chance = self.map.road_most, self.random.road_most
        facts = (
            f"Painting over the warmest {_TOLD:.0%} of the head from its surroundings moves the "
            f"probability of {name} from {curve.values[0]:.0%} to {curve.at(_TOLD):.0%}, as much "
            f"at random to {chance.at(_TOLD):.0%}"
        )
        return {
            "faithful": f"{facts}; over all shares the map beats chance and an edge detector, "
            "so it shows what the model uses.",
            "edges": f"{facts}; over all shares an edge detector, which knows nothing of the "
            "model, does as well.",
            "random": f"{facts}; over all shares the map is no better than chance, so it is "
            "not the reason for the answer.",
        }[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        names = ("map", "random", "edges")
        return {**{n: getattr(self, n).to_dict() for n in names}, "verdict": self.verdict}


def edge_map(image: FloatArray) -> FloatArray:
    """Return the strength of an image's edges (Sobel, after slight smoothing), shape kept."""
    smooth = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), 1.0)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    return np.asarray(np.hypot(across, cv2.Sobel(smooth, cv2.CV_32F, 0, 1)), np.float32)


def pixel_order(values: FloatArray, region: Mask, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the region's pixels (flat positions), warmest first, ties in random order."""
    inside = np.flatnonzero(region)
    shuffled = np.random.default_rng(seed).permutation(inside)
    return shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]


def changed(
    base: FloatArray, other: FloatArray, order: npt.NDArray[np.int64], shares: Sequence[float]
) -> FloatArray:
    """Take the first pixels of an order from another image, share by share.

    Returns:
        float32 of shape (shares, height, width).
    """
    images = np.repeat(np.asarray(base, np.float32)[np.newaxis], len(shares), axis=0)
    for image, share in zip(images, shares, strict=True):
        chosen = order[: round(share * len(order))]
        image.ravel()[chosen] = other.ravel()[chosen]
    return images


def imputed(
    image: FloatArray, order: npt.NDArray[np.int64], shares: Sequence[float], seed: int = 0
) -> FloatArray:
    """Impute the first pixels of an order, share by share; see `core.evaluation.imputation`."""
    images = []
    for share in shares:
        hidden = np.zeros(image.size, bool)
        hidden[order[: round(share * len(order))]] = True
        images.append(impute(image, hidden.reshape(image.shape), seed=seed))
    return np.stack(images)


def score_map(
    values: FloatArray,
    image: FloatArray,
    region: Mask,
    score: Score,
    target: int,
    *,
    steps: int = STEPS,
    seed: int = 0,
) -> MapScore:
    """Measure one map.

    Args:
        values: The map, float32 of shape (height, width) of the model input.
        image: The model input, float32 of shape (height, width).
        region: The pixels that take part, such as the head; outside it nothing is changed.
        score: From float32 (n, height, width) to probabilities (n, classes).
        target: Position of the class.
        steps: Steps of the deletion and insertion curves.
        seed: Seed of the order of ties and of the noise.

    Raises:
        ValueError: If the shapes differ, the region is empty, or the map isn't finite.
    """
    if not values.shape == image.shape == region.shape or image.ndim != 2:
        raise ValueError(
            "The map, the image and the region are 2-D and of one shape. "
            f"Received: {values.shape}, {image.shape} and {region.shape}."
        )
    if not region.any() or not np.isfinite(values).all():
        raise ValueError(
            "A map is finite and its region holds pixels. "
            f"Received: {int(region.sum())} pixels, {np.isfinite(values).mean():.0%} finite."
        )
    order = pixel_order(values, region, seed)
    shares = tuple(i / steps for i in range(steps + 1))
    background = np.full_like(image, _background(image, region))
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[0] / 12), np.float32)
    road = (0.0, *ROAD_SHARES)
    stacks = (
        (shares, changed(image, background, order, shares)),
        (shares, changed(np.where(region, blurred, image), image, order, shares)),
        (road, imputed(image, order, road, seed)),
        (road, imputed(image, order[::-1], road, seed)),
    )
    images = np.concatenate([stack for _, stack in stacks])
    probabilities = np.concatenate(
        [np.asarray(score(images[i : i + _BATCH])) for i in range(0, len(images), _BATCH)]
    )[:, target]
    curves, start = [], 0
    for xs, stack in stacks:
        part = probabilities[start : start + len(stack)]
        curves.append(Curve(xs, tuple(float(p) for p in part)))
        start += len(stack)
    return MapScore(*curves)


def _background(image: FloatArray, region: Mask) -> float:
    """The grey around the head: what a hidden pixel becomes."""
    outside = image[~region]
    return float(np.median(outside)) if outside.size else float(image.min())


def baselines(
    image: FloatArray,
    region: Mask,
    score: Score,
    target: int,
    *,
    orders: int = 3,
    steps: int = STEPS,
    seed: int = 0,
) -> dict[str, MapScore]:
    """Measure what every map is held against; it is the same for all maps of one slice.

    Args:
        image: See `score_map`.
        region: See `score_map`.
        score: See `score_map`.
        target: Position of the class.
        orders: Random orders, whose curves are averaged.
        steps: See `score_map`.
        seed: Seed of the random orders.

    Returns:
        `random` and `edges`.
    """
    flat = np.zeros_like(image)
    runs = [
        score_map(flat, image, region, score, target, steps=steps, seed=seed + i)
        for i in range(orders)
    ]
    edges = score_map(edge_map(image), image, region, score, target, steps=steps, seed=seed)
    return {"random": _mean(runs), "edges": edges}


def _mean(runs: Sequence[MapScore]) -> MapScore:
    def curve(name: str) -> Curve:
        values = np.mean([getattr(run, name).values for run in runs], axis=0)
        return Curve(getattr(runs[0], name).shares, tuple(float(v) for v in values))

    return MapScore(*(curve(n) for n in ("deletion", "insertion", "road_most", "road_least")))


def compare(values: MapScore, base: Mapping[str, MapScore]) -> Faithfulness:
    """Put a map's scores beside those of `baselines`."""
    return Faithfulness(values, base["random"], base["edges"])
