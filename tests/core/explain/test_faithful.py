import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.explain.faithful import check_explanation, head_region, scorer, to_input
from core.explain.methods import explain
from core.imaging.preprocess import preprocess
from core.inference import load_folder
from core.types import Explanation, Slice


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return load_folder(tiny_weights / "cnn")


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(1, size=96, lesion="meningioma").slice


def test_an_explanation_is_measured_beside_chance_and_edges(predictor, phantom):
    explanation = explain(phantom, predictor)
    found = check_explanation(phantom, predictor, explanation)
    own = predictor.predict([phantom])[0]
    for score in (found.map, found.random, found.edges):
        assert score.deletion.values[0] == pytest.approx(own.confidence, abs=1e-4)
        assert score.insertion.values[-1] == pytest.approx(own.confidence, abs=1e-4)
    again = check_explanation(phantom, predictor, explanation)
    assert again.to_dict() == found.to_dict()


def test_the_scorer_gives_calibrated_probabilities(predictor, phantom):
    image, _ = preprocess(phantom, 32)
    found = scorer(predictor)(image[np.newaxis, ..., 0])
    np.testing.assert_allclose(found[0], predictor.predict([phantom])[0].probabilities, atol=1e-5)


@pytest.mark.parametrize("shape", [(120, 80), (80, 120), (40, 40)])
def test_a_map_goes_to_the_slice_and_back(shape):
    pixels = np.zeros(shape, np.float32)
    pixels[5:-5, 5:-5] = 0.7
    _, geometry = preprocess(Slice(pixels), 32)
    y, x = np.mgrid[0:1:32j, 0:1:32j]
    smooth = (np.sin(3 * y) * np.cos(2 * x)).astype(np.float32) ** 2
    back = to_input(geometry.map_to_slice(smooth), geometry)
    inner = slice(8, -8)
    np.testing.assert_allclose(back[inner, inner], smooth[inner, inner], atol=0.05)


def test_the_region_is_the_head_whether_bright_or_inverted():
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    head = np.hypot(y, x) < 0.7
    image = np.where(head, 1.5, -1.0).astype(np.float32)
    image[28:36, 28:36] = -1.0
    for shown in (image, -image):
        region = head_region(shown)
        assert region[32, 32]
        assert not region[0, 0]
        assert (region == head).mean() > 0.97


def test_where_nothing_stands_out_everything_takes_part():
    assert head_region(np.zeros((32, 32), np.float32)).all()


def test_a_map_of_another_slice_is_refused(predictor, phantom):
    other = Explanation("glioma", np.zeros((10, 10), np.float32), "grad-cam", "features")
    with pytest.raises(ValueError, match=r"shape of its slice, \(96, 96\)\. Received: \(10, 10\)"):
        check_explanation(phantom, predictor, other)
    unknown = Explanation("stroke", np.zeros((96, 96), np.float32), "grad-cam", "features")
    with pytest.raises(ValueError, match="Received: 'stroke'"):
        check_explanation(phantom, predictor, unknown)
