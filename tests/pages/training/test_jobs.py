import json
import os

import pytest

from core.jobs import read_job
from core.settings import get_settings
from tests.pages.acts import click
from tests.pages.training.acts import PAGE, WHOLE, epochs, fill
from tests.waiting import wait_until


def test_a_new_run_joins_the_chosen_curves(open_page, dataset, trainer, publish):
    publish()
    at = open_page(PAGE)
    assert at.multiselect[0].value == ["published:cnn"]
    fill(at, name="mine", epochs=3)
    click(at, "Start training")
    (trainer / "mine" / "go-1").touch()
    wait_until(lambda: (trainer / "mine" / "history.json").exists())
    at.run()
    assert at.multiselect[0].value == ["published:cnn", "mine"]
    # Once it was taken out, it stays out.
    at.multiselect[0].set_value(["published:cnn"]).run()
    at.run()
    assert at.multiselect[0].value == ["published:cnn"]


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
    assert "--place-weight=0.3" in words
    wait_until(lambda: (run / "status.json").exists())
    (run / "go-1").touch()
    wait_until(lambda: (run / "history.json").exists())
    at.run()
    assert "Under way" in texts(at)
    assert "epoch 1/2: 10%" in texts(at)
    assert list(at.dataframe[0].value["State"]) == ["Running"]
    click(at, "Stop mine")
    wait_until(lambda: not read_job(run, "train").running)
    at.run()
    assert list(at.dataframe[0].value["State"]) == ["Stopped, can be resumed"]
    assert json.loads((run / "status.json").read_text())["state"] == "stopped"
    at.number_input(key="resume_epochs_mine").set_value(1).run()
    click(at, "Resume")
    assert "at least its 2 epochs" in texts(at)
    at.number_input(key="resume_epochs_mine").set_value(2).run()
    (run / "go-2").touch()
    click(at, "Resume")
    wait_until(lambda: not read_job(run, "train").running)
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
    wait_until(lambda: not read_job(trainer / "doomed", "train").running)
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
    wait_until(lambda: not read_job(folder, "publish").running)
    at.run()
    assert "Every image of an evaluation can be read. Received: none." in texts(at)
    # A name of its own replaces nothing, so nothing has to be agreed to.
    at.text_input(key="publish_name_done").set_value("mine").run()
    at.checkbox(key="mirrored_done").check().run()
    click(at, "Publish")
    assert read_job(folder, "publish").words[2:] == ("mine", "--mirrored")
    wait_until(lambda: not read_job(folder, "publish").running)
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
    wait_until(lambda: not read_job(folders / "runs" / "real", "train").running, 600)
    at.run()
    table = at.dataframe[0].value
    assert list(table["Run"]) == ["real"]
    assert list(table["State"]) == ["Finished"]
