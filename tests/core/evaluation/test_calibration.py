import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from core.errors import DatasetError
from core.evaluation import calibration
from core.evaluation.intervals import GroupBootstrap


@pytest.fixture
def overconfident():
    rng = np.random.default_rng(11)
    true_logits = rng.normal(size=(3000, 4)) * 2
    cumulated = calibration.softmax(true_logits).cumsum(axis=1)
    y = (rng.random(3000)[:, None] > cumulated).sum(axis=1).clip(max=3)
    return true_logits * 2.5, y


def test_softmax_is_stable_and_sums_to_one():
    probabilities = calibration.softmax(np.array([[1e4, 0.0], [0.0, np.log(3.0)]]))
    np.testing.assert_allclose(probabilities, [[1.0, 0.0], [0.25, 0.75]])
    assert calibration.softmax([[0.0, np.log(9.0)]], 2.0)[0, 1] == pytest.approx(0.75)


def test_temperature_must_be_positive():
    with pytest.raises(DatasetError, match=r"positive. Received: 0"):
        calibration.softmax([[0.0, 1.0]], 0)


def test_likelihood_matches_scikit_learn(overconfident):
    logits, y = overconfident
    expected = log_loss(y, calibration.softmax(logits, 1.7))
    assert calibration.negative_log_likelihood(logits, y, 1.7) == pytest.approx(expected)


def test_fitted_temperature_undoes_the_distortion(overconfident):
    logits, y = overconfident
    fitted = calibration.fit_temperature(logits, y)
    best = minimize_scalar(
        lambda t: calibration.negative_log_likelihood(logits, y, t),
        bounds=(0.5, 10),
        method="bounded",
        options={"xatol": 1e-8},
    )
    assert fitted == pytest.approx(best.x, abs=1e-4)
    assert fitted == pytest.approx(2.5, rel=0.1)


def test_perfect_validation_images_stop_at_the_lower_bound():
    fitted = calibration.fit_temperature(10 * np.eye(3), [0, 1, 2])
    assert fitted == pytest.approx(calibration.TEMPERATURE_RANGE[0], rel=1e-5)


def test_no_validation_images_are_refused():
    with pytest.raises(DatasetError, match=r"validation images. Received: none"):
        calibration.fit_temperature(np.empty((0, 4)), np.empty(0, dtype=int))


def test_bins_by_hand():
    bins = calibration.reliability_bins([0.0, 0.5, 0.51, 1.0], [1, 1, 0, 1], bins=2)
    assert [b["count"] for b in bins] == [2, 2]
    assert bins[0]["confidence"] == 0.25
    assert bins[0]["accuracy"] == 1.0
    assert bins[1]["confidence"] == pytest.approx(0.755)
    assert bins[1]["accuracy"] == 0.5
    error = calibration.expected_calibration_error([0.0, 0.5, 0.51, 1.0], [1, 1, 0, 1], bins=2)
    assert error == pytest.approx((0.75 + 0.255) / 2)


def test_empty_bins_have_no_mean():
    bins = calibration.reliability_bins([0.95], [True])
    assert len(bins) == 15
    assert sum(b["count"] for b in bins) == 1
    assert np.isnan(bins[0]["accuracy"])
    assert np.isnan(calibration.expected_calibration_error([], []))


def test_adaptive_error_by_hand():
    confidence, correct = [0.9, 0.6, 0.8, 0.7], [True, False, True, True]
    expected = (2 * abs(0.65 - 0.5) + 2 * abs(0.85 - 1.0)) / 4
    assert calibration.adaptive_calibration_error(confidence, correct, 2) == pytest.approx(expected)


def test_scaling_lowers_the_error(overconfident):
    logits, y = overconfident
    temperature = calibration.fit_temperature(logits[:1500], y[:1500])
    bootstrap = GroupBootstrap([str(k) for k in range(1500)], resamples=50)
    summary = calibration.summarise_calibration(logits[1500:], y[1500:], temperature, bootstrap)
    assert summary["after"]["ece"] < 0.3 * summary["before"]["ece"]
    assert sum(b["count"] for b in summary["after"]["bins"]) == 1500


def test_the_interval_of_the_error_comes_from_resampled_groups():
    rng = np.random.default_rng(3)
    confidence = np.repeat(rng.uniform(0.5, 1.0, 60), 4)
    correct = np.repeat(rng.uniform(size=60) < 0.7, 4)
    bootstrap = GroupBootstrap([str(k // 4) for k in range(240)], resamples=200, seed=1)
    found = calibration.calibration_interval(confidence, correct, bootstrap)
    expected = [
        calibration.expected_calibration_error(
            np.repeat(confidence, times), np.repeat(correct, times)
        )
        for times in bootstrap.counts[:, bootstrap.index]
    ]
    assert found.value == calibration.expected_calibration_error(confidence, correct)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])))
    assert found.n == 240


def test_the_interval_of_a_small_error_reaches_down_to_it():
    """Noise within a bin only widens a gap; 150 right answers of 200 at 0.75 leave no gap."""
    confidence = np.full(200, 0.75)
    correct = np.arange(200) % 4 > 0
    bootstrap = GroupBootstrap([str(k) for k in range(200)], resamples=300)
    found = calibration.calibration_interval(confidence, correct, bootstrap)
    assert found.value == found.low == pytest.approx(0.0, abs=1e-12)
    assert 0.03 < found.high < 0.09


def test_a_single_group_gives_no_interval_of_the_error():
    bootstrap = GroupBootstrap(["one"] * 4, resamples=10)
    found = calibration.calibration_interval([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], bootstrap)
    assert np.isnan(found.low)
    assert np.isnan(found.high)
