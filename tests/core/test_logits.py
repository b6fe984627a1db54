from types import SimpleNamespace

import numpy as np
import pytest

from core.imaging.preprocess import standardise
from core.logits import PoolLogits

COUNT = 150


class Spy:
    """Answers with what it sees, and counts."""

    labels = ("glioma", "notumor")

    def __init__(self):
        self.seen = 0

    def logits(self, images):
        self.seen += len(images)
        return images[:, 0, :2, 0]


@pytest.fixture
def pool():
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 4, 4), dtype=np.uint8)
    return SimpleNamespace(images=images, rows=[None] * COUNT)


def test_logits_are_those_of_the_slices_in_the_order_asked(pool):
    positions = np.random.default_rng(1).permutation(COUNT)[:100]
    logits = PoolLogits(Spy(), pool)(positions)
    np.testing.assert_allclose(logits, standardise(pool.images[positions])[:, 0, :2], rtol=1e-6)
    assert logits.dtype == np.float32


def test_no_slice_passes_twice(pool):
    told, spy = [], Spy()
    logits = PoolLogits(spy, pool, lambda *report: told.append(report))
    first = logits(np.arange(100), "test")
    both = logits(np.arange(50, COUNT), "shipped split")
    assert spy.seen == COUNT
    np.testing.assert_array_equal(both[:50], first[50:])
    assert told == [(64, 100, "test"), (100, 100, "test"), (50, 50, "shipped split")]
    assert logits(np.arange(0)).shape == (0, 2)
