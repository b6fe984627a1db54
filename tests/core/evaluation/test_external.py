import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.evaluation.external import (
    check_external,
    check_within_patients,
    cutoff_at_specificity,
)


def rows(p_no_tumour):
    """Probabilities of two classes: tumour, no tumour."""
    p = np.asarray(p_no_tumour, dtype=float)
    return np.stack([1 - p, p], axis=1)


def names(n):
    return [str(k) for k in range(n)]


def test_cutoff_keeps_exactly_the_wanted_share():
    scores = np.arange(20) / 20
    assert cutoff_at_specificity(scores) == scores[18]
    assert np.mean(scores <= cutoff_at_specificity(scores)) == 0.95


def test_external_check_by_hand():
    healthy = rows(1 - np.arange(20) / 40)  # scores 0 to 0.475: all stay "no tumour"
    tumours = rows([0.1, 0.45, 0.53, 0.545, 0.9])  # scores 0.9, 0.55, 0.47, 0.455, 0.1
    found = check_external(tumours, healthy, 1, notumour_groups=names(20), resamples=200)
    assert found["n_tumour"] == 5
    assert found["n_notumour"] == 20
    assert found["found_at_decision"]["value"] == pytest.approx(0.4)
    assert found["found_at_95_specificity"]["value"] == pytest.approx(0.8)
    assert found["notumour_kept"]["value"] == 1.0
    assert found["notumour_kept"]["low"] < 1.0
    scores = np.r_[tumours[:, 0], healthy[:, 0]]
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score([1] * 5 + [0] * 20, scores))
    assert found["auroc"]["low"] <= found["auroc"]["value"] <= found["auroc"]["high"]


def test_resampled_share_follows_its_own_cutoff():
    rng = np.random.default_rng(0)
    tumours, healthy = rows(rng.beta(2, 3, 60)), rows(rng.beta(4, 2, 80))
    groups = names(80)
    found = check_external(tumours, healthy, 1, notumour_groups=groups, resamples=400, seed=3)
    shares = []
    draws = np.random.default_rng(9)
    for _ in range(400):
        negatives = healthy[draws.integers(80, size=80), 0]
        positives = tumours[draws.integers(60, size=60), 0]
        shares.append(np.mean(positives > cutoff_at_specificity(negatives)))
    low, high = np.quantile(shares, [0.025, 0.975])
    interval = found["found_at_95_specificity"]
    assert interval["low"] == pytest.approx(low, abs=0.06)
    assert interval["high"] == pytest.approx(high, abs=0.06)


def test_grouped_tumours_widen_the_interval():
    decided = np.repeat(np.arange(10) % 2, 10)
    tumours, healthy = rows(np.where(decided, 0.2, 0.8)), rows(np.full(30, 0.9))
    options = {"notumour_groups": names(30), "resamples": 300}
    grouped = check_external(
        tumours, healthy, 1, tumour_groups=[str(k // 10) for k in range(100)], **options
    )["found_at_decision"]
    single = check_external(tumours, healthy, 1, **options)["found_at_decision"]
    assert grouped["value"] == single["value"] == 0.5
    assert grouped["high"] - grouped["low"] > 2 * (single["high"] - single["low"])


def test_within_patients_by_hand():
    # Patient a: 1.0; patient b: 0.0 and far higher scores; patient c has tumours only.
    scores = np.array([0.2, 0.1, 0.8, 0.9, 0.5])
    is_tumour = np.array([True, False, True, False, True])
    found = check_within_patients(rows(1 - scores), is_tumour, 1, list("aabbc"), resamples=50)
    assert (found["n_patients"], found["n_tumour"], found["n_notumour"]) == (3, 3, 2)
    assert found["mean_patient_auroc"] == pytest.approx(0.5)
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(is_tumour, scores))


def test_within_patients_needs_both_kinds():
    assert check_within_patients(rows([0.1, 0.2]), np.ones(2, bool), 1, ["a", "b"]) is None


def test_one_patient_gives_no_interval_of_an_area():
    scores, is_tumour = np.array([0.2, 0.8, 0.6, 0.4]), np.array([False, True, False, True])
    found = check_within_patients(rows(1 - scores), is_tumour, 1, list("aaaa"))["auroc"]
    assert found["value"] == pytest.approx(0.75)
    assert np.isnan([found["low"], found["high"]]).all()
    # Nor where all slices with a tumour are one patient's.
    found = check_within_patients(rows(1 - scores), is_tumour, 1, list("baca"))["auroc"]
    assert np.isnan([found["low"], found["high"]]).all()


def test_an_external_check_against_one_group_gives_no_interval():
    tumours, healthy = rows(np.array([0.1, 0.6, 0.3])), rows(np.array([0.9, 0.4]))
    found = check_external(tumours, healthy, 1, notumour_groups=["a", "a"], resamples=50)
    for key in ("auroc", "found_at_95_specificity", "notumour_kept"):
        assert np.isnan([found[key]["low"], found[key]["high"]]).all()
    assert found["found_at_decision"]["low"] > 0
