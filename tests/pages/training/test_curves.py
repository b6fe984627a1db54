import json
import os
from datetime import UTC, datetime

import pytest

from core.data.manifest import read_manifest
from core.training.earlier import EarlierRun, write_earlier
from core.training.runs import read_history
from tests.pages.training.acts import PAGE, WHOLE, epochs


def curves(at):
    (chart,) = at.get("plotly_chart")
    return json.loads(chart.proto.spec)["data"]


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
    assert at.multiselect[0].value == ["published:cnn", "first"]
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


def test_a_published_model_shows_the_runs_before_its_last(open_page, publish, folders):
    publish()
    before = [EarlierRun("lost", 2, "train", []), EarlierRun("kept", 1, "train", epochs([1.0]))]
    write_earlier(folders / "weights" / "cnn", before)
    at = open_page(PAGE)
    assert at.toggle(key="earlier_runs").value
    assert at.dataframe[0].value.loc[0, "Epochs before"] == 3
    (line, *_), last = curves(at), len(read_history(folders / "weights" / "cnn"))
    assert line["x"] == list(range(1, 4 + last))
    assert line["y"][:3] == [None, None, 1.0]
    table = at.dataframe[1].value
    assert list(table["Run"]) == ["lost", "kept", "cnn (published)"]
    assert list(table["Epochs kept"]) == [0, 1, last]
    at.toggle(key="earlier_runs").set_value(False).run()
    assert curves(at)[0]["x"] == list(range(1, 1 + last))


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
