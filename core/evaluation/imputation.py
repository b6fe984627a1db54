"""Noisy linear imputation: hide pixels without leaving a shape that tells where they were.

Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods"
(ROAD), arXiv 2202.00449, section 4.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from core.types import FloatArray

_STRAIGHT: Final = 1 / 6
_DIAGONAL: Final = 1 / 12
NOISE: Final = 0.01
"""Standard deviation of the noise, as a share of the image's range, as in the paper."""


def impute(
    image: FloatArray, hidden: npt.NDArray[np.bool_], noise: float = NOISE, seed: int = 0
) -> FloatArray:
    """Replace hidden pixels by the weighted mean of their eight neighbours, plus noise.

    Hidden neighbours are unknown in turn, so all means are solved for together. A neighbour
    beside counts 1/6, one across a corner 1/12; at the image's border the weights that are
    left are scaled to a sum of 1.

    Args:
        image: float32 of shape (height, width).
        hidden: Which pixels to replace, of the same shape.
        noise: Standard deviation, as a share of the image's range.
        seed: Seed of the noise.

    Returns:
        A new float32 image. Where every pixel is hidden, noise around the image's mean.

    Raises:
        ValueError: If the shapes differ or aren't 2-D.
    """
    if image.ndim != 2 or image.shape != hidden.shape:
        raise ValueError(
            "The image and its mask are 2-D and of one shape. "
            f"Received: {image.shape} and {hidden.shape}."
        )
    out = np.array(image, np.float32)
    count = int(hidden.sum())
    if not count:
        return out
    filled = np.full(count, image.mean()) if count == hidden.size else _solve(image, hidden)
    spread = noise * float(image.max() - image.min())
    out[hidden] = filled + np.random.default_rng(seed).normal(0.0, 1.0, count) * spread
    return out


def _solve(image: FloatArray, hidden: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.linalg import cg

    rows, columns = np.nonzero(hidden)
    count = len(rows)
    number = np.full(hidden.shape, -1)
    number[rows, columns] = np.arange(count)
    weight_sum, known = np.zeros(count), np.zeros(count)
    at: list[npt.NDArray[np.intp]] = []
    to: list[npt.NDArray[np.intp]] = []
    values: list[npt.NDArray[np.float64]] = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if not (down or right):
                continue
            weight = _DIAGONAL if down and right else _STRAIGHT
            y, x = rows + down, columns + right
            here = np.flatnonzero((y >= 0) & (y < image.shape[0]) & (x >= 0) & (x < image.shape[1]))
            weight_sum[here] += weight
            neighbour = number[y[here], x[here]]
            open_, seen = here[neighbour >= 0], here[neighbour < 0]
            known[seen] += weight * image[y[seen], x[seen]]
            at.append(open_)
            to.append(neighbour[neighbour >= 0])
            values.append(np.full(len(open_), -weight))
    matrix = coo_array(
        (np.concatenate(values), (np.concatenate(at), np.concatenate(to))), shape=(count, count)
    ).tocsr()
    matrix = (matrix + diags_array(weight_sum)).tocsr()
    start = np.full(count, float(image[~hidden].mean()))
    # Symmetric and positive definite, so conjugate gradients find it in a few dozen steps.
    solution, _ = cg(matrix, known, x0=start, rtol=1e-5, maxiter=2000)
    return np.asarray(solution, np.float64)
