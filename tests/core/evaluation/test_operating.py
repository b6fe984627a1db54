import numpy as np
import pytest

from core.evaluation.intervals import GroupBootstrap
from core.evaluation.operating import (
    design_effect,
    no_tumour_shift,
    share_to_keep,
    wanted_share,
)

# Tumour-free slices whose best rival leads by -1, 0.5, 2 and 3; and a slice with a tumour.
LOGITS = np.array(
    [[0.0, 1.0, -3.0], [0.5, 0.0, 0.0], [1.0, 0.0, 2.0], [3.0, 0.0, 1.0], [9.0, 0.0, 0.0]]
)
TARGETS = np.array([1, 1, 1, 1, 0])


@pytest.mark.parametrize(("kept", "count"), [(0.25, 1), (0.5, 2), (0.6, 3), (0.75, 3), (1.0, 4)])
def test_the_shift_keeps_at_least_the_wanted_share(kept, count):
    shifted = LOGITS.copy()
    shifted[:, 1] += no_tumour_shift(LOGITS, TARGETS, 1, kept)
    assert (shifted.argmax(axis=1) == 1)[TARGETS == 1].sum() == count


def test_the_shift_is_no_larger_than_the_slice_it_must_win():
    assert no_tumour_shift(LOGITS, TARGETS, 1, 1.0) == pytest.approx(3.0, abs=0.01)


def test_a_model_that_keeps_enough_is_left_alone():
    generous = LOGITS + np.array([0.0, 10.0, 0.0])
    assert no_tumour_shift(generous, TARGETS, 1, 1.0) == 0.0


def test_without_tumour_free_slices_nothing_moves():
    assert no_tumour_shift(LOGITS[4:], TARGETS[4:], 1, 0.95) == 0.0


@pytest.mark.parametrize(("count", "share"), [(465, 0.97351), (229, 0.98350), (9, 1.0), (0, 1.0)])
def test_the_fewer_slices_the_more_of_them_are_to_be_kept(count, share):
    assert wanted_share(count) == pytest.approx(share, abs=1e-4)


def test_slices_that_are_each_their_own_group_have_no_design_effect():
    outcomes = np.array([True] * 7 + [False] * 3)
    assert design_effect(outcomes, [str(k) for k in range(10)]) == pytest.approx(1.0)


@pytest.mark.parametrize(("groups", "size"), [(10, 4), (6, 20)])
def test_groups_that_agree_with_themselves_count_once(groups, size):
    """With G groups of m slices that share one outcome the ratio is (G m - 1) / (G - 1)."""
    outcomes = np.repeat(np.arange(groups) % 3 > 0, size)
    names = np.repeat([f"g{k}" for k in range(groups)], size).tolist()
    expected = (groups * size - 1) / (groups - 1)
    assert design_effect(outcomes, names) == pytest.approx(expected)


def test_the_design_effect_of_unequal_groups_by_hand():
    """Hits 3 of 3, 1 of 2, 0 of 1: the share is 2/3, the residuals are 1, -1/3 and -2/3."""
    outcomes = np.array([True, True, True, True, False, False])
    # 3/2 x (1 + 1/9 + 4/9) / 36 over (2/9) / 5.
    expected = (1.5 * (14 / 9) / 36) / (2 / 45)
    assert design_effect(outcomes, list("aaabbc")) == pytest.approx(expected)


def test_the_design_effect_agrees_with_resampled_groups():
    rng = np.random.default_rng(0)
    chance = rng.beta(4.0, 1.0, size=200)
    sizes = rng.integers(1, 9, size=200)
    index = np.repeat(np.arange(200), sizes)
    outcomes = rng.random(len(index)) < chance[index]
    names = [str(k) for k in index]
    totals = GroupBootstrap(names, resamples=4000).totals(
        np.stack([outcomes, np.ones(len(outcomes))], axis=1)
    )
    share = outcomes.mean()
    resampled = (totals[:, 0] / totals[:, 1]).var() / (share * (1 - share) / (len(outcomes) - 1))
    assert design_effect(outcomes, names) == pytest.approx(resampled, rel=0.1)


def test_groups_never_make_a_share_more_certain():
    """Both groups have the share of all slices, which independent slices would rarely have."""
    assert design_effect(np.array([True, False, True, False]), list("aabb")) == 1.0


@pytest.mark.parametrize(
    ("outcomes", "groups"), [([True, False], "aa"), ([True, True], "ab"), ([], "")]
)
def test_a_design_effect_that_cannot_be_told_is_one(outcomes, groups):
    assert design_effect(np.array(outcomes, bool), list(groups)) == 1.0


def test_a_margin_over_groups_is_the_root_of_the_design_effect_wider():
    plain, grouped = wanted_share(2000), wanted_share(2000, 4.0)
    assert grouped - 0.95 == pytest.approx(2 * (plain - 0.95))
    assert wanted_share(20, 100.0) == 1.0


def test_the_share_to_keep_knows_the_groups_of_the_tumour_free_slices():
    """400 of them in groups of four, each group agreeing: five of 100 lie beyond the 95 % line."""
    leads = np.repeat(np.arange(100.0), 4)
    logits = np.stack([leads, np.zeros(400)], axis=1)
    targets = np.ones(400, int)
    names = np.repeat([f"g{k}" for k in range(100)], 4).tolist()
    with_tumour = np.concatenate([logits, [[99.0, 0.0]]]), np.append(targets, 0), [*names, "t"]
    expected = wanted_share(400, 399 / 99)
    assert share_to_keep(logits, targets, 1, names) == pytest.approx(expected)
    assert share_to_keep(*with_tumour[:2], 1, with_tumour[2]) == pytest.approx(expected)
    assert share_to_keep(logits, targets, 1) == wanted_share(400)
    assert share_to_keep(logits, np.zeros(400, int), 1, names) == 1.0
