import json
import os
from datetime import UTC, datetime

import pytest

from tests.pages.training.acts import PAGE, WHOLE, epochs
from ui.language import speaking


def switch(at, before, after):
    # What a browser would send back is formatted by the test itself.
    with speaking(before):
        next(c for c in at.segmented_control if c.key == "language").set_value(after).run()
    assert not at.exception, at.exception[0].message


@pytest.fixture
def two(open_page, publish, lay_run):
    publish()
    publish("vgg16")
    lay_run("first", epochs([1.0, 0.4]))
    return open_page(PAGE)


def test_the_chosen_runs_and_curve_outlive_a_change_of_language(two):
    at = two
    at.multiselect[0].set_value(["published:vgg16", "first"]).run()
    at.segmented_control(key="curve").set_value("accuracy").run()
    at.slider(key="smoothing").set_value(0.6).run()
    for before, after in (("en", "fr"), ("fr", "en")):
        switch(at, before, after)
        assert at.multiselect[0].value == ["published:vgg16", "first"]
        assert at.segmented_control(key="curve").value == "accuracy"
        assert at.slider(key="smoothing").value == 0.6
        assert len(at.get("plotly_chart")) == 1


def test_published_models_are_named_in_french(two):
    at = two
    switch(at, "en", "fr")
    assert at.multiselect[0].options == ["cnn (publié)", "vgg16 (publié)", "first"]
    (chart,) = at.get("plotly_chart")
    names = {trace.get("name") for trace in json.loads(chart.proto.spec)["data"]}
    assert any(str(name).startswith("cnn (publié)") for name in names)
    assert list(at.dataframe[0].value.iloc[:, 0]) == ["cnn (publié)", "vgg16 (publié)", "first"]


def test_the_time_that_is_left_is_french(open_page, lay_run):
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = {"state": "running", "pid": os.getpid(), "updated": now}
    lay_run("long", epochs([1.0]), state, WHOLE, epochs=2001)
    at = open_page(PAGE, lang="fr")
    (bar,) = at.get("progress")
    assert bar.proto.text.endswith("encore environ 33\u00a0h 20\u00a0min")
