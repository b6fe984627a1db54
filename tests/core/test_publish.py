import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.data.manifest import read_manifest
from core.data.pool import load_pool
from core.errors import DatasetError, OutputError, RunError, UnknownModelError
from core.evaluate import evaluate, gather, open_target
from core.evaluation.storage import read_report
from core.inference import load_folder
from core.logits import PoolLogits
from core.publish import publish, recover
from core.training.config import TrainConfig, read_config
from core.training.earlier import read_earlier
from core.training.trainer import Trainer
from tests.core.training.conftest import tiny_architecture, tiny_manifest  # noqa: F401


@pytest.fixture(scope="module")
def run(tiny_manifest, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("runs") / "first"
    config = TrainConfig(
        "tiny", str(tiny_manifest), epochs=2, batch_size=6, size=32, precision="float32"
    )
    Trainer(config, folder).fit()
    return folder


@pytest.fixture(scope="module")
def published(run, tmp_path_factory):
    weights = tmp_path_factory.mktemp("published")
    return weights, publish(run, "mine", weights)


def test_a_published_model_has_its_files_and_predictions(published):
    weights, _ = published
    assert sorted(os.listdir(weights)) == ["mine"]
    assert sorted(os.listdir(weights / "mine")) == [
        "card.json", "earlier.json", "gate.safetensors", "history.json", "predictions.csv",
        "report.json", "weights.safetensors",
    ]  # fmt: skip


def test_the_card_tells_where_the_weights_come_from(published, run, tiny_manifest):  # noqa: F811
    _, card = published
    assert card.labels == ("glioma", "notumor", "pituitary")
    assert card.trained_on["images"] == 36
    assert card.trained_on["manifest_sha256"] == read_manifest(tiny_manifest).sha256
    assert card.init == "random (He initialisation)"
    assert "--model tiny" in card.command
    assert "--epochs 2" in card.command
    assert card.raw["seed"] == read_config(run).seed
    assert {"value", "low", "high", "n"} <= set(card.metrics["test"]["accuracy"])


@pytest.mark.slow
def test_the_card_names_the_runs_before(run, tmp_path):
    config = replace(read_config(run), init=str(run), epochs=1)
    Trainer(config, tmp_path / "second").fit()
    card = publish(tmp_path / "second", "mine", tmp_path / "weights")
    (earlier,) = card.raw["earlier_runs"]
    assert earlier["run"] == "first"
    assert earlier["epochs"] == 2
    assert "--epochs 2" in earlier["command"]
    config = replace(config, init=str(tmp_path / "weights" / "mine"))
    Trainer(config, tmp_path / "third").fit()
    later = publish(tmp_path / "third", "mine", tmp_path / "weights")
    assert [run["run"] for run in later.raw["earlier_runs"]] == ["mine", "first"]
    assert later.raw["earlier_runs"][0]["sha256"] == card.sha256
    runs = read_earlier(tmp_path / "weights" / "mine")
    assert [(run.run, run.epochs, len(run.history)) for run in runs] == [
        ("first", 2, 2),
        ("mine", 1, 1),
    ]
    again = publish(tmp_path / "weights" / "mine", "mine", tmp_path / "weights",
                    manifest=Path(config.manifest))  # fmt: skip
    assert again.raw["earlier_runs"] == later.raw["earlier_runs"]
    assert len(read_earlier(tmp_path / "weights" / "mine")) == 2
    # By now other weights have that name.
    assert publish(tmp_path / "third", "other", tmp_path / "weights").raw["earlier_runs"] == []
    assert read_earlier(tmp_path / "weights" / "other") == []


def test_the_report_is_that_of_the_published_weights(published, tiny_manifest, tmp_path):  # noqa: F811
    weights, card = published
    report = read_report(weights / "mine" / "report.json")
    predictor = load_folder(weights / "mine")
    pool = load_pool(read_manifest(tiny_manifest), 32, tmp_path, predictor.labels)
    test = pool.where("test")
    logits = PoolLogits(predictor, pool)(test)
    accuracy = (logits.argmax(axis=1) == pool.targets[test]).mean()
    assert report["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-6)
    assert report["n"] == 9
    assert report["calibration"]["temperature"] == pytest.approx(card.temperature, abs=1e-5)
    assert np.sum(report["confusion"]) == 9
    assert set(report["per_source"]) == {"one", "two"}


def test_evaluating_again_gives_the_same_figures(published, tiny_manifest, tmp_path):  # noqa: F811
    weights, _ = published
    first = read_report(weights / "mine" / "report.json")
    out = tmp_path / "again.json"
    again = evaluate(str(weights / "mine"), tiny_manifest, out=out)
    for key in ("accuracy", "macro", "per_class", "confusion", "conformal"):
        assert again[key] == first[key]
    assert read_report(out)["accuracy"] == first["accuracy"]
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 10


def test_the_command_opens_what_was_evaluated(run, tiny_manifest, monkeypatch):  # noqa: F811
    monkeypatch.chdir(run.parent.parent)
    report = evaluate(str(run), tiny_manifest, "val", threshold=0.8)
    words = report["command"].split()
    target = words[words.index("evaluate") + 1]
    assert target == f"{run.parent.name}/first"
    assert open_target(target).card.name == "first"
    assert words[-2:] == ["--threshold", "0.8"]
    assert report["threshold"]["value"] == 0.8


def test_slices_with_a_box_pass_once(published, tiny_manifest, tmp_path, monkeypatch):  # noqa: F811
    """Their logits come with their maps, and are those that a plain pass gives."""
    weights, _ = published
    predictor = load_folder(weights / "mine")
    manifest = read_manifest(tiny_manifest)
    pool = load_pool(manifest, 32, tmp_path, predictor.labels)
    test = pool.where("test")
    boxed = [i for i, position in enumerate(test) if pool.boxes[position] is not None]
    expected = PoolLogits(predictor, pool)(test)
    passed, plain = [], predictor.logits
    monkeypatch.setattr(predictor, "logits", lambda x: passed.append(len(x)) or plain(x))
    found = gather(predictor, manifest, "test", cache_dir=tmp_path)
    np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-4)
    assert 0 < len(boxed) < len(test)
    assert sum(passed) == len(test) - len(boxed) + len(pool.where("val"))


def test_a_run_is_evaluated_before_it_is_published(run, tiny_manifest):  # noqa: F811
    report = evaluate(str(run), tiny_manifest, "val")
    assert report["split"] == "val"
    assert report["n"] == 9


def test_publishing_again_replaces_the_whole_folder(run, tmp_path):
    publish(run, "mine", tmp_path)
    (tmp_path / "mine" / "stale.txt").write_text("old")
    publish(run, "mine", tmp_path)
    assert not (tmp_path / "mine" / "stale.txt").exists()
    assert sorted(os.listdir(tmp_path)) == ["mine"]


def test_published_weights_are_published_anew_with_a_manifest(published, tiny_manifest, tmp_path):  # noqa: F811
    weights, card = published
    again = publish(weights / "mine", "again", tmp_path, manifest=tiny_manifest)
    assert (again.command, again.init) == (card.command, card.init)
    assert again.raw["decision"] == card.raw["decision"]
    assert "calibrated_on" not in again.raw
    assert again.sha256 == card.sha256
    assert again.temperature == card.temperature
    assert (tmp_path / "again" / "history.json").read_text() == (
        weights / "mine" / "history.json"
    ).read_text()


def test_a_model_that_sees_both_views_says_so_and_stays_so(run, tiny_manifest, tmp_path):  # noqa: F811
    card = publish(run, "mine", tmp_path / "weights", mirrored=True)
    assert card.mirrored
    predictor = load_folder(tmp_path / "weights" / "mine")
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(
        predictor.logits(images[:, :, ::-1]), predictor.logits(images), rtol=1e-4, atol=1e-5
    )
    report = read_report(tmp_path / "weights" / "mine" / "report.json")
    assert report["command"].endswith("--mirrored")
    again = publish(tmp_path / "weights" / "mine", "again", tmp_path, manifest=tiny_manifest)
    assert again.mirrored
    plain = publish(
        tmp_path / "weights" / "mine", "plain", tmp_path, manifest=tiny_manifest, mirrored=False
    )
    assert not plain.mirrored
    report = read_report(tmp_path / "plain" / "report.json")
    assert report["command"].endswith("--no-mirrored")


def test_published_weights_alone_do_not_say_where_their_manifest_is(published, tmp_path):
    weights, _ = published
    with pytest.raises(RunError, match=r"needs --manifest\. Received: none"):
        publish(weights / "mine", "again", tmp_path)


def test_the_decision_is_set_on_the_validation_split(published, tiny_manifest, tmp_path):  # noqa: F811
    weights, card = published
    predictor = load_folder(weights / "mine")
    pool = load_pool(read_manifest(tiny_manifest), 32, tmp_path, predictor.labels)
    free = pool.where("val")
    free = free[pool.targets[free] == predictor.labels.index("notumor")]
    kept = PoolLogits(predictor, pool)(free).argmax(axis=1) == predictor.labels.index("notumor")
    assert kept.all()
    # 95 % and the margin of three slices are more than all.
    assert card.raw["decision"]["notumour_wanted"] == 1.0
    assert card.raw["decision"]["notumour_kept_on_validation"] == 1.0


def test_what_is_kept_is_measured_after_rounding(run, tmp_path, monkeypatch):
    """A third is enough here; what the slices do then is counted, not what was wanted."""
    monkeypatch.setattr("core.publish.share_to_keep", lambda *_: 0.34)
    monkeypatch.setattr("core.publish.no_tumour_shift", lambda *_: -50.0)
    card = publish(run, "mine", tmp_path)
    assert card.raw["decision"] == {
        "notumour_wanted": 0.34, "notumour_shift": -50.0, "notumour_kept_on_validation": 0.0,
    }  # fmt: skip


@pytest.mark.slow
def test_a_run_with_a_fold_is_judged_by_what_it_has_not_seen(tiny_manifest, tmp_path):  # noqa: F811
    config = TrainConfig(
        "tiny", str(tiny_manifest), epochs=1, batch_size=6, size=32, precision="float32",
        fold="2/2",
    )  # fmt: skip
    Trainer(config, tmp_path / "run").fit()
    assert evaluate(str(tmp_path / "run"), tiny_manifest, "val")["n"] == 3
    card = publish(tmp_path / "run", "mine", tmp_path / "weights")
    assert card.fold == "2/2"
    assert card.trained_on["images"] == 42
    assert "--fold 2/2" in card.command
    mine = tmp_path / "weights" / "mine"
    assert evaluate(str(mine), tiny_manifest, "val")["n"] == 3
    assert read_report(mine / "report.json")["n"] == 9
    again = publish(mine, "again", tmp_path / "weights", manifest=tiny_manifest)
    assert again.fold == "2/2"
    assert again.trained_on == card.trained_on
    # Another manifest knows nothing of these folds.
    other = tiny_manifest.with_name("shorter.csv")
    other.write_text("\n".join(tiny_manifest.read_text().splitlines()[:-1]) + "\n")
    assert evaluate(str(mine), other, "val")["n"] == 9


def test_a_publish_that_was_killed_half_way_is_undone(tmp_path):
    (tmp_path / ".mine.old").mkdir()
    (tmp_path / ".mine.old" / "card.json").write_text("{}")
    recover(tmp_path)
    assert (tmp_path / "mine" / "card.json").exists()


def test_what_a_killed_publish_left_goes_after_a_day(tmp_path):
    names = {".mine.a.new": 1, ".mine.b.new": 25, ".mine.c.new": 25}
    now = time.time()
    for name, hours in names.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "weights.safetensors").write_bytes(b"half")
        for path in (folder / "weights.safetensors", folder):
            os.utime(path, (now - 3600 * hours,) * 2)
    # Its folder is old, but something was written into it just now.
    os.utime(tmp_path / ".mine.c.new" / "weights.safetensors")
    recover(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".mine.a.new", ".mine.c.new"]


def test_a_failing_publish_leaves_the_old_weights(run, tmp_path, monkeypatch):
    publish(run, "mine", tmp_path)
    before = (tmp_path / "mine" / "card.json").read_text()

    def broken(*args, **kwargs):
        raise DatasetError("no report today")

    monkeypatch.setattr("core.publish.build_report", broken)
    with pytest.raises(DatasetError, match="no report today"):
        publish(run, "mine", tmp_path)
    assert (tmp_path / "mine" / "card.json").read_text() == before
    assert sorted(os.listdir(tmp_path)) == ["mine"]


def test_an_unwritable_folder_is_said(run, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="weights folder must be writable"):
        publish(run, "mine", blocked / "weights")


@pytest.mark.parametrize("name", ["../x", "", "a b", "x/y"])
def test_a_name_that_is_no_plain_name_is_refused(run, name, tmp_path):
    with pytest.raises(RunError, match="letters, digits"):
        publish(run, name, tmp_path)


def test_an_unknown_target_is_refused():
    with pytest.raises(UnknownModelError, match="Received: 'nothing'"):
        open_target("nothing")


def test_an_unknown_split_is_refused(run, tiny_manifest):  # noqa: F811
    with pytest.raises(DatasetError, match=r"train, val or test. Received: 'all'"):
        evaluate(str(run), tiny_manifest, "all")
