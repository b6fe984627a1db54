import json
import os
import sys
import time
from datetime import UTC, datetime

import pytest

from core.data.manifest import read_manifest
from core.data.phantom import write_phantom_dataset
from core.data.split import make_split
from core.jobs import read_job, stop_job
from core.settings import get_settings

PAGE = "pages/4_Training.py"

# Stands in for `python -m core`: writes what a training writes, one epoch at a time, and goes on
# only once a file `go-<epoch>` is there.
TRAINER = f"""#!{sys.executable}
import json, os, pathlib, signal, sys, time
words = sys.argv[3:]
if words[0] == "publish" and words[2] != "cnn":
    print("test accuracy  0.9", "Written: weights/" + words[2], sep=chr(10), flush=True)
    sys.exit(0)
if words[0] == "publish":
    print("error: Every image of an evaluation can be read. Received: none.", flush=True)
    sys.exit(1)
given = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
run = pathlib.Path(given["out"])
if given.get("model") == "vgg19":
    print("error: --init must fit the architecture. Received: another one.", flush=True)
    sys.exit(1)
def write(name, value):
    (run / (name + ".new")).write_text(json.dumps(value))
    os.replace(run / (name + ".new"), run / name)
def status(state):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write("status.json", dict(state=state, epoch=len(history), pid=os.getpid(), updated=now))
def stop(number, frame):
    status("stopped")
    sys.exit(130)
history = []
if "--resume" in words:
    history = json.loads((run / "history.json").read_text())
    config = json.loads((run / "config.json").read_text())
    config["epochs"] = int(given["epochs"])
else:
    config = dict(model=given["model"], manifest=given["manifest"], labels=["a", "b"])
    config["epochs"] = int(given["epochs"])
signal.signal(signal.SIGTERM, stop)
write("config.json", config)
status("running")
print("epoch 1/2: 10%|#", flush=True)
for epoch in range(len(history) + 1, config["epochs"] + 1):
    while not (run / f"go-{{epoch}}").exists():
        time.sleep(0.02)
    history.append(dict(epoch=epoch, loss=1 / epoch, accuracy=0.5, val_loss=1 / epoch,
                        val_accuracy=0.5 + 0.1 * epoch, learning_rate=1e-3, seconds=60.0))
    (run / "last").mkdir(exist_ok=True)
    (run / "last" / "state.safetensors").touch()
    (run / "best.weights.h5").touch()
    write("history.json", history)
    status("running")
status("finished")
"""


@pytest.fixture
def lay_run(folders):
    def lay_run(name, history, state="finished", files=(), **config):
        folder = folders / "runs" / name
        (folder / "last").mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model": "cnn", **config}))
        (folder / "history.json").write_text(json.dumps(history))
        (folder / "status.json").write_text(
            json.dumps(state if isinstance(state, dict) else {"state": state})
        )
        for file in files:
            (folder / file).touch()
        return folder

    return lay_run


WHOLE = ("last/state.safetensors", "best.weights.h5")


def epochs(losses, accuracy=0.5):
    return [
        {"epoch": k, "loss": x, "accuracy": 0.5, "val_loss": x, "val_accuracy": accuracy,
         "learning_rate": 1e-3, "seconds": 60.0}
        for k, x in enumerate(losses, 1)
    ]  # fmt: skip


@pytest.fixture
def dataset(folders):
    """A clean split of phantoms where the form looks for one."""
    write_phantom_dataset(folders / "data" / "phantoms", 6, layout="flat", size=48)
    made = make_split([folders / "data" / "phantoms"], (0.5, 0.25, 0.25))
    made.write(folders / "weights" / "manifest.csv")
    return folders / "weights" / "manifest.csv"


@pytest.fixture
def trainer(folders, monkeypatch):
    """A quick stand-in for the training process; none is left behind."""
    script = folders / "trainer"
    script.write_text(TRAINER)
    script.chmod(0o755)
    monkeypatch.setattr("core.jobs.sys.executable", str(script))
    yield folders / "runs"
    for folder in (folders / "runs").iterdir():
        job = read_job(folder, "train")
        if job is not None:
            stop_job(job)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def click(at, label):
    (button,) = [b for b in at.button if b.label == label]
    button.click()
    at.run()
    assert not at.exception, at.exception[0].message
    return at


def fill(at, **values):
    kinds = {"epochs": "number_input", "rate": "number_input", "model": "selectbox",
             "name": "text_input", "freeze": "selectbox", "init": "selectbox"}  # fmt: skip
    for name, value in values.items():
        getattr(at, kinds[name])(key=f"train_{name}").set_value(value)
    return at


def test_without_a_split_the_form_tells_where_to_make_one(open_page):
    at = open_page(PAGE)
    said = "\n".join(box.value for box in at.info)
    assert "Dataset page" in said
    assert "python -m core train" in said
    assert not at.get("plotly_chart")


def test_runs_and_published_models_share_the_axes(open_page, publish, lay_run):
    publish()
    lay_run("first", epochs([1.0, 0.4, 0.6]), learning_rate=0.001, manifest="/secret/m.csv")
    at = open_page(PAGE)
    assert at.multiselect[0].value == ["cnn (published)", "first"]
    assert len(at.get("plotly_chart")) == 1
    table = at.dataframe[0].value
    assert list(table["Run"]) == ["cnn (published)", "first"]
    assert list(table["State"]) == ["Published", "Finished"]
    assert table.loc[1, "Best epoch"] == 2
    assert table.loc[1, "Minutes"] == 3.0
    settings = at.dataframe[1].value.set_index("Setting")
    assert settings.loc["learning_rate", "first"] == "0.001"
    assert settings.loc["learning_rate", "cnn (published)"] == "—"
    assert settings.loc["manifest", "first"] == "m.csv"


@pytest.mark.parametrize("curve", ["loss", "accuracy", "learning rate"])
def test_every_curve_draws_with_smoothing(open_page, publish, curve):
    publish()
    at = open_page(PAGE)
    at.segmented_control(key="curve").set_value(curve).run()
    at.slider(key="smoothing").set_value(0.6).run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == 1


def test_nothing_chosen_asks_for_a_choice(open_page, publish):
    publish()
    at = open_page(PAGE)
    at.multiselect[0].set_value([]).run()
    assert any("Choose one or more" in box.value for box in at.info)


def test_divergence_is_called_out(open_page, lay_run, texts):
    lay_run("bad", epochs([1.0, 2.0, 4.0]))
    # JSON of ours holds no NaN; what is missing was none.
    lay_run("worse", epochs([1.0, None]))
    said = texts(open_page(PAGE))
    assert "**bad**: the loss has grown since the first epoch, from 1.000 to 4.000" in said
    assert "**worse**: the loss is not a number" in said


def test_a_collapse_is_held_against_the_validation_split(open_page, lay_run, texts, dataset):
    # A quarter of the phantoms of each split belongs to each class.
    manifest = str(dataset)
    labels = ["glioma", "meningioma", "notumor", "pituitary"]
    val = [row.label for row in read_manifest(dataset).rows if row.split == "val"]
    share = max(val.count(label) for label in labels) / len(val)
    lay_run("flat", epochs([1.0, 0.9, 0.8], share), labels=labels, manifest=manifest)
    lay_run("good", epochs([1.0, 0.9, 0.8], 0.95), labels=labels, manifest=manifest)
    said = texts(open_page(PAGE))
    assert "**flat**: the validation accuracy has stood still at" in said
    assert f"no better than naming one class always ({100 * share:.1f} %)" in said
    assert "**good**" not in said


def test_a_half_written_history_is_left_out(open_page, lay_run, folders):
    lay_run("good", epochs([1.0, 0.5]))
    lay_run("broken", [])
    (folders / "runs" / "broken" / "history.json").write_text('[{"epoch": 1')
    at = open_page(PAGE)
    assert at.multiselect[0].options == ["good"]


def test_a_run_whose_process_died_is_stopped_not_running(open_page, lay_run, texts):
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    long_ago = "2020-01-01T00:00:00Z"
    dead = {"state": "running", "pid": 2**22 + 1, "updated": now}
    # The number lives on, but its process began after the run last spoke.
    recycled = {"state": "running", "pid": os.getpid(), "updated": long_ago}
    lay_run("dead", epochs([1.0]), dead, WHOLE)
    lay_run("recycled", epochs([1.0]), recycled, WHOLE)
    at = open_page(PAGE)
    assert list(at.dataframe[0].value["State"]) == ["Stopped, can be resumed"] * 2
    assert "Under way" not in texts(at)


def test_a_run_of_somebody_else_is_watched_but_not_stopped(open_page, lay_run, texts):
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lay_run("theirs", epochs([1.0]), {"state": "running", "pid": os.getpid(), "updated": now},
            WHOLE, epochs=4)  # fmt: skip
    at = open_page(PAGE)
    said = texts(at)
    assert "Started elsewhere" in said
    assert not [b for b in at.button if b.label.startswith("Stop")]
    assert list(at.dataframe[0].value["State"]) == ["Running"]
    assert not [s for s in at.selectbox if s.label == "Run"]


def test_a_new_run_joins_the_chosen_curves(open_page, dataset, trainer, publish):
    publish()
    at = open_page(PAGE)
    assert at.multiselect[0].value == ["cnn (published)"]
    fill(at, name="mine", epochs=3)
    click(at, "Start training")
    (trainer / "mine" / "go-1").touch()
    until(lambda: (trainer / "mine" / "history.json").exists())
    at.run()
    assert at.multiselect[0].value == ["cnn (published)", "mine"]
    # Once it was taken out, it stays out.
    at.multiselect[0].set_value(["cnn (published)"]).run()
    at.run()
    assert at.multiselect[0].value == ["cnn (published)"]


def test_a_run_that_was_stopped_before_it_began_is_no_error(open_page, folders, texts):
    folder = folders / "runs" / "early"
    folder.mkdir()
    record = {"words": ["train"], "pid": 2**22 + 1, "born": 0.0}
    (folder / "train.job.json").write_text(json.dumps(record))
    (folder / "train.log").write_text("interrupted\n")
    at = open_page(PAGE)
    assert "**early** was stopped before its training began" in texts(at)
    assert not at.error


def test_a_run_is_started_watched_stopped_resumed_and_finished(open_page, dataset, trainer, texts):
    at = open_page(PAGE)
    fill(at, name="mine", epochs=2, rate=0.002)
    click(at, "Start training")
    run = trainer / "mine"
    words = read_job(run, "train").words
    assert {"--model=cnn", "--epochs=2", "--learning-rate=0.002", "--size=128"} <= set(words)
    until(lambda: (run / "status.json").exists())
    (run / "go-1").touch()
    until(lambda: (run / "history.json").exists())
    at.run()
    assert "Under way" in texts(at)
    assert "epoch 1/2: 10%" in texts(at)
    assert list(at.dataframe[0].value["State"]) == ["Running"]
    click(at, "Stop mine")
    until(lambda: not read_job(run, "train").running)
    at.run()
    assert list(at.dataframe[0].value["State"]) == ["Stopped, can be resumed"]
    assert json.loads((run / "status.json").read_text())["state"] == "stopped"
    at.number_input(key="resume_epochs_mine").set_value(1).run()
    click(at, "Resume")
    assert "at least its 2 epochs" in texts(at)
    at.number_input(key="resume_epochs_mine").set_value(2).run()
    (run / "go-2").touch()
    click(at, "Resume")
    until(lambda: not read_job(run, "train").running)
    at.run()
    table = at.dataframe[0].value
    assert list(table["State"]) == ["Finished"]
    assert list(table["Epochs"]) == [2]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epochs": 0}, "epochs is at least 1. Received: 0"),
        ({"rate": 2.0}, "learning_rate is above 0 and at most 1. Received: 2.0"),
        ({"name": "../up"}, "A name has 1 to 64 letters"),
        ({"name": "--help"}, "A name has 1 to 64 letters"),
    ],
)
def test_a_bad_form_gets_the_sentence_of_its_rule(
    open_page, dataset, trainer, texts, values, sentence
):
    at = click(fill(open_page(PAGE), **values), "Start training")
    assert sentence in texts(at)
    assert list(trainer.iterdir()) == []


def test_a_size_that_is_no_multiple_of_16(open_page, dataset, trainer, texts):
    at = open_page(PAGE)
    at.number_input(key="train_size_cnn").set_value(100)
    click(at, "Start training")
    assert "size is a multiple of 16 from 16 to 512. Received: 100" in texts(at)


def test_missing_images_are_said(open_page, dataset, trainer, texts, folders):
    os.rename(folders / "data", folders / "away")
    at = click(open_page(PAGE), "Start training")
    assert "Every file of a manifest exists" in texts(at)
    assert list(trainer.iterdir()) == []


def test_what_did_not_start_tells_why_and_can_be_cleared(open_page, dataset, trainer, texts):
    at = open_page(PAGE)
    fill(at, model="vgg19", name="doomed")
    click(at, "Start training")
    until(lambda: not read_job(trainer / "doomed", "train").running)
    at.run()
    assert "**doomed** did not start. --init must fit the architecture" in texts(at)
    click(at, "Clear doomed")
    assert not (trainer / "doomed").exists()
    assert "did not start" not in texts(at)


def test_publishing_asks_before_it_replaces_and_shows_its_outcome(
    open_page, publish, lay_run, trainer, texts
):
    publish()
    folder = lay_run("done", epochs([1.0]), "finished", WHOLE, epochs=1)
    at = open_page(PAGE)
    at.text_input(key="publish_name_done").set_value("cnn").run()
    (button,) = [b for b in at.button if b.label == "Publish"]
    assert button.disabled
    at.checkbox(key="replace_done").check().run()
    click(at, "Publish")
    assert read_job(folder, "publish").words == ("publish", str(folder.resolve()), "cnn")
    until(lambda: not read_job(folder, "publish").running)
    at.run()
    assert "Every image of an evaluation can be read. Received: none." in texts(at)
    # A name of its own replaces nothing, so nothing has to be agreed to.
    at.text_input(key="publish_name_done").set_value("mine").run()
    click(at, "Publish")
    until(lambda: not read_job(folder, "publish").running)
    at.run()
    assert [box.value for box in at.success] == ["Published as mine."]


def test_a_frozen_part_needs_a_start(open_page, dataset, publish, trainer):
    publish()
    at = open_page(PAGE)
    assert at.selectbox(key="train_freeze").disabled
    start = str(trainer.parent / "weights" / "cnn")
    fill(at, init=start).run()
    fill(at, freeze="base first").run()
    at.number_input(key="train_head_epochs").set_value(2)
    fill(at, name="fine")
    click(at, "Start training")
    words = read_job(trainer / "fine", "train").words
    assert {f"--init={start}", "--head-epochs=2"} <= set(words)


def test_nothing_is_started_where_it_is_switched_off(
    open_page, dataset, lay_run, monkeypatch, texts
):
    lay_run("done", epochs([1.0]), "stopped", WHOLE)
    monkeypatch.setenv("GLIALENS_JOBS", "0")
    get_settings.cache_clear()
    at = open_page(PAGE)
    assert "Starting processes from here is switched off (GLIALENS_JOBS)" in texts(at)
    assert not [b for b in at.button if b.label in ("Start training", "Resume", "Publish")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_real_training_from_the_form(open_page, dataset, folders):
    at = open_page(PAGE)
    at.number_input(key="train_size_cnn").set_value(32)
    fill(at, name="real", epochs=1)
    click(at, "Start training")
    until(lambda: not read_job(folders / "runs" / "real", "train").running, 600)
    at.run()
    table = at.dataframe[0].value
    assert list(table["Run"]) == ["real"]
    assert list(table["State"]) == ["Finished"]
