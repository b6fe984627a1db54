import subprocess
import sys

import numpy as np
import pytest

from core import figures
from core.evaluation.inputs import EvaluationInputs
from core.evaluation.report import build_report
from core.labels import KNOWN
from core.settings import PROJECT_ROOT

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    y = np.arange(80) % 4
    logits = (2 * rng.normal(size=(80, 4)) + 3 * np.eye(4)[y]).astype(np.float32)
    inputs = EvaluationInputs(
        labels=LABELS,
        y=y,
        logits=logits,
        groups=[str(k // 2) for k in range(80)],
        sources=["x"] * 80,
        paths=[str(k) for k in range(80)],
        split="test",
        model="cnn",
        validation_y=y,
        validation_logits=logits,
    )
    manifest = {"sha256": "", "name": "m"}
    return build_report(inputs, command="evaluate", manifest=manifest, resamples=30)


@pytest.fixture
def history():
    return [
        {
            "epoch": k + 1,
            "loss": 1.0 / (k + 1),
            "val_loss": [0.9, 0.4, 0.6][k],
            "accuracy": 0.5 + 0.1 * k,
            "val_accuracy": [0.5, 0.7, 0.8][k],
            "learning_rate": 5e-4 / (k + 1),
        }
        for k in range(3)
    ]


def texts(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def test_the_most_probable_class_comes_first_in_its_colour():
    figure = figures.probability_bars({"notumor": 0.2, "glioma": 0.7, "other": 0.1}, 0.65)
    bar = figure.data[0]
    assert list(bar.y) == ["Glioma", "No tumour", "Other"]
    assert list(bar.x) == [0.7, 0.2, 0.1]
    assert bar.marker.color[:2] == (KNOWN["glioma"].colour, KNOWN["notumor"].colour)
    assert texts(figure) == ["70.0 %", "20.0 %", "10.0 %", "accepted from 65 %"]
    assert figure.layout.shapes[0].x0 == 0.65
    assert figure.layout.yaxis.autorange == "reversed"


def test_spread_becomes_whiskers_of_the_classes_that_have_one():
    figure = figures.probability_bars({"glioma": 0.7, "notumor": 0.3}, None, {"glioma": (0.5, 0.8)})
    whiskers = figure.data[0].error_x
    assert whiskers.array[0] == pytest.approx(0.1)
    assert whiskers.arrayminus[0] == pytest.approx(0.2)
    assert whiskers.array[1] is None
    assert not figure.layout.shapes


def test_names_of_strangers_are_escaped():
    figure = figures.probability_bars({"<b>x": 1.0})
    assert list(figure.data[0].y) == ["&lt;b&gt;x"]


def test_learning_curves_mark_the_epoch_whose_weights_are_kept(history):
    figure = figures.learning_curves({"first": history}, "Loss")
    validation, training, star = figure.data
    assert (validation.name, validation.line.dash) == ("first, validation", "solid")
    assert (training.name, training.line.dash) == ("first, training", "dot")
    assert list(validation.y) == pytest.approx([0.9, 0.4, 0.6])
    # The third has the higher accuracy, though the second has the lower loss.
    assert (list(star.x), list(star.y)) == ([3], [0.6])
    accuracy = figures.learning_curves({"first": history}, "accuracy")
    assert (list(accuracy.data[2].x), list(accuracy.data[2].y)) == ([3], [0.8])
    history[1]["val_accuracy"] = history[2]["val_accuracy"]
    assert figures.learning_curves({"first": history}).data[2].x[0] == 2


def test_the_learning_rate_is_one_unsmoothed_line_per_run(history):
    figure = figures.learning_curves({"a": history, "b": history}, "Learning rate", 0.9)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [line.name for line in lines] == ["a", "b"]
    assert list(lines[0].y) == [row["learning_rate"] for row in history]
    assert figure.layout.yaxis.type == "log"
    assert lines[0].line.color != lines[1].line.color


def test_smoothing_by_hand_leaves_gaps_and_the_star(history):
    history[1]["loss"] = float("nan")
    history.append({"epoch": 4, "loss": None, "val_loss": None})
    validation, training, star = figures.learning_curves({"a": history}, "loss", 0.5).data
    # (0.5 * 0.45 + 0.5 * 0.4) / 0.75, then (0.5 * 0.425 + 0.5 * 0.6) / 0.875
    assert list(validation.y)[:3] == pytest.approx([0.9, 0.425 / 0.75, 0.5125 / 0.875])
    assert validation.y[3] is None
    assert training.y[1] is None
    assert star.y[0] == 0.6


def test_a_ring_marks_where_each_run_of_several_begins(history):
    gap = [{"epoch": 4, "run": 1}, {"epoch": 5, "run": 1}]
    last = [{**history[0], "epoch": 6, "run": 2, "val_loss": 0.3, "val_accuracy": 0.7}]
    rows = [*({**row, "run": 0} for row in history), *gap, *last]
    validation, _, rings, star = figures.learning_curves({"a": rows}).data
    assert list(validation.x) == [1, 2, 3, 4, 5, 6]
    assert list(validation.y)[3:] == [None, None, 0.3]
    assert (list(rings.x), list(rings.y), list(rings.customdata)) == ([6], [0.3], [3])
    # The best epoch of the first run has a higher accuracy, but its weights aren't kept.
    assert (list(star.x), list(star.y)) == ([6], [0.3])


def test_few_epochs_have_a_tick_each(history):
    few = figures.learning_curves({"a": history, "b": history[:1]})
    assert few.layout.xaxis.dtick == 1
    many = [{**history[0], "epoch": k + 1} for k in range(30)]
    assert figures.learning_curves({"a": history, "b": many}).layout.xaxis.dtick is None


def test_no_epochs_say_so():
    assert texts(figures.learning_curves({})) == ["No epochs yet."]
    assert texts(figures.learning_curves({"a": []}, "accuracy")) == ["No epochs yet."]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("speed",), "one of loss, accuracy, learning rate. Received: 'speed'"),
        (("loss", 1.0), "0 to below 1. Received: 1.0"),
    ],
)
def test_unknown_curves_are_refused(history, options, message):
    with pytest.raises(ValueError, match=message):
        figures.learning_curves({"a": history}, *options)


def test_confusion_shows_shares_of_the_true_class_or_counts():
    confusion = [[3, 1], [0, 0]]
    shares = figures.confusion_heatmap(confusion, ["glioma", "notumor"])
    assert texts(shares) == ["75.0 %", "25.0 %", "–", "–"]
    assert np.array(shares.data[0].z).tolist() == [[0.75, 0.25], [0.0, 0.0]]
    assert "3 of 4 slices (75.0 %)" in shares.data[0].customdata[0][0]
    counts = figures.confusion_heatmap(confusion, ["glioma", "notumor"], False)
    assert texts(counts) == ["3", "1", "0", "0"]
    # The first class stands on top, and nothing widens the axes beyond the cells.
    assert list(counts.layout.yaxis.range) == [1.5, -0.5]
    assert counts.layout.yaxis.title.text == "True class"


def test_text_on_dark_cells_is_white_and_elsewhere_the_pages_own():
    figure = figures.confusion_heatmap([[9, 1], [1, 9]], ["a", "b"])
    colours = [annotation.font.color for annotation in figure.layout.annotations]
    assert colours == ["#FFFFFF", None, None, "#FFFFFF"]
    # One half exactly stands on the dark side of the scale, too.
    half = figures.confusion_heatmap([[1, 1], [0, 2]], ["a", "b"])
    assert [a.font.color for a in half.layout.annotations][:2] == ["#FFFFFF"] * 2
    assert [level for level, _ in half.data[0].colorscale][1:3] == [0.49, 0.5]


def test_a_confusion_matrix_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"per label \(2\). Received: rows of \[2\]"):
        figures.confusion_heatmap([[1, 2]], ["a", "b"])


def test_class_curves_carry_the_points_of_the_report(report):
    roc, pr = figures.roc_curves(report["curves"]), figures.pr_curves(report["curves"])
    assert [trace.name for trace in roc.data[:-1]] == [KNOWN[label].name for label in LABELS]
    assert roc.data[-1].name == "Guessing"
    assert list(roc.data[2].y) == report["curves"]["notumor"]["roc"]["tpr"]
    assert list(pr.data[0].x) == report["curves"]["glioma"]["pr"]["recall"]
    assert pr.data[3].line.color == KNOWN["pituitary"].colour
    assert len({trace.line.dash for trace in pr.data}) == 4


def test_classes_without_points_are_left_out():
    curves = {"glioma": {"roc": {"fpr": [], "tpr": []}, "pr": {"recall": [], "precision": []}}}
    assert texts(figures.roc_curves(curves)) == ["No class has both kinds of slices."]
    assert texts(figures.pr_curves(curves)) == ["No class has a slice."]


def test_reliability_leaves_out_empty_bins_and_names_the_error(report):
    part = report["calibration"]
    diagonal, before, after = figures.reliability_diagram(part).data
    filled = [b for b in part["before"]["bins"] if b["count"]]
    assert list(before.x) == [b["confidence"] for b in filled]
    assert before.name == f"As trained, error {100 * part['before']['ece']:.1f} %"
    assert after.name.startswith(f"Temperature {part['temperature']:.2f}, error")
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_the_operating_point_lies_on_the_curve_with_its_intervals(report):
    part = report["threshold"]
    curve, point = figures.accuracy_coverage(part).data
    at = list(curve.customdata).index(part["value"])
    assert (curve.x[at], curve.y[at]) == (point.x[0], point.y[0])
    assert point.error_y.array[0] == pytest.approx(
        part["accuracy"]["high"] - part["accuracy"]["value"]
    )
    assert point.name == "Threshold 70 %"


def test_nothing_accepted_says_so(report):
    part = {**report["threshold"], "curve": [{"threshold": 0.5, "coverage": 0, "accuracy": None}]}
    assert texts(figures.accuracy_coverage(part)) == ["No slice is accepted at any threshold."]


def test_class_balance_of_splits_and_of_a_flat_count():
    split = figures.class_balance({"train": {"glioma": 30, "notumor": 10}, "val": {"glioma": 4}})
    assert [trace.name for trace in split.data] == ["Glioma", "No tumour"]
    assert list(split.data[1].y) == [10, 0]
    assert list(split.data[1].customdata) == [0.25, 0.0]
    assert list(figures.class_balance({"glioma": 3}).data[0].y) == [3]
    assert texts(figures.class_balance({})) == ["No slices yet."]


def test_every_figure_lets_the_theme_show_through(report, history):
    for figure in (
        figures.probability_bars({"glioma": 1.0}, 0.7),
        figures.class_balance({"glioma": 3}),
        figures.learning_curves({"a": history}),
        figures.confusion_heatmap(report["confusion"], report["labels"]),
        figures.roc_curves(report["curves"]),
        figures.pr_curves(report["curves"]),
        figures.reliability_diagram(report["calibration"]),
        figures.accuracy_coverage(report["threshold"]),
    ):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert figure.layout.font.color is None
        assert figure.layout.font.size >= 16
        figure.to_json()


def test_figures_and_evaluation_load_no_framework():
    code = (
        "import sys, core.figures, core.evaluation.report, core.evaluation.compare;"
        "print([m for m in ('tensorflow', 'keras', 'streamlit', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT_ROOT,
    )
    assert done.stdout.strip() == "[]"
