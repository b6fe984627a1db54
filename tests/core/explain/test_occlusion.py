from types import SimpleNamespace

import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.evaluation.calibration import softmax
from core.explain.occlusion import GREY, occlusion_map
from core.imaging.preprocess import preprocess

LABELS = ("glioma", "meningioma")
SIZE = 32


class CornerPredictor:
    """Looks at the upper left quarter of its input alone."""

    labels = LABELS
    card = SimpleNamespace(input_size=SIZE, temperature=1.0)

    def __init__(self):
        self.batches = []

    def logits(self, images):
        self.batches.append(len(images))
        seen = np.square(images[:, : SIZE // 2, : SIZE // 2, 0]).mean(axis=(1, 2))
        return np.stack([2 * seen, np.zeros(len(images))], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def slice_():
    return draw_phantom(2, size=96, lesion="glioma").slice


def test_the_drop_lies_where_the_model_looks(slice_):
    found = occlusion_map(slice_, CornerPredictor(), "glioma", side=0.25, steps=4)
    assert found.grid.shape == (4, 4)
    assert found.grid[:2, :2].max() > 0.02
    np.testing.assert_allclose(found.grid[2:], 0, atol=1e-6)
    np.testing.assert_allclose(found.grid[:, 2:], 0, atol=1e-6)
    assert found.strongest == found.grid.max()
    assert found.drop.shape == slice_.shape
    assert found.drop[:40, :40].max() > 0.02
    np.testing.assert_allclose(found.drop[60:], 0, atol=1e-6)


def test_each_position_is_what_hiding_it_by_hand_gives(slice_):
    predictor = CornerPredictor()
    found = occlusion_map(slice_, predictor, "meningioma", side=0.5, steps=3)
    image = preprocess(slice_, SIZE)[0][np.newaxis]
    base = softmax(predictor.logits(image), 1.0)[0, 1]
    assert found.probability == pytest.approx(base)
    for row, start in enumerate((0, 8, 16)):
        hidden = image.copy()
        hidden[:, start : start + 16, 8:24] = GREY
        after = softmax(predictor.logits(hidden), 1.0)[0, 1]
        assert found.grid[row, 1] == pytest.approx(base - after, abs=1e-6)
    # What the one class loses, the other gains.
    other = occlusion_map(slice_, predictor, "glioma", side=0.5, steps=3)
    np.testing.assert_allclose(other.grid, -found.grid, atol=1e-6)


def test_positions_go_through_in_batches_and_are_reported(slice_):
    predictor, seen = CornerPredictor(), []
    occlusion_map(slice_, predictor, "glioma", steps=7, progress=lambda *p: seen.append(p))
    assert predictor.batches == [1, 32, 17]
    assert seen == [(32, 49), (49, 49)]


def test_a_real_network_answers(slice_, weights):
    from core.inference import load_predictor

    predictor = load_predictor("cnn", weights)
    found = occlusion_map(slice_, predictor, "glioma", steps=3)
    assert found.probability == pytest.approx(
        float(predictor.analyse(slice_).prediction.probabilities[0]), abs=1e-5
    )
    assert np.isfinite(found.drop).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "other"}, "The class is one of: glioma, meningioma. Received: 'other'"),
        ({"side": 0.0}, "Received: 0.0 and 14"),
        ({"steps": 0}, "Received: 0.2 and 0"),
    ],
)
def test_what_makes_no_sense_is_refused(slice_, options, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(slice_, CornerPredictor(), **{"label": "glioma", **options})
