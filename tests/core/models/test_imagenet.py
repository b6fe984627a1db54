import urllib.error

import h5py
import keras
import numpy as np
import pytest

from core.errors import DownloadError, RunError
from core.models import imagenet, registry
from core.models.head import features_layer
from core.training.initialise import initialise

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def write_weights(path, layers, seed=0):
    """Write a file in the layout of keras.applications: a group per layer, order in attributes."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, shapes in layers.items():
            group = file.create_group(name)
            names = [f"{name}/{kind}:0" for kind in shapes]
            group.attrs["weight_names"] = np.array([n.encode() for n in names], dtype="S")
            for full, shape in zip(names, shapes.values(), strict=True):
                scale = np.sqrt(2 / max(np.prod(shape[:-1]), 1))
                group.create_dataset(full, data=rng.normal(0, scale, shape).astype(np.float32))
    return path


def vgg16_layers():
    layers, channels = {"input_1": {}}, 3
    for block, (width, depth) in enumerate(
        ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1
    ):
        for conv in range(1, depth + 1):
            shapes = {"kernel": (3, 3, channels, width), "bias": (width,)}
            layers[f"block{block}_conv{conv}"] = shapes
            channels = width
        layers[f"block{block}_pool"] = {}
    return layers


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("keras") / "vgg16_notop.h5", vgg16_layers())


@pytest.fixture
def served(vgg16_file, monkeypatch):
    asked = []

    def get_file(fname, origin, **options):
        asked.append((fname, origin, options))
        return str(vgg16_file)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return asked


def test_the_base_computes_what_keras_computes_with_the_same_file(served, vgg16_file):
    model = registry.build("vgg16", 32, LABELS, "average")
    sentence = initialise(model, "imagenet")
    assert "ImageNet (keras.applications, vgg16_notop.h5)" in sentence
    theirs = keras.applications.VGG16(
        include_top=False, weights=str(vgg16_file), input_shape=(32, 32, 3)
    )
    slices = np.random.default_rng(1).normal(size=(2, 32, 32, 1)).astype(np.float32)
    pixels = np.repeat(slices * 58 + 118, 3, axis=-1)
    expected = theirs(keras.applications.vgg16.preprocess_input(pixels.copy()))
    ours = keras.Model(model.input, model.get_layer("block5_pool").output)
    np.testing.assert_allclose(ours(slices), expected, rtol=1e-3, atol=1e-2)


def test_the_file_is_kerass_own_with_its_digest(served):
    imagenet.fetch("vgg16")
    ((name, url, options),) = served
    assert name == "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert url.endswith("/keras-applications/vgg16/" + name)
    assert options["file_hash"] == "6d6bbae143d832006294945121d1f1fc"
    assert options["cache_subdir"] == "models"


@pytest.mark.parametrize("name", list(imagenet.FILES))
def test_addresses_and_digests_are_those_of_keras(name):
    from keras.src.applications import efficientnet, resnet, vgg16, vgg19

    url, md5 = {
        "vgg16": (vgg16.WEIGHTS_PATH_NO_TOP, None),
        "vgg19": (vgg19.WEIGHTS_PATH_NO_TOP, None),
        "resnet50": (resnet.BASE_WEIGHTS_PATH, resnet.WEIGHTS_HASHES["resnet50"][1]),
        "efficientnetb0": (
            efficientnet.BASE_WEIGHTS_PATH, efficientnet.WEIGHTS_HASHES["b0"][1],
        ),
    }[name]  # fmt: skip
    assert imagenet.FILES[name].url.startswith(url)
    assert md5 in (None, imagenet.FILES[name].md5)


def test_a_file_in_the_cache_is_not_downloaded(vgg16_file, tmp_path, monkeypatch):
    import hashlib
    import shutil
    from dataclasses import replace

    md5 = hashlib.md5(vgg16_file.read_bytes()).hexdigest()
    file = replace(imagenet.FILES["vgg16"], md5=md5)
    monkeypatch.setitem(imagenet.FILES, "vgg16", file)
    # KERAS_HOME is read when Keras is imported.
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    (tmp_path / "models").mkdir()
    shutil.copy(vgg16_file, tmp_path / "models" / file.name)

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", refuse)
    assert imagenet.fetch("vgg16") == tmp_path / "models" / file.name


def test_without_a_network_the_message_says_what_to_do(tmp_path, monkeypatch, capsys):
    def offline(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", offline)
    with pytest.raises(
        DownloadError, match=r"must be reachable unless .*KERAS_HOME.*Received:.*no route to host"
    ):
        imagenet.fetch("vgg19")
    assert capsys.readouterr().out == ""
    assert list((tmp_path / "models").iterdir()) == []


def test_an_architecture_without_imagenet_weights_is_refused():
    with pytest.raises(RunError, match=r"imagenet is for vgg16, vgg19.*Received: cnn"):
        initialise(registry.build("cnn", 32, LABELS, filters=(4, 4)), "imagenet")


def test_a_file_of_another_shape_changes_nothing(tmp_path, monkeypatch):
    layers = vgg16_layers()
    layers["block5_conv3"]["kernel"] = (3, 3, 512, 256)
    path = write_weights(tmp_path / "odd.h5", layers)
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: str(path))
    model = registry.build("vgg16", 32, LABELS)
    before = np.array(model.get_layer("block1_conv1").kernel)
    with pytest.raises(DownloadError, match=r"odd.h5 fits vgg16. Received: block5_conv3"):
        imagenet.load_imagenet(model)
    np.testing.assert_array_equal(before, model.get_layer("block1_conv1").kernel)


def test_a_file_that_is_no_hdf5_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "page.h5"
    path.write_text("<html>")
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: str(path))
    with pytest.raises(DownloadError, match=r"page.h5 is a weights file"):
        imagenet.load_imagenet(registry.build("vgg16", 32, LABELS))


def test_efficientnet_standardises_as_keras_does(tmp_path, monkeypatch):
    """Keras keeps the channels' deviations as variances and divides once more by their root."""
    theirs = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    rng, path = np.random.default_rng(0), tmp_path / "efficientnetb0_notop.h5"
    statistics = [np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)]
    with h5py.File(path, "w") as file:
        layers = [layer for layer in theirs.layers if layer.weights]
        names = [
            "normalization" if layer.name.startswith("norm") else layer.name for layer in layers
        ]
        file.attrs["layer_names"] = np.array([name.encode() for name in names])
        for name, layer in zip(names, layers, strict=True):
            group, parts = file.create_group(name), []
            for number, variable in enumerate(layer.weights):
                value = np.array(variable)
                if name == "normalization":
                    value = statistics[number]
                elif "kernel" not in variable.path:
                    value = value + rng.uniform(0, 0.1, value.shape)
                parts.append(f"w{number}".encode())
                group.create_dataset(f"w{number}", data=value.astype(np.float32))
            group.attrs["weight_names"] = np.array(parts)
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: str(path))
    monkeypatch.setattr(
        "keras.src.applications.efficientnet.file_utils.get_file", lambda *_, **__: str(path)
    )
    theirs = keras.applications.EfficientNetB0(include_top=False, weights="imagenet")
    model = registry.build("efficientnetb0", 32, LABELS)
    imagenet.load_imagenet(model)
    slices = rng.normal(size=(2, 32, 32, 1)).astype(np.float32)
    ours = keras.Model(model.input, model.get_layer(features_layer(model)).output)
    expected = theirs(np.repeat(slices * 58 + 118, 3, axis=-1))
    np.testing.assert_allclose(ours(slices), expected, rtol=1e-3, atol=1e-4)
