import argparse
import json
import re
from dataclasses import fields, replace

import pytest

from core.cli import main
from core.commands import train
from core.commands.epochs import EpochScreen
from core.errors import RunError
from core.settings import get_settings
from core.training.augment import AugmentConfig
from core.training.config import TrainConfig, next_seed
from core.training.mixing import Mixing

ROW = {
    "epoch": 1, "loss": 0.5, "accuracy": 0.25, "val_loss": 1.5, "val_accuracy": 0.75,
    "learning_rate": 0.1, "seconds": 61.0,
}  # fmt: skip


def parsed(*words):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


@pytest.fixture
def run(tmp_path):
    """A run's folder with a configuration and nothing else."""
    folder = tmp_path / "run"
    folder.mkdir()
    config = TrainConfig("cnn", "manifest.csv", labels=("a", "b"), epochs=4, learning_rate=1e-3)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    return folder


def test_no_flag_means_the_defaults():
    config = train._fresh(parsed("--model", "cnn", "--manifest", "m.csv"))
    assert config == TrainConfig("cnn", "m.csv", size=128)
    assert (config.epochs, config.learning_rate, config.batch_size) == (30, 5e-4, 32)


def test_a_run_that_starts_from_another_draws_other_slices(run, tiny_weights):
    flags = ("--model", "cnn", "--manifest", "m.csv", "--init")
    assert train._fresh(parsed(*flags, run)).seed == 1
    assert train._fresh(parsed(*flags, run, "--seed", 0)).seed == 0
    assert train._fresh(parsed(*flags, "imagenet")).seed == 0
    assert train._fresh(parsed(*flags, tiny_weights / "cnn")).seed == 1


def test_a_run_from_published_weights_takes_the_seed_after_theirs(tiny_weights, tmp_path):
    raw = json.loads((tiny_weights / "cnn" / "card.json").read_text())
    raw["earlier_runs"] = [{"run": "b"}, {"run": "a"}]
    (tmp_path / "card.json").write_text(json.dumps(raw))
    assert next_seed(str(tmp_path)) == 3
    (tmp_path / "card.json").write_text(json.dumps({**raw, "seed": 7}))
    assert next_seed(str(tmp_path)) == 8


def test_every_setting_has_a_flag():
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    flags = {action.dest for action in parser._actions}
    settings = {f.name for kind in (TrainConfig, AugmentConfig, Mixing) for f in fields(kind)}
    assert settings - flags == {"labels", "augmentation", "mixing"}


def test_flags_reach_their_settings():
    config = train._fresh(
        parsed(
            *("--model", "cnn", "--manifest", "m.csv", "--root", "data", "--epochs", 3),
            *("--learning-rate", "0.01", "--batch-size", 8, "--size", 64, "--init", "runs/x"),
            *("--head", "average", "--schedule", "constant", "--averaging", 0, "--patience", 2),
            *("--precision", "float32", "--seed", 7, "--class-weights", "--no-style"),
            *("--rotation", 5, "--paste", 0.1),
        )
    )
    assert config == TrainConfig(
        "cnn",
        "m.csv",
        root="data",
        epochs=3,
        learning_rate=0.01,
        batch_size=8,
        size=64,
        init="runs/x",
        head="average",
        schedule="constant",
        averaging=0.0,
        patience=2,
        precision="float32",
        seed=7,
        class_weights=True,
        augmentation=replace(AugmentConfig(), style=0.0, invert=0.0, rotation=5.0),
        mixing=replace(Mixing(), paste=0.1),
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "cnn"], "a new run needs --manifest"),
        (["--manifest", "m.csv"], "a new run needs --model"),
        (["--resume"], "--resume needs --out RUN"),
        (["--epochs", "many"], "invalid int value: 'many'"),
        (["--seed", "-1"], "a seed is a whole number from 0 to 4294967295, not '-1'"),
        (["--head", "neck"], "invalid choice: 'neck'"),
    ],
)
def test_wrong_usage(words, message, capsys):
    assert main(["train", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "error: epochs is at least 1. Received: 0.\n"),
        (["--learning-rate", "nan"], "error: learning_rate is above 0 and at most 1."),
        (["--size", "33"], "error: size is a multiple of 16"),
        (["--model", "vgg99"], "error: The model is one of: "),
        (["--manifest", "no-such.csv"], "error: A manifest is a readable CSV file"),
    ],
)
def test_wrong_values_are_a_sentence(words, message, capsys, tmp_path):
    out = tmp_path / "run"
    words = ["--model", "cnn", "--manifest", "m.csv", "--out", str(out), *words]
    assert main(["train", *words]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_resume_takes_everything_from_the_run(run):
    config = train._resumed(parsed("--resume", "--out", run))
    assert (config.epochs, config.learning_rate, config.labels) == (4, 1e-3, ("a", "b"))


def test_a_resume_may_repeat_what_the_run_has_and_raise_the_epochs(run, monkeypatch):
    monkeypatch.chdir(run)
    config = train._resumed(
        parsed(
            *("--resume", "--out", run, "--learning-rate", 0.001, "--epochs", 9),
            *("--manifest", run / "manifest.csv"),
        )
    )
    assert config.epochs == 9
    assert config.manifest == "manifest.csv"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--learning-rate", "0.01"], r"--learning-rate 0.01, the run has 0.001\."),
        (["--epochs", "3"], r"--epochs 3, the run has 4\."),
        (["--manifest", "other.csv"], r"--manifest other.csv, the run has manifest.csv\."),
        (["--no-style"], r"--style 0.0, the run has 1.0\."),
        (["--paste", "0.5"], r"--paste 0.5, the run has 0.35\."),
    ],
)
def test_a_resume_refuses_other_settings(run, words, message):
    with pytest.raises(RunError, match=r"only --epochs may be raised\. Received: " + message):
        train._resumed(parsed("--resume", "--out", run, *words))


def test_a_resume_of_no_run(tmp_path, capsys):
    assert main(["train", "--resume", "--out", str(tmp_path)]) == 1
    assert "A run's folder holds config.json" in capsys.readouterr().err


def test_an_unwritable_folder_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = ["--model", "cnn", "--manifest", "m.csv", "--out", str(tmp_path / "file" / "run")]
    assert main(["train", *words]) == 1
    assert "error: The output folder must be writable." in capsys.readouterr().err


def test_each_epoch_leaves_one_line(capsys):
    def row(epoch):
        return {**ROW, "epoch": epoch}

    with EpochScreen(3) as screen:
        screen.history = [row(1)]
        screen.skip()
        screen.report(50, 100, {})
        screen.report(1, 1, {"epoch": 2, "loss": 0.5, "accuracy": 0.25})
        screen.history.append(row(2))
        screen.report(1, 1, {"epoch": 3, "loss": 0.5, "accuracy": 0.25})
        screen.history.append(row(3))
    captured = capsys.readouterr()
    lines = [line for line in captured.err.replace("\r", "\n").split("\n") if "val_loss" in line]
    assert lines == [
        "epoch 2/3  loss 0.5000  accuracy 0.2500  val_loss 1.5000  val_accuracy 0.7500  61.0 s  "
        "about 01:01 left",
        "epoch 3/3  loss 0.5000  accuracy 0.2500  val_loss 1.5000  val_accuracy 0.7500  61.0 s  "
        "about 00:00 left",
    ]
    assert captured.out == ""


class FakeTrainer:
    """Trains nothing: one epoch before the start, then what the test wants."""

    best, start, policy = {"epoch": 1.0, "val_accuracy": 0.75}, "resumed", "float32"
    batches = argparse.Namespace(steps=1)
    end = None

    def __init__(self, config, run, *, resume, report):
        self.config, self.report = config, report
        self.history = [ROW] if resume else []

    def fit(self):
        self.history.append({**ROW, "epoch": len(self.history) + 1})
        if self.end is not None:
            raise self.end


@pytest.fixture
def fake(monkeypatch):
    import core.training.trainer

    monkeypatch.setattr(core.training.trainer, "Trainer", FakeTrainer)
    return FakeTrainer


def test_a_resume_shows_its_own_epochs_and_remembers_the_new_end(fake, run, capsys):
    assert main(["train", "--resume", "--out", str(run), "--epochs", "6"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{run}\n"
    assert "epoch 2/6  loss " in captured.err
    assert "epoch 1/6" not in captured.err
    assert "Best epoch: 1, validation accuracy 0.7500" in captured.err
    assert json.loads((run / "config.json").read_text())["epochs"] == 6


def test_ctrl_c_says_how_to_go_on(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fake, "end", KeyboardInterrupt())
    out = tmp_path / "new"
    assert main(["train", "--model", "cnn", "--manifest", "m.csv", "--out", str(out)]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"To go on: python -m core train --resume --out {out}\n" in captured.err


def test_a_new_run_is_named_after_model_and_time(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    try:
        assert main(["train", "--model", "cnn", "--manifest", "m.csv"]) == 0
    finally:
        get_settings.cache_clear()
    assert re.fullmatch(r"cnn-\d{8}-\d{6}\n", capsys.readouterr().out)
