import re

import numpy as np
import pytest

from core.errors import RunError
from core.explain.closed_form import closed_form
from core.explain.convolutions import layers
from core.explain.features import depth_layers
from core.explain.grad_cam import fused_pass, split_at
from core.files import write_json
from core.models import registry
from core.models.fine import FINE_LAYER, WIDTH
from core.models.head import LESION_LAYER, LOGITS_LAYER, features_layer
from core.training.config import TrainConfig
from core.training.initialise import initialise
from tests.core.training.conftest import tiny_architecture  # noqa: F401

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
THREE = ("glioma", "notumor", "pituitary")
SLICES = np.random.default_rng(4).normal(size=(3, 64, 64, 1)).astype(np.float32)


@pytest.mark.parametrize(("name", "rows", "channels"), [("cnn", 8, 256), ("vgg16", 8, 512)])
def test_the_map_has_twice_the_resolution_and_more_channels(name, rows, channels):
    coarse, fine = registry.build(name, 64, LABELS), registry.build(name, 64, LABELS, "fine")
    assert coarse.output[LESION_LAYER].shape == (None, rows // 2, rows // 2, 1)
    assert fine.output[LESION_LAYER].shape == (None, rows, rows, 1)
    assert features_layer(fine) == FINE_LAYER
    assert fine.get_layer(FINE_LAYER).output.shape[-1] == channels + WIDTH
    assert [x.name for x in layers(fine)] == [*(x.name for x in layers(coarse)), FINE_LAYER]
    # The gate judges by the same two maps.
    assert depth_layers(fine) == depth_layers(coarse)


def test_grad_cam_shows_the_fine_map_in_closed_form():
    model = registry.build("cnn", 64, LABELS, "fine")
    logits, maps, lesion = fused_pass(model)(SLICES)
    assert maps.shape == (3, 4, 8, 8)
    assert lesion.shape == (3, 8, 8)
    np.testing.assert_allclose(logits, model(SLICES)[LOGITS_LAYER], atol=1e-4)
    assert closed_form(split_at(model, FINE_LAYER)[1]) is not None


@pytest.mark.parametrize("name", ["resnet50", "efficientnetb0"])
def test_bases_without_a_map_of_twice_the_resolution_are_refused(name):
    with pytest.raises(
        RunError, match=f"--head fine is for cnn, vgg16 and vgg19. Received: {name}"
    ):
        registry.build(name, 64, LABELS, "fine")


def write_run(folder, name):
    """Leave what a run of a coarse network leaves, with norms and biases far from their start."""
    config = TrainConfig(name, "manifest.csv", labels=THREE, size=32)
    model = registry.build(name, 32, THREE)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "kernel" not in variable.path:
            noise = rng.uniform(0.8, 1.2, tuple(variable.shape)).astype(np.float32)
            variable.assign(variable.value * noise + (noise - 1.0))
    folder.mkdir()
    write_json(folder / "config.json", config.to_dict())
    model.save_weights(folder / "best.weights.h5")
    return model


def test_a_network_goes_on_from_a_coarse_one_and_computes_the_same_at_first(tmp_path):
    coarse = write_run(tmp_path / "tiny", "tiny")
    fine = registry.build("tiny", 32, THREE, "fine")
    sentence = initialise(fine, str(tmp_path / "tiny"))
    assert re.match(
        r"the run 'tiny' \([0-9a-f]{12}\), now with a map of twice the resolution", sentence
    )
    slices = SLICES[:, :32, :32]
    before, after = coarse(slices), fine(slices)
    np.testing.assert_allclose(after[LOGITS_LAYER], before[LOGITS_LAYER], rtol=1e-4, atol=1e-5)
    large = np.asarray(before[LESION_LAYER]).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(after[LESION_LAYER], large, rtol=1e-4, atol=1e-5)
    # What is new counts for nothing, but it can learn to.
    own = fine.get_layer("fine_conv_relu").output
    assert np.asarray(type(fine)(fine.input, own)(slices)).max() > 0


def test_a_vgg_goes_on_from_a_coarse_one_and_computes_the_same_at_first(tmp_path):
    coarse = write_run(tmp_path / "coarse", "vgg16")
    fine = registry.build("vgg16", 32, THREE, "fine")
    initialise(fine, str(tmp_path / "coarse"))
    slices = SLICES[:, :32, :32]
    np.testing.assert_allclose(
        fine(slices)[LOGITS_LAYER], coarse(slices)[LOGITS_LAYER], rtol=1e-3, atol=1e-4
    )
    deeper = registry.build("vgg19", 32, THREE, "fine")
    assert "grown by 3 identity convolutions" in initialise(deeper, str(tmp_path / "coarse"))
    np.testing.assert_allclose(
        deeper(slices)[LOGITS_LAYER], coarse(slices)[LOGITS_LAYER], rtol=1e-3, atol=1e-4
    )


def test_a_vgg_that_grows_from_the_small_network_begins_coarse(tmp_path):
    write_run(tmp_path / "cnn", "cnn")
    model = registry.build("vgg16", 32, THREE, "fine")
    with pytest.raises(RunError, match=r"starts from the small network with --head lesion"):
        initialise(model, str(tmp_path / "cnn"))


@pytest.mark.parametrize("frozen", [{"freeze": "base"}, {"head_epochs": 1}])
def test_a_frozen_base_would_keep_the_fine_map_from_learning(frozen):
    with pytest.raises(RunError, match="head is lesion or average while the base is frozen"):
        TrainConfig("cnn", "manifest.csv", head="fine", **frozen)
