from dataclasses import replace

import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.errors import ModelNotReadyError
from core.explain.catalogue import METHODS
from core.explain.methods import INPUT_LAYER, class_map
from core.imaging.preprocess import preprocess
from core.inference import load_predictor
from core.mirror import MirroredPass, mean_maps, mirrored
from core.models.card import parse_card
from core.predictor import Predictor


@pytest.fixture(scope="module")
def plain(tiny_weights):
    return load_predictor("cnn", tiny_weights)


@pytest.fixture(scope="module")
def both(plain):
    card = replace(plain.card, raw={**plain.card.raw, "mirrored": True})
    return Predictor(card, plain.model)


@pytest.fixture(scope="module")
def images():
    slices = [draw_phantom(seed, size=90, lesion="glioma").slice for seed in (3, 4)]
    return np.stack([preprocess(slice_, 32)[0] for slice_ in slices])


class FakePass:
    """Knows of a slice only its top left pixel, which it gives back in every form."""

    layer, precision = "last", "float32"

    def full(self, images):
        value = images[:, 0, 0, 0]
        maps = np.zeros((len(images), 2, 2, 2), np.float32)
        maps[:, 0, 0, 0] = 1.0
        lesion = np.zeros((len(images), 2, 2), np.float32)
        lesion[:, 1, 0] = value
        return np.stack([value, -value], 1), maps, lesion, value[:, np.newaxis]

    def forward(self, images):
        logits, _, _, features = self.full(images)
        return logits, features


def test_every_part_of_the_answer_is_averaged_where_it_belongs():
    slice_ = np.array([[[[0.2], [0.6]], [[0.0], [0.0]]]], np.float32)
    logits, maps, lesion, features = MirroredPass(FakePass()).full(slice_)
    np.testing.assert_allclose(logits, [[0.4, -0.4]])
    np.testing.assert_allclose(maps, [[[[1, 1], [0, 0]], [[0, 0], [0, 0]]]])
    np.testing.assert_allclose(lesion, [[[0, 0], [0.1, 0.3]]])
    np.testing.assert_allclose(features, [[0.2]])
    logits, features = MirroredPass(FakePass()).forward(slice_)
    np.testing.assert_allclose(logits, [[0.4, -0.4]])
    np.testing.assert_allclose(features, [[0.2]])


def test_a_mean_map_has_its_peak_at_one_and_silence_stays_silent():
    first = np.array([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32)
    second = np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32)
    expected = [[[0, 1], [0, 1]], [[0, 0], [0, 0]]]
    np.testing.assert_allclose(mean_maps(first, second), expected)


def test_logits_are_the_mean_over_both_views(plain, both, images):
    expected = (plain.logits(images) + plain.logits(mirrored(images))) / 2
    np.testing.assert_allclose(both.logits(images), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(plain.logits(images) - expected).max() > 1e-4


def test_left_and_right_do_not_matter(both, images):
    logits, maps, lesion = both.maps(images)
    other_logits, other_maps, other_lesion = both.maps(mirrored(images))
    np.testing.assert_allclose(other_logits, logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(other_maps[..., ::-1], maps, atol=1e-4)
    np.testing.assert_allclose(other_lesion[..., ::-1], lesion, atol=1e-5)


@pytest.mark.parametrize("method", ["grad-cam", "layer-cam", "smoothgrad"])
def test_every_method_explains_both_views(plain, both, images, method):
    layer = plain.layer if METHODS[method].layered else INPUT_LAYER
    first, other = (
        class_map(plain, x, method, 1, layer) for x in (images[:1], mirrored(images[:1]))
    )
    found = class_map(both, images[:1], method, 1, layer)
    np.testing.assert_allclose(found, mean_maps(first, other), atol=1e-5)


def test_a_card_says_yes_or_no(plain):
    with pytest.raises(ModelNotReadyError, match=r"true or false\. Received: 'perhaps'"):
        parse_card({**plain.card.raw, "mirrored": "perhaps"})
    assert not plain.card.mirrored
