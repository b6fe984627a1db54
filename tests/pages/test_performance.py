import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from core.data.manifest import ManifestRow, write_manifest
from core.evaluation.side_by_side import read_predictions
from core.settings import get_settings
from tests.pages.conftest import LABELS, SLICES, table
from ui import cells

PAGE = "pages/5_Performance.py"


@pytest.fixture
def pictures(folders):
    """The slices that the predictions are about, below the manifest's root."""
    rows = [
        ManifestRow(f"set/{k}.png", LABELS[k % 4], f"g{k // 2}", "test", "set")
        for k in range(SLICES)
    ]
    (folders / "data" / "set").mkdir(parents=True)
    for row in rows:
        pixels = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))
        cv2.imwrite(str(folders / "data" / row.path), pixels)
    write_manifest(folders / "weights" / "manifest.csv", rows, folders / "data")
    return folders / "data"


def test_empty_state_tells_the_command(open_page, publish):
    publish(with_report=False)
    at = open_page(PAGE)
    assert "python -m core evaluate" in at.info[0].value
    assert not at.get("plotly_chart")


def test_without_a_model_it_tells_how_to_get_one(open_page):
    at = open_page(PAGE)
    assert "No model is ready yet" in at.info[0].value
    assert "python -m core publish runs/first cnn" in at.info[0].value
    assert not at.get("plotly_chart")


def test_a_full_report_shows_every_part(open_page, publish, texts):
    folder = publish()
    report = json.loads((folder / "report.json").read_text())
    at = open_page(PAGE)
    said = texts(at)
    assert [m.label for m in at.metric][:4] == [
        "Accuracy", "Macro F1", "External AUROC", "Same patients",
    ]  # fmt: skip
    assert at.metric[0].value == f"{100 * report['accuracy']['value']:.1f} %"
    assert len(at.get("plotly_chart")) == 5
    assert "Split: test, 120 slices in 30 groups" in said
    assert "95 % bootstrap intervals over groups" in said
    # The shipped split's number carries its mark and its note.
    assert "Leaking" in said
    assert "17 of its 40 slices were seen in training" in said
    # The sentence that explains the gap.
    assert "different origins and MRI sequences" in said
    # What is not there yet is named with its command.
    assert "python -m core compare --latency" in said
    assert "predictions.csv" in said


def test_tables_hold_classes_sources_and_checks(open_page, publish):
    publish()
    at = open_page(PAGE)
    classes, sources, checks = (at.dataframe[k].value for k in range(3))
    assert list(classes["Class"])[:4] == ["Glioma", "Meningioma", "No tumour", "Pituitary tumour"]
    assert list(sources["Source"]) == ["brain-tumor-mri", "tcga-lgg"]
    assert sources["Slices"].sum() == 120
    assert list(checks["Check"])[:2] == ["Internal: test split", "External: br35h-external"]


def test_localisation_is_told_for_every_class(open_page, publish, texts):
    publish()
    at = open_page(PAGE)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Pointing"].startswith("65")
    assert shown["Glioma"].startswith("68.4")
    assert shown["Pituitary tumour"].startswith("0")
    assert "Pointing in each class" in texts(at)
    assert any("n = 19" in caption.value for caption in at.caption)


def test_a_report_without_outside_checks_says_so(open_page, publish, texts):
    publish(full=False)
    said = texts(open_page(PAGE))
    assert "no external check" in said
    assert "no check against tumour boxes" in said
    assert "Leaking" not in said


def test_confusion_of_one_source(open_page, publish):
    publish()
    at = open_page(PAGE)
    at.selectbox(key="confusion_source").set_value("tcga-lgg").run()
    at.toggle(key="confusion_share").set_value(False).run()
    assert not at.exception


def test_a_broken_report_is_one_sentence(open_page, publish):
    (publish() / "report.json").write_text('{"schema": 0}')
    at = open_page(PAGE)
    assert "A report has schema" in at.error[0].value
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("given", ["../x", "no-such", "<b>"])
def test_an_invalid_link_falls_back_with_a_warning(open_page, publish, given):
    publish()
    at = open_page(PAGE, report=given)
    assert "Showing cnn" in at.warning[0].value
    assert len(at.get("plotly_chart")) == 5


def test_another_split_is_shown_with_its_caution_or_its_command(open_page, lay_model, texts):
    lay_model("cnn")
    at = open_page(PAGE, split="val")
    said = texts(at)
    assert "--split val --out weights/cnn/val/report.json" in said
    assert not at.metric
    lay_model("cnn", 3, "val")
    at = open_page(PAGE, split="val")
    assert "only the test split says how good it is" in texts(at)
    assert "Split: validation, 80 slices" in texts(at)


def test_the_threshold_moves_accuracy_and_coverage(open_page, lay_model, texts):
    report = lay_model("cnn")
    at = open_page(PAGE)

    def shown():
        figures = {m.label: m.value for m in at.metric}
        return figures["Coverage"], figures["Left to a person"]

    at.slider(key="moved_threshold").set_value(0.0).run()
    assert shown() == ("100.0 %", "0")
    at.slider(key="moved_threshold").set_value(0.9).run()
    point = report["threshold"]["curve"][90]
    assert shown() == (
        f"{100 * point['coverage']:.1f} %",
        str(round(SLICES * (1 - point["coverage"]))),
    )
    for key in ("coverage", "accuracy"):
        low, high = (100 * point[f"{key}_interval"][end] for end in ("low", "high"))
        assert f"95 % interval {low:.1f}–{high:.1f} · share of" in texts(at)


def test_the_table_per_class_ends_with_the_averages(open_page, publish):
    report = json.loads((publish() / "report.json").read_text())
    shown = table(open_page(PAGE), "Specificity")
    assert list(shown["Class"])[-1] == "Macro average"
    assert shown["Slices"].tolist()[-1] == report["n"]
    for row, entry in ((0, report["per_class"][report["labels"][0]]), (-1, report["macro"])):
        found, area = entry["recall"], entry["roc_auc"]
        assert shown["Recall (sensitivity)"].iloc[row] == (
            f"{100 * found['value']:.1f} % ({100 * found['low']:.1f}–{100 * found['high']:.1f})"
        )
        assert shown["ROC AUC"].iloc[row] == (
            f"{area['value']:.3f} ({area['low']:.3f}–{area['high']:.3f})"
        )


def test_the_calibration_error_has_its_interval(open_page, lay_model, texts):
    after = lay_model("cnn")["calibration"]["after"]
    said = texts(open_page(PAGE))
    low, high = (100 * after["ece_interval"][end] for end in ("low", "high"))
    assert f"**{100 * after['ece']:.1f} % ({low:.1f}–{high:.1f})** with the temperature" in said


def test_a_report_from_before_the_intervals_shows_the_bare_error(open_page, lay_model, texts):
    report = lay_model("cnn")
    for side in ("before", "after"):
        del report["calibration"][side]["ece_interval"]
    for point in report["threshold"]["curve"]:
        del point["coverage_interval"], point["accuracy_interval"]
    (get_settings().weights_dir / "cnn" / "report.json").write_text(json.dumps(report))
    at = open_page(PAGE)
    assert not at.exception
    assert f"**{100 * report['calibration']['after']['ece']:.1f} %** with the" in texts(at)


def test_a_cell_opens_the_pictures_behind_it(open_page, pair, pictures, texts):
    at = open_page(PAGE)
    stored = read_predictions(get_settings().weights_dir / "vgg16" / "predictions.csv")
    at.selectbox(key="compare_cell_model").set_value("vgg16")
    at.selectbox(key="compare_cell_true").set_value(1)
    at.selectbox(key="compare_cell_said").set_value(1).run()
    inside = (stored.y == 1) & (stored.probabilities.argmax(axis=1) == 1)
    count = int(inside.sum())
    assert count > 8
    assert f"{count} slices of meningioma were called meningioma" in texts(at)
    surest = max(np.flatnonzero(inside), key=lambda k: stored.probabilities[k, 1])
    captions = "".join(str(image.proto) for image in at.image).replace("\\", "")
    assert f"{surest}.png" in captions
    before = len(at.image)
    at.number_input(key="compare_cell_page").set_value(2).run()
    assert len(at.image) == before - 8 + min(8, count - 8)
    page_two = "".join(str(image.proto) for image in at.image).replace("\\", "")
    assert f"{surest}.png" not in page_two


def test_without_the_data_a_cell_names_its_files(open_page, lay_model, texts):
    lay_model("cnn")
    at = open_page(PAGE)
    at.selectbox(key="cell_said").set_value(0).run()
    assert "GLIALENS_DATA_DIR" in texts(at)
    assert all(name.startswith("set/") for name in table(at, "File")["File"])
    assert not at.image


def test_a_click_chooses_the_cell(monkeypatch):
    points = [{"customdata": [2, 0]}]
    state = {
        "chart": SimpleNamespace(selection=SimpleNamespace(points=points)),
    }
    monkeypatch.setattr(cells.st, "session_state", state)
    cells.on_click("cell", "chart", "vgg16")()
    assert (state["cell_model"], state["cell_true"], state["cell_said"]) == ("vgg16", 2, 0)
    state["chart"].selection.points = []
    cells.on_click("cell", "chart", "cnn")()
    assert state["cell_model"] == "vgg16"


def test_pictures_stay_below_the_root(folders, pictures, monkeypatch):
    (folders / "secret.png").write_bytes(b"x")
    said = []
    monkeypatch.setattr(cells.st, "warning", said.append)
    monkeypatch.setattr(cells.st, "image", lambda *a, **k: pytest.fail("it was shown"))
    cells._picture(pictures, "../secret.png", 0.9)
    assert len(said) == 1
