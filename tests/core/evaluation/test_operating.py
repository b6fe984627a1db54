import numpy as np
import pytest

from core.evaluation.operating import no_tumour_shift, wanted_share

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
