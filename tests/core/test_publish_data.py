"""What a card says of the data that weights learned from, and what is refused as not theirs."""

import json
import os
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

from core.data.manifest import read_manifest
from core.errors import RunError
from core.evaluate import as_trained, evaluate
from core.evaluation.report import build_report
from core.inference import load_folder, load_run
from core.models.decision import shift_no_tumour
from core.models.weights import save_weights
from core.provenance import _sources_before, open_origin
from core.publish import publish
from core.training.config import TrainConfig, read_config
from core.training.runs import file_sha256, read_run
from core.training.trainer import Trainer
from core.training.unseen import check_unseen
from tests.core.training.conftest import tiny_architecture, tiny_manifest  # noqa: F401


@pytest.fixture(scope="module")
def manifest(tiny_manifest):  # noqa: F811
    return tiny_manifest


@pytest.fixture(scope="module")
def shorter(manifest):
    """Another manifest of the same slices, without one of the test split."""
    path = manifest.with_name("other-slices.csv")
    path.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory):
    """A run of one epoch on a fold, which could go on for another."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    config = TrainConfig(
        "tiny", str(manifest), epochs=2, batch_size=6, size=32, precision="float32", fold="2/2"
    )
    Trainer(config, folder).fit(stop_after=1)
    return folder


@pytest.fixture(scope="module")
def done(run, tmp_path_factory):
    """The same run after its last epoch."""
    folder = tmp_path_factory.mktemp("done") / "first"
    shutil.copytree(run, folder)
    Trainer(read_config(folder), folder, resume=True).fit()
    return folder


@pytest.fixture(scope="module")
def published(run, tmp_path_factory):
    weights = tmp_path_factory.mktemp("published")
    publish(run, "mine", weights)
    return weights / "mine"


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "first")
    return tmp_path / "first"


def tell(folder, **told):
    """Write something else into a run's status; None takes a key away."""
    path = folder / "status.json"
    status = {**json.loads(path.read_text()), **told}
    path.write_text(json.dumps({key: status[key] for key in status if status[key] is not None}))


def learn_from(folder, path):
    """Let a run's configuration name another manifest."""
    config = replace(read_config(folder), manifest=str(path))
    (folder / "config.json").write_text(json.dumps(config.to_dict()))


def test_a_run_stores_the_digest_of_its_manifest(run, manifest):
    assert read_run(run).manifest_sha256 == read_manifest(manifest).sha256


def test_a_run_does_not_go_on_with_another_manifest(copy, shorter):
    learn_from(copy, shorter)
    with pytest.raises(RunError, match=r"'first' learns from one manifest.*Received: another"):
        Trainer(read_config(copy), copy, resume=True)


def test_a_run_is_not_published_with_another_manifest(copy, shorter, tmp_path):
    with pytest.raises(RunError, match=r"'first' learns from one manifest.*Received: another"):
        publish(copy, "mine", tmp_path / "weights", manifest=shorter)
    learn_from(copy, shorter)
    with pytest.raises(RunError, match=r"'first' learns from one manifest.*Received: another"):
        publish(copy, "mine", tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


@pytest.mark.slow
def test_a_run_without_a_digest_goes_on_and_is_published_as_before(copy, manifest, tmp_path):
    tell(copy, manifest_sha256=None, best_sha256=None)
    trainer = Trainer(read_config(copy), copy, resume=True)
    assert len(trainer.fit()) == 2
    assert read_run(copy).manifest_sha256 is None
    card = publish(copy, "mine", tmp_path / "weights")
    assert card.trained_on["manifest_sha256"] == read_manifest(manifest).sha256
    assert card.fold == "2/2"


def test_weights_published_with_another_manifest_learned_what_they_learned(
    published, shorter, manifest, tmp_path
):
    before = load_folder(published).card
    again = publish(published, "again", tmp_path, manifest=shorter)
    assert again.trained_on == before.trained_on
    assert again.license == before.license
    other = read_manifest(shorter)
    assert again.raw["calibrated_on"] == {
        "manifest": "other-slices.csv", "manifest_sha256": other.sha256, "images": 9,
    }  # fmt: skip
    # The fold still guards the manifest that it is of.
    config = TrainConfig("tiny", str(manifest), init=str(tmp_path / "again"), fold="1/2")
    with pytest.raises(RunError, match="validated on fold 2/2"):
        check_unseen(config, read_manifest(manifest))
    report = json.loads((tmp_path / "again" / "report.json").read_text())
    assert report["manifest"]["sha256"] == other.sha256
    home = publish(tmp_path / "again", "home", tmp_path, manifest=manifest)
    assert "calibrated_on" not in home.raw
    assert home.trained_on == before.trained_on


def test_the_fold_of_a_run_is_that_of_its_own_manifest_alone(run, manifest, shorter):
    predictor = load_run(run)
    own, other = read_manifest(manifest), read_manifest(shorter)
    assert sum(row.split == "val" for row in as_trained(predictor, own).rows) == 3
    assert as_trained(predictor, other) == other
    assert evaluate(str(run), shorter, "val")["n"] == 9


@pytest.mark.parametrize(("which", "validating"), [("manifest", 3), ("shorter", 9)])
def test_line_temperature_and_report_share_one_validation_split(
    which, validating, published, tmp_path, monkeypatch, request
):
    """The fold of the training's own manifest, once; the whole split of any other."""
    seen = []

    def shift(logits, *_):
        seen.append(len(logits))
        return 0.0

    def report(inputs, **options):
        seen.append(len(inputs.validation_y))
        return build_report(inputs, **options)

    monkeypatch.setattr("core.publish.no_tumour_shift", shift)
    monkeypatch.setattr("core.publish.build_report", report)
    publish(published, "again", tmp_path, manifest=request.getfixturevalue(which))
    assert seen == [validating, validating]


@pytest.mark.slow
def test_the_licence_and_the_card_know_the_sources_before(run, tmp_path, manifest):
    shutil.copytree(run, tmp_path / "second")
    publish(run, "mine", tmp_path / "weights")
    path = tmp_path / "weights" / "mine" / "card.json"
    raw = json.loads(path.read_text())
    raw["trained_on"]["sources"].append({"name": "tcga-lgg", "images": 5})
    path.write_text(json.dumps(raw))
    learn = replace(read_config(run), init=str(path.parent), epochs=1)
    Trainer(learn, tmp_path / "third").fit()
    card = publish(tmp_path / "third", "next", tmp_path / "weights")
    assert card.trained_on["earlier_sources"] == ["tcga-lgg"]
    assert [source["name"] for source in card.trained_on["sources"]] == ["one", "two"]
    assert card.license.startswith("CC BY-NC-SA 4.0")


def test_the_sources_of_a_run_before_are_known_as_long_as_its_manifest_is(copy, shorter, manifest):
    start = f"the run 'first' ({file_sha256(copy / 'best.weights.h5')[:12]}), all taken over"
    config = replace(read_config(copy), init=str(copy), fold="2/2")
    info = replace(read_run(copy), detail={"init": start})
    assert _sources_before(config, info) == {"one", "two"}
    learn_from(copy, shorter)
    assert _sources_before(config, info) == {"the data of 'first'"}
    with (copy / "best.weights.h5").open("ab") as stream:
        stream.write(b"more")
    assert _sources_before(config, info) == {"the data of 'first'"}
    assert _sources_before(replace(config, init="random"), info) == frozenset()


def test_a_run_that_is_running_is_not_published(copy, tmp_path):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    tell(copy, state="running", pid=os.getpid(), updated=now)
    with pytest.raises(RunError, match=r"once it stands still.*Received: 'first', running"):
        publish(copy, "mine", tmp_path / "weights")


def test_best_weights_of_an_epoch_that_was_broken_off_are_not_published(copy, tmp_path):
    best = copy / "best.weights.h5"
    best.write_bytes(best.read_bytes() + b"of the next epoch")
    with pytest.raises(RunError, match=r"--resume trains an epoch.*Received: another file"):
        publish(copy, "mine", tmp_path / "weights")
    trainer = Trainer(read_config(copy), copy, resume=True)
    assert trainer.best == {}
    trainer.fit()
    assert read_run(copy).detail["best"]["epoch"] == 2
    assert open_origin(copy).facts["best_epoch"] == 2


def test_other_best_weights_are_refused_where_no_epoch_is_left(done, tmp_path):
    copy = shutil.copytree(done, tmp_path / "first")
    (copy / "best.weights.h5").write_bytes(b"something else")
    with pytest.raises(RunError, match=r"no epoch is left.*Received: another in 'first'"):
        Trainer(read_config(copy), copy, resume=True)


def test_a_state_that_is_ahead_of_the_status_is_believed(run, done, tmp_path):
    copy = shutil.copytree(done, tmp_path / "first")
    for name in ("status.json", "history.json"):
        shutil.copy(run / name, copy / name)
    assert len(json.loads((copy / "history.json").read_text())) == 1
    origin = open_origin(copy)
    assert origin.facts["epochs"] == len(origin.history) == 2
    assert origin.facts["best_epoch"] == read_run(done).detail["best"]["epoch"]


def test_the_line_is_drawn_anew_from_where_the_training_left_it(published, manifest, tmp_path):
    """A line that was drawn far too generously comes back, which a shift on a shift can't."""
    predictor = load_folder(published)
    shift_no_tumour(predictor.model, predictor.labels.index("notumor"), 3.0)
    shutil.copytree(published, tmp_path / "moved")
    raw = json.loads((tmp_path / "moved" / "card.json").read_text())
    raw["sha256"] = save_weights(predictor.model, tmp_path / "moved" / "weights.safetensors")
    before = raw["decision"]["notumour_shift"]
    raw["decision"]["notumour_shift"] = before + 3.0
    (tmp_path / "moved" / "card.json").write_text(json.dumps(raw))
    again = publish(tmp_path / "moved", "again", tmp_path, manifest=manifest)
    assert again.raw["decision"]["notumour_shift"] == pytest.approx(before, abs=0.01)
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype(np.float32)
    found, expected = (
        load_folder(folder).logits(images) for folder in (tmp_path / "again", published)
    )
    np.testing.assert_allclose(
        found - found.mean(axis=1, keepdims=True),
        expected - expected.mean(axis=1, keepdims=True),
        atol=0.02,
    )


def test_a_card_from_before_the_wanted_share_is_published_anew(published, manifest, tmp_path):
    shutil.copytree(published, tmp_path / "old")
    raw = json.loads((tmp_path / "old" / "card.json").read_text())
    del raw["decision"]["notumour_wanted"]
    (tmp_path / "old" / "card.json").write_text(json.dumps(raw))
    assert load_folder(tmp_path / "old").card.name == "mine"
    again = publish(tmp_path / "old", "again", tmp_path, manifest=manifest)
    assert again.raw["decision"] == load_folder(published).card.raw["decision"]
