import numpy as np
import pytest

from core.explain.region import hot_region


@pytest.fixture
def head():
    y, x = np.mgrid[-1:1:101j, -1:1:101j]
    return np.where(np.hypot(y, x) < 0.8, 0.6, 0.0).astype(np.float32)


def test_the_area_is_a_share_of_the_head(head):
    cam = np.zeros_like(head)
    cam[40:60, 40:60] = 0.8
    cam[30:40, 40:60] = 0.39
    found = hot_region(cam, head)
    assert found.mask.sum() == 400
    assert found.share == pytest.approx(400 / (head > 0).sum(), rel=0.02)


def test_what_is_hot_outside_of_the_head_does_not_count(head):
    cam = np.zeros_like(head)
    cam[:8, :8] = 1.0
    assert hot_region(cam, head) is None
    cam[50, 50] = 1.0
    assert hot_region(cam, head).mask.sum() == 1


def test_an_empty_map_has_no_region(head):
    assert hot_region(np.zeros_like(head), head) is None


def test_a_map_of_another_slice_is_refused(head):
    with pytest.raises(ValueError, match=r"Received: \(101, 101\) and \(5, 5\)"):
        hot_region(np.zeros((5, 5), np.float32), head)
