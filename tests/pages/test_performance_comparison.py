import json
import os

import pytest

from core.evaluation.side_by_side import read_predictions
from core.settings import get_settings
from tests.pages.conftest import table
from ui import comparison_tables

PAGE = "pages/5_Performance.py"
HOLLOW = json.dumps({
    "schema": 1, "models": {"cnn": {}}, "pairs": [], "ensemble": None, "notes": [],
    "command": "c", "created": "d",
})  # fmt: skip


def test_the_comparison_holds_every_model_and_the_ensemble(open_page, pair, texts):
    at = open_page(PAGE)
    overview = table(at, "On disk (MB)")
    assert list(overview["Model"]) == ["CNN from scratch", "VGG16", "Ensemble (mean)"]
    value = pair["vgg16"]["accuracy"]
    assert overview.loc[1, "Accuracy"] == (
        f" {100 * value['value']:.1f} % ({100 * value['low']:.1f}–{100 * value['high']:.1f})"
    )
    error = pair["vgg16"]["calibration"]["after"]["ece_interval"]
    assert overview.loc[1, "Calibration error"].lstrip() == (
        f"{100 * error['value']:.1f} % ({100 * error['low']:.1f}–{100 * error['high']:.1f})"
    )
    assert "compare --latency" in texts(at)
    tests = table(at, "McNemar p")
    first, second = (
        read_predictions(get_settings().weights_dir / m / "predictions.csv")
        for m in ("cnn", "vgg16")
    )
    assert tests.loc[0, "Only the first right"] == (first.correct & ~second.correct).sum()
    coverage = table(at, "Accuracy of the answers")
    assert len(coverage) == 3
    assert coverage["Coverage"].str.fullmatch(r" *[\d.]+ % \([\d.]+–[\d.]+\)").all()
    # Three matrices, two curves, reliability and coverage; and the one model's five.
    assert len(at.get("plotly_chart")) == 12
    assert "have changed since" not in texts(at)


def test_models_that_see_both_views_are_named(open_page, pair, texts):
    assert "mirror image" not in texts(open_page(PAGE))
    file = get_settings().weights_dir / "comparison.json"
    comparison = json.loads(file.read_text())
    comparison["models"]["vgg16"]["mirrored"] = True
    file.write_text(json.dumps(comparison))
    assert "so that left and right don't matter: VGG16." in texts(open_page(PAGE))


def test_a_metric_per_class_can_be_chosen(open_page, pair):
    at = open_page(PAGE)
    at.segmented_control(key="compare_metric").set_value("recall").run()
    (recall,) = [d.value for d in at.dataframe if list(d.value.columns)[1:] == [
        "Glioma", "Meningioma", "No tumour", "Pituitary tumour",
    ]]  # fmt: skip
    value = pair["cnn"]["per_class"]["glioma"]["recall"]["value"]
    assert recall.loc[0, "Glioma"].strip().startswith(f"{100 * value:.1f} %")


def test_columns_of_figures_sort_by_their_numbers():
    texts = [
        comparison_tables.share({"value": v, "low": 0.0, "high": 1.0})
        for v in (1.0, 0.09, 0.974, 0.98)
    ]
    assert sorted(texts) == [texts[1], texts[2], texts[3], texts[0]]


def test_an_old_comparison_is_called_old(open_page, pair, lay_model, folders, texts):
    later = (folders / "weights" / "comparison.json").stat().st_mtime + 60
    os.utime(folders / "weights" / "cnn" / "report.json", (later, later))
    # A copied file is no newer report.
    assert "have changed since this comparison" not in texts(open_page(PAGE))
    lay_model("cnn", 9)
    assert "have changed since this comparison" in texts(open_page(PAGE))


def test_a_model_that_was_published_since_makes_a_comparison_old(open_page, pair, lay_model, texts):
    lay_model("vgg19", 5)
    assert "have changed since this comparison" in texts(open_page(PAGE))


@pytest.mark.parametrize("content", ["[]", '{"models": {}}', HOLLOW])
def test_a_broken_comparison_is_one_sentence(open_page, lay_model, folders, content):
    lay_model("cnn")
    (folders / "weights" / "comparison.json").write_text(content)
    at = open_page(PAGE)
    assert "A comparison has the fields" in at.error[0].value
