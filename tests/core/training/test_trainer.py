import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from core.errors import RunError
from core.settings import PROJECT_ROOT
from core.training import phases
from core.training.config import TrainConfig, read_config
from core.training.runs import list_runs, read_run
from core.training.trainer import Trainer


def curves(history):
    return np.array([[row["loss"], row["val_loss"]] for row in history])


@pytest.fixture(scope="module")
def finished(tiny_manifest, tmp_path_factory):
    """One uninterrupted run of three epochs."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    config = TrainConfig(
        "tiny",
        str(tiny_manifest),
        epochs=3,
        batch_size=6,
        size=32,
        precision="float32",
        dropout=0.3,
    )
    return run, config, Trainer(config, run).fit()


def test_a_run_learns_and_leaves_its_files(finished):
    run, config, history = finished
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert set(history[0]) == {
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
    }  # fmt: skip
    assert history[-1]["loss"] < history[0]["loss"]
    assert json.loads((run / "history.json").read_text()) == history
    assert (run / "best.weights.h5").is_file()
    info = read_run(run)
    assert info.status == "finished"
    assert read_config(run) == replace(config, labels=("glioma", "notumor", "pituitary"))
    assert [r.id for r in list_runs(run.parent)] == ["whole"]


@pytest.mark.slow
def test_a_resumed_run_has_the_history_of_an_uninterrupted_one(finished, tmp_path):
    _, config, history = finished
    run = tmp_path / "runs" / "halves"
    Trainer(config, run).fit(stop_after=1)
    assert read_run(run).status == "stopped"
    resumed = Trainer(read_config(run), run, resume=True).fit()
    np.testing.assert_allclose(curves(resumed), curves(history), rtol=1e-3, atol=1e-3)
    assert read_run(run).detail["init"] == "random (He initialisation)"


def test_a_killed_run_resumes_from_the_last_finished_epoch(finished, tiny_manifest, tmp_path):
    _, _, history = finished
    run = tmp_path / "runs" / "killed"
    command = [
        sys.executable, "-c",
        "import sys; from pathlib import Path\n"
        "from core.training.config import TrainConfig\n"
        "from core.training.trainer import Trainer\n"
        "from core.models import registry\n"
        "from tests.core.training.tiny import SPEC\n"
        "registry.MODELS['tiny'] = SPEC\n"
        "c = TrainConfig('tiny', sys.argv[1], epochs=3, batch_size=6, size=32,\n"
        "                precision='float32', dropout=0.3)\n"
        "Trainer(c, Path(sys.argv[2])).fit()\n",
        str(tiny_manifest), str(run),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL)
    state = run / "last" / "state.safetensors"
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert state.exists()
    resumed = Trainer(read_config(run), run, resume=True).fit()
    assert len(resumed) == 3
    np.testing.assert_allclose(curves(resumed), curves(history), rtol=1e-3, atol=1e-3)


def test_a_run_whose_process_is_gone_is_interrupted(finished, tmp_path):
    run, _, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    status = json.loads((copy / "status.json").read_text())
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (copy / "status.json").write_text(json.dumps({**status, "state": "running"}))
    assert read_run(copy).status == "running"
    gone = {**status, "state": "running", "pid": process.pid}
    (copy / "status.json").write_text(json.dumps(gone))
    assert read_run(copy).status == "interrupted"


def test_a_folder_that_holds_a_run_is_not_overwritten(finished):
    run, config, _ = finished
    with pytest.raises(RunError, match=r"needs a new folder.*'whole'"):
        Trainer(config, run)


def test_nothing_to_resume_is_said(tiny_config, tmp_path):
    with pytest.raises(RunError, match="resumed once an epoch has finished"):
        Trainer(tiny_config, tmp_path / "runs" / "none", resume=True)


def test_a_damaged_state_is_refused(finished, tmp_path):
    run, _, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    state = copy / "last" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(RunError, match="must be whole"):
        Trainer(read_config(copy), copy, resume=True)


def test_a_run_can_start_from_another_with_settings_of_its_own(finished, tiny_config, tmp_path):
    run, _, _ = finished
    config = replace(tiny_config, init=str(run), epochs=2, averaging=0.998, fold="2/2")
    trainer = Trainer(config, tmp_path / "next")
    assert "taken over" in trainer.start
    assert "'whole'" in trainer.start
    assert trainer.batches.steps == 7
    assert trainer.stage.optimizer.ema_momentum == pytest.approx(1 - 3 / 14)


def test_an_unknown_start_is_refused(tiny_config, tmp_path):
    with pytest.raises(RunError, match=r"--init is random.*Received: 'nowhere'"):
        Trainer(replace(tiny_config, init=str(tmp_path / "nowhere")), tmp_path / "run")


def test_early_stopping_ends_a_run_that_no_longer_improves(tiny_config, tmp_path):
    # A rate this small changes nothing, so the first epoch stays the best.
    config = replace(tiny_config, epochs=6, patience=2, learning_rate=1e-12, averaging=0.0)
    history = Trainer(config, tmp_path / "run").fit()
    assert len(history) < 6


@pytest.mark.parametrize(("epochs", "expected"), [(1, 0.5), (10, 0.95), (1000, 0.998)])
def test_the_average_spans_at_most_a_third_of_the_steps(epochs, expected, tiny_config):
    config = replace(tiny_config, epochs=epochs, averaging=0.998)
    (phase,) = phases.plan(config)
    assert phases.momentum(config, phase, 6) == pytest.approx(expected)
    assert phases.momentum(replace(config, averaging=0.0), phase, 6) == 0.0


def test_the_rate_warms_up_and_falls_to_a_hundredth(tiny_config):
    config, steps = replace(tiny_config, epochs=10), 6
    (phase,) = phases.plan(config)
    rates = [
        phases.learning_rate(config, phase, epoch, step, steps)
        for epoch in range(10)
        for step in range(steps)
    ]
    peak = int(np.argmax(rates))
    assert rates[peak] == pytest.approx(config.learning_rate, rel=0.02)
    assert peak == steps
    assert np.all(np.diff(rates[:peak]) > 0)
    assert np.all(np.diff(rates[peak:]) < 0)
    assert rates[-1] < 0.02 * config.learning_rate


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 0, "at least 1"),
        ("learning_rate", 0.0, "above 0"),
        ("batch_size", 0, "1 to 1024"),
        ("size", 100, "multiple of 16"),
        ("head", "other", "lesion, fine or average"),
        ("averaging", 1.0, "0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(tiny_config, name, value, rule):
    with pytest.raises(RunError, match=f"{name} is .*{rule}.*Received: {value!r}"):
        replace(tiny_config, **{name: value})


def test_a_configuration_survives_json(tiny_config):
    raw = json.loads(json.dumps(tiny_config.to_dict()))
    assert TrainConfig.from_dict(raw) == tiny_config


def test_an_unknown_setting_is_refused(tiny_config):
    with pytest.raises(RunError, match=r"known settings alone.*wings"):
        TrainConfig.from_dict({**tiny_config.to_dict(), "wings": 2})
