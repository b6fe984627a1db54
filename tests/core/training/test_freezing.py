"""Freezing, the features on disk, and the two phases of transfer learning."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest

from core.data.phantom import write_phantom_dataset
from core.data.split import make_split
from core.errors import OutputError, RunError
from core.models import registry
from core.models.head import LESION_LAYER, LOGITS_LAYER, attach_head, head_input
from core.training import phases
from core.training.batches import TrainingBatches
from core.training.config import TrainConfig, read_config
from core.training.features import FeatureCache
from core.training.freezing import freeze
from core.training.phases import Phase
from core.training.trainer import Trainer

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
FROZEN = {"freeze": "base", "feature_variants": 2, "averaging": 0.0}
WRONG_LAYER = {"head_epochs": 1, "fine_tune_from": "blok"}


def weights_of(model):
    return {v.path: np.array(v.value) for v in model.weights}


def changed(before, after):
    return {path for path in before if not np.array_equal(before[path], after[path])}


@pytest.fixture
def head_config(tiny_config):
    return replace(tiny_config, **FROZEN)


@dataclass
class Frozen:
    """A whole run of the head, its weights before, and what it reported."""

    trainer: Trainer
    before: dict[str, np.ndarray]
    history: list[dict[str, float]]
    told: list[dict[str, float]]


@pytest.fixture(scope="module")
def frozen(tiny_manifest, tmp_path_factory):
    told = []
    config = TrainConfig(
        "tiny", str(tiny_manifest), epochs=3, batch_size=6, size=32, precision="float32",
        dropout=0.3, **FROZEN,
    )  # fmt: skip
    trainer = Trainer(
        config,
        tmp_path_factory.mktemp("frozen") / "run",
        report=lambda step, steps, now: told.append(dict(now)),
    )
    before = weights_of(trainer.model)
    return Frozen(trainer, before, trainer.fit(), told)


def test_only_the_head_trains_on_a_frozen_base(frozen):
    moved = changed(frozen.before, weights_of(frozen.trainer.model))
    assert moved
    assert all(path.startswith(("head_", "lesion", "logits")) for path in moved)
    assert frozen.history[-1]["loss"] < frozen.history[0]["loss"]


def test_the_features_are_those_of_the_trunk_and_are_computed_once(frozen):
    trainer = frozen.trainer
    size = trainer.config.batch_size
    parts = list(trainer.cache_dir.glob("features-*/*.npy"))
    names = sorted(path.stem for path in parts)
    assert names == [
        "train-0", "train-0-allowed", "train-0-lesion",
        "train-1", "train-1-allowed", "train-1-lesion", "val",
    ]  # fmt: skip
    steps = trainer.batches.steps
    val = -(-len(trainer.pool.where("val")) // size)
    assert sum("features" in now for now in frozen.told) == 2 * steps + val
    trunk = keras.Model(trainer.model.input, head_input(trainer.model))
    batch = trainer.batches.batch(1, 2)
    stored = np.load(next(path for path in parts if path.stem == "train-1"))
    assert stored.dtype == np.float16
    np.testing.assert_allclose(
        stored[2 * size : 3 * size], trunk(batch.images), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize(("split", "same"), [("train", False), ("val", False), ("test", True)])
def test_other_pictures_under_the_same_names_have_features_of_their_own(
    tiny_pool, tmp_path, split, same
):
    slices = keras.Input((32, 32, 1))
    trunk = keras.Model(slices, keras.layers.AveragePooling2D(8)(slices))
    images = np.array(tiny_pool.images)
    images[tiny_pool.where(split)[0], 5, 5] ^= 1
    before, after = (
        FeatureCache(trunk, TrainingBatches(pool, 6, 4), 2, tmp_path).folder
        for pool in (tiny_pool, replace(tiny_pool, images=images))
    )
    assert (before == after) is same


def test_an_epoch_of_the_head_visits_every_stored_slice_once(frozen):
    stage = frozen.trainer.stage
    visited = [
        np.concatenate([part[0] for part in stage.steps(epoch)]).reshape(36, -1).sum(1)
        for epoch in (0, 2)
    ]
    assert not np.array_equal(*visited)
    np.testing.assert_allclose(*map(np.sort, visited))


def test_validation_is_the_same_with_and_without_stored_features(frozen, head_config, tmp_path):
    stored = frozen.trainer
    plain = Trainer(replace(head_config, feature_variants=0), tmp_path / "plain")
    assert plain.stage.cache is None
    assert stored.stage.cache is not None
    plain.model.set_weights(stored.model.get_weights())
    positions = stored.pool.where("val")
    np.testing.assert_allclose(
        stored.stage.logits("val", positions), plain.stage.logits("val", positions), atol=2e-2
    )
    before = weights_of(plain.model)
    plain.fit(stop_after=1)
    moved = changed(before, weights_of(plain.model))
    assert moved
    assert all(path.startswith(("head_", "lesion", "logits")) for path in moved)


def test_fine_tuning_trains_from_the_named_layer_up(tiny_config, tmp_path):
    config = replace(
        tiny_config, head_epochs=2, fine_tune_from="block3_conv1", fine_tune_rate=1e-3, averaging=0
    )
    trainer = Trainer(config, tmp_path / "run")
    start = weights_of(trainer.model)
    trainer.fit(stop_after=2)
    middle = weights_of(trainer.model)
    assert not {p for p in changed(start, middle) if p.startswith("block")}
    resumed = Trainer(read_config(tmp_path / "run"), tmp_path / "run", resume=True)
    np.testing.assert_equal(weights_of(resumed.model), middle)
    history = resumed.fit()
    moved = {p.split("/")[0] for p in changed(middle, weights_of(resumed.model))}
    blocks = {name for name in moved if name.startswith("block")}
    assert {"block3_conv1", "block3_conv2"} <= blocks
    assert all(name.startswith("block3") for name in blocks)
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_the_phases_have_rates_of_their_own():
    config = TrainConfig("tiny", "m.csv", epochs=10, learning_rate=1e-2, head_epochs=4)
    first, second = phases.plan(config)
    assert (first.start, first.end, first.through) == (0, 4, "base")
    assert (second.start, second.end, second.rate, second.frozen) == (4, 10, 1e-3, False)
    rates = [
        phases.learning_rate(config, phases.phase_of((first, second), e), e, s, 5)
        for e in range(10)
        for s in range(5)
    ]
    assert max(rates[:20]) == pytest.approx(1e-2, rel=0.02)
    assert max(rates[20:]) == pytest.approx(1e-3, rel=0.02)
    assert rates[20] < rates[24] < rates[25]


def test_a_residual_network_is_cut_between_its_blocks_only():
    slices = keras.Input((32, 32, 1))
    x = keras.layers.Conv2D(4, 3, 4, name="stem")(slices)
    for number in (1, 2):
        inner = keras.layers.Conv2D(4, 3, padding="same", name=f"block{number}_a")(x)
        inner = keras.layers.Conv2D(4, 3, padding="same", name=f"block{number}_b")(inner)
        x = keras.layers.Add(name=f"block{number}_out")([x, inner])
    model = keras.Model(slices, attach_head(x, LABELS))
    freeze(model, Phase(0, 1, 1e-3, through="block1_out"))
    frozen = {layer.name for layer in model.layers if not layer.trainable and layer.weights}
    assert frozen == {"stem", "block1_a", "block1_b"}
    with pytest.raises(RunError, match=r"--freeze .*passes through.*block1_a"):
        freeze(model, Phase(0, 1, 1e-3, through="block1_a"))


@pytest.fixture(scope="module")
def tiny_model():
    return registry.build("tiny", 32, LABELS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": "block9"}, r"--freeze is base or a layer of the model.*Received: 'block9'"),
        (WRONG_LAYER, r"--fine-tune-from is a layer of the model.*Received: 'blok'"),
        ({"freeze": "head_types"}, r"--freeze names a layer that everything passes through"),
    ],
)
def test_a_layer_that_cannot_be_frozen_is_refused(tiny_config, tiny_model, settings, message):
    phase = phases.plan(replace(tiny_config, **settings))[-1]
    with pytest.raises(RunError, match=message):
        freeze(tiny_model, phase)


def test_a_layer_of_a_later_phase_is_refused_before_training(tiny_config, tmp_path):
    with pytest.raises(RunError, match=r"--fine-tune-from is a layer of the model"):
        Trainer(replace(tiny_config, **WRONG_LAYER), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head_epochs": 3}, "head_epochs is 0 to below epochs. Received: 3"),
        ({"fine_tune_from": "x"}, "fine_tune_from is for runs with head_epochs of 1 or more"),
        ({"feature_variants": -1}, "feature_variants is 0 to 64. Received: -1"),
        ({"fine_tune_rate": 2.0}, "fine_tune_rate is 0 to 1. Received: 2.0"),
    ],
)
def test_phases_out_of_range_are_refused(tiny_config, settings, message):
    with pytest.raises(RunError, match=message):
        replace(tiny_config, **settings)


def test_a_configuration_from_before_freezing_is_still_read(tiny_config):
    raw = tiny_config.to_dict()
    for key in ("freeze", "head_epochs", "fine_tune_from", "fine_tune_rate", "feature_variants"):
        del raw[key]
    assert TrainConfig.from_dict(raw) == tiny_config


def test_a_full_disk_is_said_before_the_work(head_config, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr("core.training.features.shutil.disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"need \d+ MB of disk.*--feature-variants 0"):
        Trainer(head_config, tmp_path / "run").fit()


def test_a_student_starts_from_published_weights_with_other_classes(tiny_weights, tmp_path):
    """The three-class layout of a stranger: no class without a tumour, the type layer is new."""
    labels = ("brain_glioma", "brain_menin", "brain_tumor")
    write_phantom_dataset(tmp_path / "student", 8, layout="flat", labels=labels, size=48)
    make_split([tmp_path / "student"], fractions=(0.5, 0.25, 0.25)).write(tmp_path / "m.csv")
    config = TrainConfig(
        "cnn",
        str(tmp_path / "m.csv"),
        init=str(tiny_weights / "cnn"),
        epochs=2,
        head_epochs=1,
        batch_size=4,
        size=32,
        precision="float32",
    )
    trainer = Trainer(config, tmp_path / "run")
    donor = registry.build("cnn", 32, LABELS)
    donor_names = {v.path for v in donor.weights}
    new = {v.path for v in trainer.model.weights} - donor_names
    # With a class free of tumours the types have a layer before the logits; here they are them.
    assert new == {"logits/kernel", "logits/bias"}
    total = len(trainer.model.weights)
    assert f"{total - 2} of {total} weights taken over" in trainer.start
    assert trainer.config.labels == labels
    assert trainer.model.output[LOGITS_LAYER].shape == (None, 3)
    assert LESION_LAYER in trainer.model.output
    history = trainer.fit()
    assert len(history) == 2
    assert all(np.isfinite(row["val_loss"]) for row in history)
