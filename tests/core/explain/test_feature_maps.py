import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.explain.feature_maps import feature_maps
from core.imaging.preprocess import preprocess
from core.inference import load_predictor


@pytest.fixture(scope="module")
def slice_():
    return draw_phantom(2, size=96, lesion="glioma").slice


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return load_predictor("cnn", tiny_weights)


def test_the_maps_are_the_layers_own_and_the_liveliest_come_first(slice_, predictor):
    import keras

    found = feature_maps(slice_, predictor, "block2_conv1_relu", count=5)
    inner = keras.Model(
        predictor.model.input, predictor.model.get_layer("block2_conv1_relu").output
    )
    image = preprocess(slice_, 32)[0][np.newaxis]
    every = np.array(inner(image, training=False))[0]
    spread = every.std(axis=(0, 1))
    assert found.total == every.shape[-1]
    assert found.maps.shape == (5, *every.shape[:2])
    assert list(spread[list(found.channels)]) == sorted(spread, reverse=True)[:5]
    np.testing.assert_allclose(found.maps, every[..., found.channels].transpose(2, 0, 1), atol=1e-5)
    assert found.silent == int((spread == 0).sum())


def test_a_layer_with_few_channels_gives_them_all(slice_, predictor):
    found = feature_maps(slice_, predictor, "block1_conv1_relu", count=10_000)
    assert len(found.channels) == found.total == len(set(found.channels))


def test_what_is_unknown_is_refused(slice_, predictor):
    with pytest.raises(ValueError, match="A layer is one of: block1_conv1_relu"):
        feature_maps(slice_, predictor, "head_dense")
    with pytest.raises(ValueError, match="Received: 0"):
        feature_maps(slice_, predictor, "block1_conv1_relu", 0)
