import numpy as np
import pytest

from core.errors import DatasetError
from core.evaluation.calibration import softmax
from core.evaluation.conformal import conformal_quantile, prediction_sets, summarise_conformal
from core.evaluation.intervals import GroupBootstrap


def draw(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=n)
    return softmax(rng.normal(size=(n, 4)) + 2 * np.eye(4)[y]), y


def test_quantile_by_hand():
    p_true = np.linspace(0.1, 0.9, 9)
    probabilities = np.stack([p_true, 1 - p_true], axis=1)
    # ceil(10 * 0.9) = 9th of nine scores; ceil(10 * 0.8) = 8th.
    assert conformal_quantile(probabilities, np.zeros(9, int), 0.9) == pytest.approx(0.9)
    assert conformal_quantile(probabilities, np.zeros(9, int), 0.8) == pytest.approx(0.8)


def test_too_few_images_put_every_label_in_the_set():
    quantile = conformal_quantile([[0.9, 0.1]] * 5, [0] * 5, 0.95)
    assert quantile == 1.0
    assert prediction_sets([[0.999, 0.001]], quantile).all()


def test_sets_are_never_empty():
    assert prediction_sets([[0.4, 0.35, 0.25]], 0.1).tolist() == [[True, False, False]]


def test_the_stored_quantile_keeps_its_own_image():
    probabilities, y = draw(300, 0)
    quantile = conformal_quantile(probabilities, y, 0.9)
    assert quantile == round(quantile, 6)
    inside = prediction_sets(probabilities, quantile)[np.arange(300), y]
    assert inside.sum() >= np.ceil(301 * 0.9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_coverage_is_near_what_was_asked_for(seed):
    bootstrap = GroupBootstrap([str(k // 2) for k in range(4000)], resamples=100)
    summary = summarise_conformal(*draw(2000, seed), *draw(4000, seed + 100), bootstrap)
    for row in summary["levels"]:
        assert row["coverage_interval"]["value"] == row["coverage"]
        assert row["coverage_interval"]["low"] < row["coverage"] < row["coverage_interval"]["high"]
        assert row["mean_size_interval"]["low"] < row["mean_size"]
        assert row["mean_size"] < row["mean_size_interval"]["high"]
        assert row["coverage"] == pytest.approx(row["nominal"], abs=0.025)
    sizes = [row["mean_size"] for row in summary["levels"]]
    assert 1.0 <= sizes[0] < sizes[1] <= 4.0


def test_impossible_level_is_refused():
    with pytest.raises(DatasetError, match=r"between 0 and 1. Received: 1.0"):
        conformal_quantile([[0.5, 0.5]], [0], 1.0)
