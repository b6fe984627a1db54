import json
import shutil
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from core.errors import RunError
from core.inference import load_folder, load_run
from core.publish import publish
from core.training.augment import AugmentConfig
from core.training.batches import plain_batches
from core.training.config import TrainConfig
from core.training.mixing import Mixing
from core.training.runs import read_run
from core.training.state import save_state
from core.training.teaching import Teachers
from core.training.trainer import Trainer

LABELS = ("glioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def school(tiny_manifest, tmp_path_factory):
    """Two runs of an epoch, the second one published as well."""
    folder = tmp_path_factory.mktemp("school")
    usual = TrainConfig(
        "tiny", str(tiny_manifest), epochs=1, batch_size=6, size=32, precision="float32"
    )
    for seed, name in enumerate(("first", "second")):
        Trainer(replace(usual, seed=seed), folder / name).fit()
    publish(folder / "second", "master", folder / "weights")
    shutil.copytree(folder / "weights" / "master", folder / "weights" / "both")
    card = folder / "weights" / "both" / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "mirrored": True}))
    return folder


def name_of(run):
    digest = sha256((run / "best.weights.h5").read_bytes()).hexdigest()
    return f"the run '{run.name}' ({digest[:12]})"


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def test_the_answer_is_the_mean_of_calibrated_probabilities(school):
    folders = [school / "first", school / "weights" / "master"]
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype(np.float32)
    run, published = load_run(folders[0]), load_folder(folders[1])
    assert published.card.temperature != 1.0
    expected = softmax(run.logits(images)) / 2
    expected += softmax(published.logits(images) / published.card.temperature) / 2
    teachers = Teachers(folders, LABELS)
    np.testing.assert_allclose(teachers.answer(images), expected, atol=2e-3)
    assert teachers.names[0] == name_of(school / "first")
    assert teachers.names[1] == f"the published weights 'master' ({published.card.sha256[:12]})"


def test_plain_slices_are_seen_both_ways_by_whom_that_was_published_for(
    school, tiny_pool, tmp_path
):
    master, both = school / "weights" / "master", school / "weights" / "both"
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype(np.float32)
    model = load_folder(master)
    views = [model.logits(view) for view in (images, np.ascontiguousarray(images[:, :, ::-1]))]
    assert not np.allclose(*views, atol=1e-2)
    one = softmax(views[0] / model.card.temperature)
    mean = softmax((views[0] + views[1]) / 2 / model.card.temperature)
    origin = f"the published weights 'master' ({model.card.sha256[:12]})"
    for folder, plain, expected, name in (
        (master, True, one, origin),
        (both, False, one, origin),
        (both, True, mean, f"{origin}, both views"),
    ):
        teachers = Teachers([folder], LABELS, plain=plain)
        np.testing.assert_allclose(teachers.answer(images), expected, atol=2e-3)
        assert teachers.names == [name]
        teachers.answer_once(tiny_pool, tiny_pool.where("val"), 9, tmp_path / "kept")
    # The two that see one view share what they said.
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_resumed_run_has_the_teachers_that_it_began_with(school):
    first, both = school / "first", school / "weights" / "both"
    digested, origin = Teachers([first, both], LABELS).names
    two = [f"{origin}, both views"]
    assert Teachers([both], LABELS, plain=True, told=two).names == two
    other = "the run 'first' (0123456789ab)"
    with pytest.raises(RunError, match=r"began with, here .*\(0123456789ab\)\. Received: the run"):
        Teachers([both, first], LABELS, told=[origin, other])
    for told in (["the run 'first'", origin], [digested, origin]):
        assert Teachers([first, both], LABELS, plain=True, told=told).names == told
    # Of a run that told nothing there is nothing to hold against them.
    assert Teachers([both], LABELS, plain=True, told=[]).names == [origin]


def test_teachers_look_at_their_own_size(school):
    small = np.random.default_rng(0).normal(size=(2, 32, 32, 1)).astype(np.float32)
    large = small.repeat(3, axis=1).repeat(3, axis=2)
    teachers = Teachers([school / "first"], LABELS)
    expected = teachers.answer(small)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0, rtol=1e-6)
    # A place of nine equal pixels shrinks to that pixel; slices are standardised again.
    np.testing.assert_allclose(teachers.answer(5 * large + 3), expected, atol=0.02)


def test_other_classes_and_other_folders_are_refused(school, tmp_path):
    with pytest.raises(RunError, match=r"knows the classes a, b, in this order.*from 'first'"):
        Teachers([school / "first"], ("a", "b"))
    with pytest.raises(RunError, match=r"--teacher is the folder of .*Received: 'nothing'"):
        Teachers([tmp_path / "nothing"], LABELS)


@pytest.mark.slow
def test_a_student_that_only_listens_comes_close_to_its_teacher(
    school, tiny_config, tiny_pool, tmp_path
):
    config = replace(tiny_config, epochs=8, learning_rate=3e-3, averaging=0.0, seed=5)
    images = tiny_pool.images[:18]
    slices = ((images - images.mean()) / images.std()).astype(np.float32)[..., np.newaxis]
    answer = Teachers([school / "first"], LABELS).answer(slices)

    def distance(name, **changes):
        Trainer(replace(config, **changes), tmp_path / name).fit()
        own = softmax(load_run(tmp_path / name).logits(slices))
        return float(np.abs(own - answer).mean())

    taught = distance("taught", teacher=str(school / "first"), teacher_share=1.0)
    assert taught < 0.5 * distance("labels")


def test_plain_slices_are_asked_about_once(school, tiny_pool, tmp_path, monkeypatch):
    teachers = Teachers([school / "first"], LABELS)
    train, told = tiny_pool.where("train"), []
    answers = teachers.answer_once(
        tiny_pool, train, 7, tmp_path / "kept", lambda done, total, _: told.append((done, total))
    )
    assert told[-1] == (-(-len(train) // 7),) * 2
    plain = np.concatenate(list(plain_batches(tiny_pool, train, 6)))
    np.testing.assert_allclose(answers[train], teachers.answer(plain), atol=1e-5)
    assert not np.delete(answers, train, axis=0).any()

    monkeypatch.setattr(Teachers, "answer", lambda self, images: 1 / 0)
    again = Teachers([school / "first"], LABELS)
    kept = again.answer_once(tiny_pool, train, 7, tmp_path / "kept")
    np.testing.assert_array_equal(kept, answers)
    for other, positions in ((["second"], train), (["first"], train[1:])):
        with pytest.raises(ZeroDivisionError):
            Teachers([school / x for x in other], LABELS).answer_once(
                tiny_pool, positions, 7, tmp_path / "kept"
            )


@pytest.mark.slow
def test_a_student_learns_from_answers_to_plain_slices(school, tiny_config, tmp_path):
    still = AugmentConfig(rotation=0, scale=0, shift=0, flip=0, style=0, invert=0)
    config = replace(
        tiny_config,
        epochs=2,
        dropout=0.0,
        augmentation=still,
        mixing=Mixing(paste=0.0, sham=0.0, mirror=0.0),
        teacher=str(school / "first"),
        teacher_share=0.5,
    )

    def losses(name, **changes):
        history = Trainer(replace(config, **changes), tmp_path / name).fit()
        return [row["loss"] for row in history]

    # Where nothing is disturbed, both ways to ask are one, and neither is to learn alone.
    plain = losses("plain", teacher_sees="plain")
    np.testing.assert_allclose(plain, losses("drawn", teacher_sees="drawn"), rtol=1e-4)
    assert not np.allclose(plain, losses("alone", teacher=""), rtol=1e-2)


def test_the_card_names_the_teachers_and_what_trained_them(school, tiny_config, tmp_path):
    folders = f"{school / 'first'},{school / 'weights' / 'master'}"
    Trainer(replace(tiny_config, epochs=1, teacher=folders), tmp_path / "student").fit()
    assert len(read_run(tmp_path / "student").detail["teachers"]) == 2
    card = publish(tmp_path / "student", "mine", tmp_path / "weights")
    assert "--teacher first,master" in card.command
    run, published = card.raw["teachers"]
    assert run["name"] == name_of(school / "first")
    assert "--epochs 1" in run["runs"][0]["command"]
    assert [x["run"] for x in published["runs"]] == ["master"]
    assert "teachers" not in published["runs"][0]


@pytest.mark.slow
def test_a_student_resumes_with_its_teachers(school, tiny_config, tmp_path):
    master = tmp_path / "master"
    shutil.copytree(school / "first", master)
    config = replace(tiny_config, epochs=2, teacher=str(master))
    trainer, halves = Trainer(config, tmp_path / "whole"), tmp_path / "halves"
    trainer.fit(stop_after=1)
    shutil.copytree(tmp_path / "whole", halves)
    whole = trainer.fit()
    shutil.copy(school / "second" / "best.weights.h5", master)
    with pytest.raises(RunError, match=r"goes on with the teachers that it began with"):
        Trainer(config, halves, resume=True)
    shutil.copy(school / "first" / "best.weights.h5", master)
    rest = Trainer(config, halves, resume=True).fit()
    assert [row["val_loss"] for row in rest] == [row["val_loss"] for row in whole]
    assert read_run(halves).detail["teachers"] == [name_of(master)]


def test_a_resumed_student_has_the_same_answers_to_plain_slices(school, tiny_config, tmp_path):
    config = replace(tiny_config, teacher=str(school / "first"), teacher_sees="plain")
    run = tmp_path / "run"
    begun = Trainer(config, run)
    save_state(run, begun.model, begun.stage.optimizer, {"history": [], "best": {}})
    resumed = Trainer(config, run, resume=True)
    assert resumed.batches.answers.any()
    np.testing.assert_array_equal(resumed.batches.answers, begun.batches.answers)


@pytest.mark.parametrize("frozen", [{"freeze": "base"}, {"head_epochs": 1}])
def test_stored_features_leave_no_slice_to_ask_about(frozen):
    with pytest.raises(RunError, match=r"teacher is for runs that keep no features"):
        TrainConfig("cnn", "manifest.csv", teacher="runs/a", **frozen)
    TrainConfig("cnn", "manifest.csv", teacher="runs/a", feature_variants=0, **frozen)
