import json
import os
import shutil
from dataclasses import replace

import pytest

from core.cli import build_parser
from core.commands.train import given
from core.errors import DatasetError, RunError, UnknownModelError
from core.settings import get_settings
from core.training import launch
from core.training.augment import AugmentConfig
from core.training.config import TrainConfig
from core.training.mixing import Mixing


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Folders of its own, and a list of what would have been started."""
    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.delenv("GLIALENS_DATA_DIR", raising=False)
    get_settings.cache_clear()
    calls = []
    monkeypatch.setattr(launch, "start_job", lambda *call: calls.append(call))
    yield calls
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def lay_run(tmp_path):
    def lay_run(state="stopped", epochs=2, name="first", files=True):
        folder = tmp_path / "runs" / name
        (folder / "last").mkdir(parents=True)
        config = TrainConfig("cnn", "m.csv", epochs=5).to_dict()
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "history.json").write_text(json.dumps([{"epoch": k} for k in range(epochs)]))
        (folder / "status.json").write_text(json.dumps({"state": state, "pid": os.getpid()}))
        if files:
            (folder / "last" / "state.safetensors").touch()
            (folder / "best.weights.h5").touch()
        return folder

    return lay_run


def test_words_are_read_back_as_the_same_configuration(tmp_path):
    config = TrainConfig(
        "vgg16", "-odd name.csv", root="/r", epochs=7, learning_rate=1e-4, size=96,
        init="weights/cnn", class_weights=True, freeze="base", seed=3,
        augmentation=AugmentConfig(style=0.0, invert=0.0), mixing=Mixing(balance=0.5),
    )  # fmt: skip
    words = launch.train_words(config, tmp_path / "run")
    arguments = build_parser("train").parse_args(words)
    assert arguments.out == tmp_path / "run"
    assert given(arguments, TrainConfig(arguments.model, arguments.manifest)) == config


def test_a_run_is_started_in_a_new_folder(started, tiny_manifest, tmp_path):
    config = TrainConfig("cnn", str(tiny_manifest), epochs=2, size=32)
    launch.start_training(config, "first")
    ((folder, kind, words),) = started
    assert (folder, kind) == (tmp_path / "runs" / "first", "train")
    assert f"--root={tiny_manifest.parent.resolve()}" in words
    assert folder.is_dir()
    with pytest.raises(RunError, match=r"needs a new name. Received: 'first'"):
        launch.start_training(config, "first")


@pytest.mark.parametrize("name", ["", "-x", "../x", "a/b", "a b", "x" * 65, ".x", "é"])
def test_a_name_is_plain(started, tiny_manifest, name):
    with pytest.raises(RunError, match="A name has 1 to 64 letters"):
        launch.start_training(TrainConfig("cnn", str(tiny_manifest)), name)
    assert started == []


def test_what_would_fail_is_refused_before_it_starts(started, tiny_manifest, tmp_path):
    good = TrainConfig("cnn", str(tiny_manifest), size=32)
    with pytest.raises(UnknownModelError, match="Received: 'no-such'"):
        launch.start_training(replace(good, model="no-such"), "a")
    with pytest.raises(RunError, match=r"A start is random, imagenet.*Received: 'nowhere'"):
        launch.start_training(replace(good, init=str(tmp_path / "nowhere")), "a")
    with pytest.raises(RunError, match="a frozen part and a random start"):
        launch.start_training(replace(good, freeze="base"), "a")
    with pytest.raises(DatasetError, match="readable CSV"):
        launch.start_training(replace(good, manifest=str(tmp_path / "no.csv")), "a")
    rows = [line for line in tiny_manifest.read_text().splitlines() if ",val," not in line]
    shutil.copytree(tiny_manifest.parent, tmp_path / "set")
    (tmp_path / "set" / "manifest.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(RunError, match="training and validation slices"):
        launch.start_training(replace(good, manifest=str(tmp_path / "set" / "manifest.csv")), "a")
    assert started == []
    assert not (tmp_path / "runs").exists()


def test_images_are_looked_for_in_the_data_folder(tiny_manifest, tmp_path):
    moved = tmp_path / "elsewhere" / "manifest.csv"
    moved.parent.mkdir()
    shutil.copy(tiny_manifest, moved)
    root = tiny_manifest.parent
    assert launch.data_root(moved, root) == root
    assert launch.data_root(moved, root / "one") == root.resolve()
    with pytest.raises(DatasetError, match="54 of 54 missing"):
        launch.data_root(moved, tmp_path)


def test_a_run_that_stands_still_goes_on(started, lay_run):
    folder = lay_run()
    launch.resume_training(folder)
    launch.resume_training(folder, 9)
    assert started[0][2] == ["train", "--resume", f"--out={folder.resolve()}", "--epochs=5"]
    assert started[1][2][-1] == "--epochs=9"
    with pytest.raises(RunError, match=r"at least its 5 epochs.*Received: 4"):
        launch.resume_training(folder, 4)


def test_what_can_not_be_resumed_or_published_says_why(started, lay_run):
    with pytest.raises(RunError, match="once an epoch has finished"):
        launch.resume_training(lay_run(files=False))
    with pytest.raises(RunError, match="stands still with a finished epoch"):
        launch.start_publishing(lay_run(files=False, name="b"), "cnn")
    running = lay_run("running", name="c")
    with pytest.raises(RunError, match="Received: 'c', running"):
        launch.resume_training(running)
    with pytest.raises(RunError, match="Received: 'c', running"):
        launch.start_publishing(running, "cnn")
    with pytest.raises(RunError, match="A name has"):
        launch.start_publishing(lay_run(name="d"), "../cnn")
    assert started == []


def test_publishing_names_the_external_folder_and_the_views(started, lay_run, tmp_path):
    folder = lay_run()
    launch.start_publishing(folder, "cnn", tmp_path)
    launch.start_publishing(folder, "cnn", mirrored=True)
    assert [kind for _, kind, _ in started] == ["publish", "publish"]
    first, second = (words for _, _, words in started)
    assert first == ["publish", str(folder.resolve()), "cnn", f"--external={tmp_path.resolve()}"]
    assert second == ["publish", str(folder.resolve()), "cnn", "--mirrored"]


def test_forms_offer_the_shipped_manifest_and_those_made_here(started, tmp_path):
    assert launch.manifests() == []
    for path in ("weights/manifest.csv", "runs/splits/mine/manifest.csv"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    assert [path.parent.name for path in launch.manifests()] == ["weights", "mine"]
