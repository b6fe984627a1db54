import json
import shutil
from hashlib import sha256

import keras
import numpy as np
import pytest

from core.cli import main
from core.errors import UnknownModelError
from core.models import registry
from core.models.head import LOGITS_LAYER, features_layer
from core.models.precision import built_in
from core.settings import get_settings

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.mark.parametrize("name", list(registry.MODELS))
@pytest.mark.parametrize("head", ["lesion", "average"])
def test_every_model_maps_a_slice_to_logits(name, head):
    model = registry.build(name, 32, LABELS, head)
    logits = model(np.zeros((2, 32, 32, 1), np.float32))[LOGITS_LAYER]
    assert logits.shape == (2, 4)
    assert np.isfinite(np.array(logits)).all()


def test_vgg16_is_flat_and_has_its_thirteen_convolutions():
    names = {layer.name for layer in registry.build("vgg16", 32, LABELS).layers}
    expected = {f"block{b}_conv{c}" for b in range(1, 6) for c in range(1, 3 + (b > 2))}
    assert len(expected) == 13
    assert expected <= names


def test_vgg_sees_three_channels_in_the_imagenet_range():
    model = registry.build("vgg16", 32, LABELS)
    layer = model.get_layer("imagenet")
    out = np.array(layer(np.array([-1.0, 0.0, 1.0], np.float32).reshape(1, 1, 3, 1)))
    np.testing.assert_allclose(
        out[0, 0, 1], np.array([118.0] * 3) - [103.939, 116.779, 123.68], rtol=1e-5
    )
    np.testing.assert_allclose(out[0, 0, 2] - out[0, 0, 0], [116.0] * 3, rtol=1e-5)


def test_grey_levels_keep_their_fractions_in_a_network_of_bfloat16():
    with built_in("mixed_bfloat16"):
        model = registry.build("vgg16", 32, LABELS)
    grey = np.linspace(-0.01, 0.01, 9, dtype=np.float32).reshape(1, 3, 3, 1)
    # 118 + 0.58: a number format of eight bits has nothing between 118 and 118.5.
    np.testing.assert_allclose(
        np.array(model.get_layer("imagenet")(grey))[..., 0] + 103.939, 58 * grey[..., 0] + 118
    )
    assert model.get_layer("block1_conv1").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("name", "layer", "first"),
    [("resnet50", "conv5_block3_out", "conv1_conv"), ("efficientnetb0", "top_activation", None)],
)
def test_models_without_weights_are_flat_and_explained_before_their_head(name, layer, first):
    model = registry.build(name, 32, LABELS)
    assert features_layer(model) == layer
    assert model.get_layer("imagenet").mode == ("caffe" if first else "raw")
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) > 40
    assert {norm.momentum for norm in norms} == {0.9}


def test_names_of_weights_do_not_depend_on_what_was_built_before():
    paths = [
        [v.path for v in registry.build("efficientnetb0", 32, LABELS).weights] for _ in range(2)
    ]
    assert paths[0] == paths[1]


def test_a_vgg_starts_from_he_initialisation():
    kernel = np.array(registry.build("vgg16", 32, LABELS).get_layer("block4_conv2").kernel)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 512)), rel=0.02)


@pytest.mark.parametrize("name", ["resnet50", "efficientnetb0"])
def test_a_model_that_ships_without_weights_says_so(name, tmp_path, monkeypatch, capsys):
    assert registry.status(name, tmp_path).reason == registry.WITHOUT_WEIGHTS
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tmp_path))
    get_settings.cache_clear()
    try:
        assert main(["models"]) == 0
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith(name))
    assert line.endswith(f"not ready: {registry.WITHOUT_WEIGHTS}")


def test_a_model_without_shipped_weights_can_be_published(tiny_weights, tmp_path):
    shutil.copytree(tiny_weights / "cnn", tmp_path / "resnet50")
    assert registry.status("resnet50", tmp_path).ready


def test_an_unknown_model_is_named_with_the_known_ones():
    with pytest.raises(UnknownModelError, match=r"cnn, vgg16, vgg19.*Received: 'resnet'"):
        registry.get_spec("resnet")


def test_status_without_weights_says_why(tmp_path):
    status = registry.status("cnn", tmp_path)
    assert not status.ready
    assert "no card.json" in str(status.reason)


def test_status_of_published_weights_is_ready(tiny_weights):
    status = registry.status("cnn", tiny_weights)
    assert status.ready
    assert status.card is not None
    assert status.card.input_size == 32


@pytest.fixture
def damaged(tiny_weights, tmp_path):
    """A copy of published weights with something changed; returns why it isn't ready."""

    def damaged(data=None, **facts):
        folder = shutil.copytree(tiny_weights / "cnn", tmp_path / "cnn", dirs_exist_ok=True)
        if data is not None:
            (folder / "weights.safetensors").write_bytes(data)
            facts.setdefault("sha256", json.loads((folder / "card.json").read_text())["sha256"])
        card = json.loads((folder / "card.json").read_text()) | facts
        (folder / "card.json").write_text(json.dumps(card))
        found = registry.status("cnn", tmp_path)
        assert not found.ready
        assert found.card is not None
        return found.reason

    return damaged


def test_weights_that_are_not_the_cards_are_not_ready(damaged, tiny_weights):
    data = bytearray((tiny_weights / "cnn" / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    assert "SHA-256 that their card names" in damaged(bytes(data))
    assert "SHA-256 that their card names" in damaged(bytes(data[:100]))
    assert "must be a safetensors file" in damaged(b"x", sha256=sha256(b"x").hexdigest())


def test_a_card_of_another_network_is_not_ready(damaged):
    labels = ["glioma", "notumor", "pituitary"]
    assert damaged(labels=labels) == (
        "A card names as many classes as its weights have, 4. Received: 3."
    )
    assert damaged(architecture="nonsense").endswith("Received: 'nonsense'.")


def test_weights_that_were_repaired_are_ready_again(damaged, tiny_weights, tmp_path):
    damaged(b"x")
    shutil.copy(tiny_weights / "cnn" / "weights.safetensors", tmp_path / "cnn")
    assert registry.status("cnn", tmp_path).ready
