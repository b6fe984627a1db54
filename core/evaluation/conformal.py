"""Split conformal prediction sets: all labels that the validation images can't rule out.

Least ambiguous set-valued classifiers (LAC), Sadinle, Lei and Wasserman 2019, "Least
Ambiguous Set-Valued Classifiers with Bounded Error Levels", JASA 114:223-234. The promised
coverage holds for images drawn like the validation images; another hospital's may fall short.
"""

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DatasetError
from core.evaluation.intervals import GroupBootstrap
from core.evaluation.metrics import Bools, check_scores, check_targets

# A set always holds the predicted label, so no coverage below a model's accuracy can be met
# exactly; 90 % would be one.
LEVELS = (0.95, 0.99)


def conformal_quantile(probabilities: npt.ArrayLike, y: npt.ArrayLike, level: float) -> float:
    """Return the score up to which a label belongs to the set.

    The score of a label is 1 - p(label). The quantile is the ceil((n + 1) level)-th smallest
    score of the true labels, rounded up to six digits so that a stored value keeps the
    coverage; 1 where there are too few images for the level.

    Args:
        probabilities: Calibrated, shape (images, classes), of images held out of training.
        y: Integer class indices, shape (images,).
        level: Wanted coverage, strictly between 0 and 1.

    Raises:
        DatasetError: If the level is out of range or there is no image.
    """
    if not 0.0 < level < 1.0:
        raise DatasetError(f"A coverage level lies between 0 and 1. Received: {level}.")
    target = np.asarray(y)
    values = check_scores(probabilities, len(target), "Probabilities")
    if not len(target):
        raise DatasetError("A conformal quantile needs validation images. Received: none.")
    target = check_targets(target, values.shape[1])
    scores = np.sort(1.0 - values[np.arange(len(target)), target])
    rank = ceil(round((len(scores) + 1) * level, 9))
    if rank > len(scores):
        return 1.0
    return min(1.0, ceil(float(scores[rank - 1]) * 1e6) / 1e6)


def prediction_sets(probabilities: npt.ArrayLike, quantile: float) -> Bools:
    """Mark the labels in each image's set; the predicted label always belongs.

    Args:
        probabilities: Calibrated, shape (images, classes).
        quantile: From `conformal_quantile`.

    Returns:
        Bool of shape (images, classes); at least one label per image.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    inside = 1.0 - values <= quantile
    inside[np.arange(len(values)), values.argmax(axis=1)] = True
    return inside


def summarise_conformal(
    validation_probabilities: npt.ArrayLike,
    validation_y: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    y: npt.ArrayLike,
    bootstrap: GroupBootstrap,
    levels: tuple[float, ...] = LEVELS,
) -> dict[str, Any]:
    """Quantile from validation images; coverage and mean set size on test images.

    Args:
        validation_probabilities: Calibrated, shape (validation images, classes).
        validation_y: Integer class indices, shape (validation images,).
        probabilities: Calibrated, shape (images, classes).
        y: Integer class indices, shape (images,).
        bootstrap: Resamples of the groups of the test images.
        levels: Nominal coverages.

    Returns:
        `levels`: a list of `nominal`, `quantile`, `coverage`, `mean_size`, and the latter two with
        their 95 % intervals as `coverage_interval` and `mean_size_interval`.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    target = check_targets(y, values.shape[1])
    rows = []
    for level in levels:
        quantile = conformal_quantile(validation_probabilities, validation_y, level)
        inside = prediction_sets(values, quantile)
        coverage = bootstrap.mean(inside[np.arange(len(target)), target])
        size = bootstrap.mean(inside.sum(axis=1))
        rows.append(
            {
                "nominal": level,
                "quantile": quantile,
                "coverage": coverage.value,
                "coverage_interval": coverage.to_dict(),
                "mean_size": size.value,
                "mean_size_interval": size.to_dict(),
            }
        )
    return {"levels": rows}
