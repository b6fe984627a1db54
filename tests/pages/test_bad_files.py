"""One bad file beside the weights costs a sentence, never a screen."""

import json
import shutil

import cv2
import numpy as np
import pytest

from core.data.audit_report import AuditReport, TwinPair
from core.data.manifest import ManifestRow, write_manifest
from core.data.phantom import write_phantom_dataset
from core.settings import get_settings
from tests.pages.conftest import FakePredictor, table

COMPARE, BATCH = "pages/2_Compare_models.py", "pages/3_Batch.py"
PERFORMANCE, DATASET = "pages/5_Performance.py", "pages/6_Dataset.py"


@pytest.fixture
def answering(monkeypatch):
    monkeypatch.setattr("core.inference.get_predictor", lambda name, *_: FakePredictor(name))


def errors(at):
    assert not at.exception
    return [error.value.replace("\\", "") for error in at.error]


def all_tabs(at):
    """The last tab of the comparison and the last line of the page are there."""
    assert len(table(at, "Accuracy of the answers")) >= 2
    return any("From report.json" in caption.value for caption in at.caption)


def test_a_truncated_comparison_leaves_the_ensemble_unmeasured(open_page, pair, folders, answering):
    file = folders / "weights" / "comparison.json"
    file.write_text(file.read_text()[:200])
    at = open_page(COMPARE, sample="phantom-1")
    (sentence,) = errors(at)
    assert "comparison.json holds JSON. Received:" in sentence
    assert at.table[0].value["Test accuracy"][2] == "not measured"


def test_a_broken_manifest_costs_the_pictures_alone(open_page, pair, folders):
    (folders / "weights" / "manifest.csv").write_text("path,label\n[1")
    at = open_page(PERFORMANCE)
    assert errors(at)
    assert all("Received:" in sentence for sentence in errors(at))
    assert all_tabs(at)


def test_a_picture_that_is_gone_bad_leaves_the_others(open_page, pair, folders, monkeypatch):
    monkeypatch.setenv("GLIALENS_DATA_DIR", str(folders / "data"))
    get_settings.cache_clear()
    (folders / "data" / "set").mkdir(parents=True)
    pixels = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    for k in range(80):
        cv2.imwrite(str(folders / "data" / "set" / f"{k}.png"), pixels)
    seen = len(open_page(PERFORMANCE).image)
    assert seen > 1
    for k in range(80):
        (folders / "data" / "set" / f"{k}.png").write_bytes(b"just text")
    at = open_page(PERFORMANCE)
    assert len(errors(at)) == seen
    assert all_tabs(at)


@pytest.mark.parametrize("gone", [("vgg16",), ("cnn", "vgg16")])
def test_a_compared_model_without_a_test_report_is_named(open_page, pair, lay_model, folders, gone):
    lay_model("cnn", 3, "val")
    for name in gone:
        lay_model(name, 3, "val")
        (folders / "weights" / name / "report.json").unlink()
    at = open_page(PERFORMANCE)
    assert not errors(at)
    (note,) = [box.value for box in at.info if "Not measured on the test split" in box.value]
    assert note.endswith("VGG16.")
    assert ("CNN from scratch" in note) == ("cnn" in gone)
    assert len(table(at, "Accuracy of the answers")) == 3


def test_stored_predictions_that_are_broken_leave_the_report(open_page, pair, folders):
    (folders / "weights" / "cnn" / "predictions.csv").write_text("just text")
    at = open_page(PERFORMANCE)
    assert errors(at)
    assert all_tabs(at)


def test_a_broken_report_leaves_the_other_model_and_the_comparison(open_page, pair, folders):
    file = folders / "weights" / "cnn" / "report.json"
    file.write_text(file.read_text()[:500])
    at = open_page(PERFORMANCE)
    assert set(errors(at)) == {errors(at)[0]}
    assert "A report is a JSON file. Received:" in errors(at)[0]
    assert all_tabs(at)
    assert at.selectbox(key="report").options == ["VGG16"]
    assert not [box.value for box in at.warning if "changed since" in box.value]


def test_a_broken_report_alone_is_its_sentence(open_page, publish):
    (publish() / "report.json").write_text("{")
    at = open_page(PERFORMANCE)
    (sentence,) = errors(at)
    assert "A report is a JSON file. Received:" in sentence
    assert not at.info


def test_a_truncated_comparison_leaves_the_models(open_page, pair, folders):
    file = folders / "weights" / "comparison.json"
    file.write_text(file.read_text()[:200])
    at = open_page(PERFORMANCE)
    (sentence,) = errors(at)
    assert "comparison.json holds JSON. Received:" in sentence
    assert any("From report.json" in caption.value for caption in at.caption)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": None},
        {"counts": None},
        {"counts": [1]},
        {"images": "many"},
        {"twins_across": [{"first": "a.png"}]},
        {"test": {"share": 0.5}},
    ],
)
def test_an_audit_without_its_fields_is_one_sentence(open_page, folders, changes):
    pair = TwinPair("Testing/a.png", "Training/b.png", 0.99, False)
    whole = AuditReport("set", 3, 3, {"train": {"glioma": 3}}, {}, {}, twins_across=(pair,))
    kept = {key: value for key, value in (whole.to_dict() | changes).items() if value is not None}
    (folders / "weights" / "audit.json").write_text(json.dumps(kept))
    (sentence,) = errors(open_page(DATASET))
    assert "An audit has the fields" in sentence
    assert "Received: another file as audit.json." in sentence


def test_a_broken_audit_leaves_the_split(open_page, folders):
    rows = [ManifestRow("set/0.png", "glioma", "g0", "test", "set")]
    write_manifest(folders / "weights" / "manifest.csv", rows, folders / "data")
    (folders / "weights" / "audit.json").write_text("{}")
    at = open_page(DATASET)
    (sentence,) = errors(at)
    assert "An audit has the fields" in sentence
    assert [m.value for m in at.metric if m.label == "Slices"] == ["1"]


def test_a_broken_manifest_leaves_the_audit(open_page, folders):
    (folders / "weights" / "manifest.csv").write_text("path,label\n[1")
    whole = AuditReport("set", 3, 3, {"train": {"glioma": 3}}, {}, {})
    (folders / "weights" / "audit.json").write_text(json.dumps(whole.to_dict()))
    at = open_page(DATASET)
    (sentence,) = errors(at)
    assert "manifest" in sentence
    assert [m.value for m in at.metric if m.label == "Files"] == ["3"]


def test_samples_that_are_gone_are_one_sentence(open_page, predictor, folders, monkeypatch):
    data = write_phantom_dataset(folders / "data", 2, layout="flat", size=48)
    monkeypatch.setenv("GLIALENS_DATA_DIR", str(data))
    get_settings.cache_clear()
    # Diagnose lists the samples, and the list is kept for a while.
    at = open_page("pages/1_Diagnose.py").switch_page(BATCH).run()
    shutil.rmtree(data)
    at.button(key="batch_samples").click().run()
    (sentence,) = errors(at)
    assert "A sample's file can be read. Received: FileNotFoundError" in sentence


def test_a_broken_report_leaves_diagnose_its_maps(open_page, predict_with, folders):
    predict_with()
    raw = json.loads((folders / "weights" / "cnn" / "card.json").read_text())
    raw["conformal"] = {"0.95": 0.9}
    (folders / "weights" / "cnn" / "card.json").write_text(json.dumps(raw))
    (folders / "weights" / "cnn" / "report.json").write_text("[]")
    at = open_page("pages/1_Diagnose.py", sample="phantom-1")
    (sentence,) = errors(at)
    assert "report" in sentence
    assert "Received:" in sentence
    assert at.pills(key="cam_class").value == "meningioma"
