import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from core.evaluation.side_by_side import StoredPredictions
from core.evaluation.thresholds import at_threshold, operating_points


def stored(y, probabilities, labels=("a", "b")):
    n = len(y)
    names = tuple(str(k) for k in range(n))
    return StoredPredictions(
        tuple(labels), names, names, names, np.array(y), np.array(probabilities, float)
    )


def test_rates_at_a_threshold_are_scikit_learns():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 90)
    y = np.arange(90) % 3
    found = operating_points(stored(y, probabilities, ("a", "b", "c")), 0.4)
    for k, label in enumerate(("a", "b", "c")):
        said = probabilities[:, k] >= 0.4
        assert found[label]["tpr"] == pytest.approx(recall_score(y == k, said))
        assert found[label]["precision"] == pytest.approx(precision_score(y == k, said))
        assert found[label]["fpr"] == pytest.approx(recall_score(y != k, said))


def test_what_nothing_is_divided_by_is_none():
    found = operating_points(stored([0, 0], [[0.9, 0.1], [0.6, 0.4]]), 0.9)
    assert found["a"] == {"fpr": None, "tpr": 0.5, "precision": 1.0}
    assert found["b"] == {"fpr": 0.0, "tpr": None, "precision": None}


def test_the_nearest_point_of_a_curve():
    curve = [{"threshold": t / 100, "coverage": 1 - t / 100} for t in range(101)]
    assert at_threshold(curve, 0.704)["threshold"] == 0.7
    assert at_threshold(curve, 2.0)["threshold"] == 1.0
