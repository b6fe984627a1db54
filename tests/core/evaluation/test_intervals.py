import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import DatasetError
from core.evaluation.intervals import (
    GroupBootstrap,
    percentile_interval,
    wilson,
    wilson_interval,
)
from core.evaluation.metrics import roc_auc, weighted_roc_auc


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (171, 200)])
def test_wilson_matches_scipy(k, n):
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_without_trials_is_nan():
    interval = wilson_interval(0, 0)
    assert np.isnan([interval.value, interval.low, interval.high]).all()


def test_wilson_refuses_more_successes_than_trials():
    with pytest.raises(DatasetError, match="Received: 3 of 2"):
        wilson(3, 2)


def test_resamples_draw_groups_with_replacement():
    bootstrap = GroupBootstrap(["a", "b", "a", "c"], resamples=200, seed=1)
    assert bootstrap.n_groups == 3
    assert (bootstrap.counts.sum(axis=1) == 3).all()
    assert bootstrap.counts.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.2)


def test_totals_equal_the_sums_over_drawn_images():
    rng = np.random.default_rng(0)
    groups = [f"g{k}" for k in rng.integers(7, size=30)]
    values = rng.normal(size=(30, 2))
    bootstrap = GroupBootstrap(groups, resamples=5)
    weights = np.concatenate(list(bootstrap.image_weights()))
    np.testing.assert_allclose(bootstrap.totals(values), weights @ values)


def test_mean_matches_a_plain_loop():
    rng = np.random.default_rng(0)
    groups = [f"g{k:02d}" for k in rng.integers(20, size=100)]
    right = rng.random(100) < 0.8
    bootstrap = GroupBootstrap(groups, resamples=300, seed=5)
    members = [np.flatnonzero(np.array(groups) == name) for name in sorted(set(groups))]
    means = []
    for counts in bootstrap.counts:
        drawn = np.concatenate([np.tile(members[g], c) for g, c in enumerate(counts)])
        means.append(right[drawn].mean())
    interval = bootstrap.mean(right)
    assert interval.value == pytest.approx(right.mean())
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert interval.n == 100


def test_replicates_of_an_area_match_repeated_images():
    rng = np.random.default_rng(2)
    groups = [f"g{k}" for k in range(15) for _ in range(3)]
    positive, scores = rng.random(45) < 0.5, rng.random(45)
    bootstrap = GroupBootstrap(groups, resamples=20)
    areas = bootstrap.replicate(lambda w: weighted_roc_auc(positive, scores, w))
    for area, counts in zip(areas, bootstrap.counts, strict=True):
        drawn = np.repeat(np.arange(45), counts[bootstrap.index])
        assert area == pytest.approx(roc_auc(positive[drawn], scores[drawn]))


def test_groups_widen_the_interval():
    right = np.repeat([True, True, True, False] * 10, 10)
    grouped = GroupBootstrap([str(k // 10) for k in range(400)]).mean(right)
    single = GroupBootstrap([str(k) for k in range(400)]).mean(right)
    assert grouped.high - grouped.low > 2 * (single.high - single.low)


def test_same_seed_same_interval_other_seed_another():
    groups = [str(k) for k in range(50)]
    right = np.arange(50) % 3 > 0
    first = GroupBootstrap(groups, seed=1).mean(right)
    assert first == GroupBootstrap(groups, seed=1).mean(right)
    draws = [GroupBootstrap(groups, seed=seed).counts for seed in (1, 2)]
    assert not np.array_equal(*draws)


def test_blocks_do_not_change_the_draws(monkeypatch):
    groups = [str(k) for k in range(40)]
    whole = GroupBootstrap(groups, resamples=64).counts
    monkeypatch.setattr("core.evaluation.intervals._BLOCK", 400)
    np.testing.assert_array_equal(GroupBootstrap(groups, resamples=64).counts, whole)


def test_a_perfect_score_does_not_claim_certainty():
    interval = GroupBootstrap(["a", "a", "b", "c", "d"]).mean(np.ones(5, dtype=bool))
    assert interval.value == interval.high == 1.0
    assert interval.low == pytest.approx(wilson(4, 4)[0])


def test_one_group_gives_no_interval():
    interval = GroupBootstrap(["a", "a"]).mean(np.array([True, False]))
    assert interval.value == 0.5
    assert np.isnan([interval.low, interval.high]).all()


def test_mean_over_an_empty_mask_is_nan():
    interval = GroupBootstrap(["a", "b"]).mean(np.ones(2), among=np.zeros(2, dtype=bool))
    assert np.isnan(interval.value)
    assert interval.n == 0


def test_mostly_undefined_replicates_give_no_interval():
    half = percentile_interval(0.5, np.array([0.4, 0.6, np.nan, np.nan]), 4, groups=4)
    assert 0.4 < half.low < half.high < 0.6
    most = percentile_interval(0.5, np.array([0.4, np.nan, np.nan]), 3, groups=3)
    assert np.isnan(most.low)


def test_no_images_are_refused():
    with pytest.raises(DatasetError, match="Received: 0 images, 10 resamples"):
        GroupBootstrap([], resamples=10)


def test_resamples_of_one_group_claim_no_certainty():
    interval = percentile_interval(0.4, np.full(100, 0.4), 5, groups=1)
    assert (interval.value, interval.n) == (0.4, 5)
    assert np.isnan([interval.low, interval.high]).all()


def test_the_smaller_side_of_a_mask_is_counted_in_groups():
    bootstrap = GroupBootstrap(["a", "a", "b", "c"])
    assert bootstrap.sides(np.array([True, False, True, True])) == 1
    assert bootstrap.sides(np.array([True, False, False, True])) == 2
