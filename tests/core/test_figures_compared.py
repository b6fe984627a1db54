import pytest

from core import figures
from core.figures import compared

LINE = {
    "roc": {"fpr": [0.0, 0.5, 1.0], "tpr": [0.0, 0.8, 1.0]},
    "pr": {"recall": [0.0, 1.0], "precision": [1.0, 0.5]},
}
POINT = {"fpr": 0.5, "tpr": 0.8, "precision": 0.6}


@pytest.mark.parametrize(("kind", "place"), [("roc", (0.5, 0.8)), ("pr", (0.8, 0.6))])
def test_each_model_has_a_line_and_its_mark(kind, place):
    figure = compared.curves_of_models({"A": LINE, "<b>": LINE}, kind, {"A": POINT})
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.hoverinfo != "skip"]
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [line.name for line in lines] == ["A", "&lt;b&gt;"]
    assert lines[0].line.color != lines[1].line.color
    assert lines[0].line.dash != lines[1].line.dash
    assert [(m.x[0], m.y[0], m.marker.color) for m in marks] == [(*place, lines[0].line.color)]


def test_a_rate_that_is_missing_has_no_mark():
    point = {**POINT, "precision": None}
    figure = compared.curves_of_models({"A": LINE}, "pr", {"A": point})
    assert [trace.mode for trace in figure.data] == ["lines"]


def test_an_unknown_curve_is_refused():
    with pytest.raises(ValueError, match=r"A curve is roc or pr\. Received: 'x'"):
        compared.curves_of_models({}, "x")


def test_without_points_a_sentence_stands_in_the_figure():
    empty = {"roc": {"fpr": [], "tpr": []}, "pr": {"recall": [], "precision": []}}
    figure = compared.curves_of_models({"A": empty}, "roc")
    assert "No class has both" in figure.layout.annotations[0].text
    assert not figure.data


def test_reliability_leaves_empty_bins_out():
    bins = [
        {"count": 0, "confidence": None, "accuracy": None},
        {"count": 4, "confidence": 0.8, "accuracy": 0.75},
    ]
    figure = compared.reliability_of_models({"A": bins})
    assert (list(figure.data[1].x), list(figure.data[1].y)) == ([0.8], [0.75])


def test_coverage_is_marked_at_the_nearest_threshold_that_answers():
    curve = [
        {"threshold": 0.0, "coverage": 1.0, "accuracy": 0.8},
        {"threshold": 0.5, "coverage": 0.6, "accuracy": 0.9},
        {"threshold": 1.0, "coverage": 0.0, "accuracy": None},
    ]
    line, mark = compared.coverage_of_models({"A": curve}, 0.9).data
    assert list(line.x) == [1.0, 0.6]
    assert (mark.x[0], mark.y[0]) == (0.6, 0.9)


def test_a_clickable_matrix_has_an_unseen_target_on_every_cell():
    plain = figures.confusion_heatmap([[3, 1], [0, 2]], ["glioma", "notumor"])
    assert len(plain.data) == 1
    figure = figures.confusion_heatmap([[3, 1], [0, 2]], ["glioma", "notumor"], clickable=True)
    targets = figure.data[1]
    assert [tuple(place) for place in targets.customdata] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert (targets.x[1], targets.y[1]) == ("No tumour", "Glioma")
    assert targets.marker.opacity == 0
    assert targets.unselected.marker.opacity == 0


def test_marks_stand_on_the_curves_of_the_classes():
    figure = figures.roc_curves({"glioma": LINE}, {"glioma": POINT})
    (mark,) = [trace for trace in figure.data if trace.mode == "markers"]
    assert (mark.x[0], mark.y[0]) == (0.5, 0.8)
    figure = figures.pr_curves({"glioma": LINE}, {"glioma": POINT})
    (mark,) = [trace for trace in figure.data if trace.mode == "markers"]
    assert (mark.x[0], mark.y[0]) == (0.8, 0.6)
