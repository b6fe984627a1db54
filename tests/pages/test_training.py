import json

import pytest

PAGE = "pages/4_Training.py"


@pytest.fixture
def lay_run(folders):
    def lay_run(name, history, **config):
        folder = folders / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model": "cnn", **config}))
        (folder / "history.json").write_text(json.dumps(history))
        (folder / "status.json").write_text(json.dumps({"state": "finished"}))

    return lay_run


def epochs(losses):
    return [
        {"epoch": k, "loss": x, "accuracy": 0.5, "val_loss": x, "val_accuracy": 0.5,
         "learning_rate": 1e-3, "seconds": 60.0}
        for k, x in enumerate(losses, 1)
    ]  # fmt: skip


def test_empty_state_tells_the_command(open_page):
    at = open_page(PAGE)
    assert "python -m core train" in at.info[0].value
    assert not at.get("plotly_chart")


def test_runs_and_published_models_share_the_axes(open_page, publish, lay_run):
    publish()
    lay_run("first", epochs([1.0, 0.4, 0.6]), learning_rate=0.001)
    at = open_page(PAGE)
    assert at.multiselect[0].value == ["cnn (published)", "first"]
    assert len(at.get("plotly_chart")) == 1
    table = at.dataframe[0].value
    assert list(table["Run"]) == ["cnn (published)", "first"]
    assert table.loc[1, "Best epoch"] == 2
    assert table.loc[1, "Minutes"] == 3.0
    settings = at.dataframe[1].value.set_index("Setting")
    assert settings.loc["learning_rate", "first"] == "0.001"
    assert settings.loc["learning_rate", "cnn (published)"] == "—"


@pytest.mark.parametrize("curve", ["Loss", "Accuracy", "Learning rate"])
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
    assert "Choose one or more" in at.info[0].value


def test_divergence_is_called_out(open_page, lay_run):
    lay_run("bad", epochs([1.0, 2.0, 4.0]))
    lay_run("worse", epochs([1.0, float("nan")]))
    at = open_page(PAGE)
    assert "bad: the loss has grown" in at.warning[0].value
    assert "worse: the loss is not a number" in at.error[0].value


def test_a_half_written_history_is_left_out(open_page, lay_run, folders):
    lay_run("good", epochs([1.0, 0.5]))
    lay_run("broken", [])
    (folders / "runs" / "broken" / "history.json").write_text('[{"epoch": 1')
    at = open_page(PAGE)
    assert at.multiselect[0].options == ["good"]
