import json

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.phantom import draw_phantom
from core.errors import CaseLogError
from core.gate import WARNING
from tests.pages.conftest import card
from ui import report

PAGE = "pages/1_Diagnose.py"


@pytest.fixture
def records(monkeypatch):
    """Collect the records that the page offers."""
    kept = []
    honest = report.record

    def record(*arguments):
        kept.append(honest(*arguments))
        return kept[-1]

    monkeypatch.setattr("ui.report.record", record)
    return kept


def photograph():
    """A picture that nobody takes for an MRI: sky, sun, hills, in colour."""
    rows, columns = np.mgrid[0:1:120j, 0:1:160j]
    blue = np.stack([200 - 90 * rows, 160 - 60 * rows, 90 + 60 * rows], axis=2)
    sun = (rows - 0.3) ** 2 + (columns - 0.7) ** 2 < 0.01
    hills = rows > 0.7 + 0.1 * np.sin(7 * columns)
    blue[sun], blue[hills] = (80, 220, 255), (40, 110, 50)
    return cv2.imencode(".png", blue.astype(np.uint8))[1].tobytes()


def upload(at, data, name="scan.png"):
    at.file_uploader[0].upload(name, data, "image/png").run()
    assert not at.exception
    return at


def bars(at):
    return json.loads(at.get("plotly_chart")[0].proto.spec)["data"][0]


def downloads(at):
    return [button.label for button in at.get("download_button")]


def pictures(at):
    return [image.proto.imgs[0].url for image in at.image]


def button(at, label):
    return next(b for b in at.button if b.label == label)


def test_window_and_level_change_the_picture_and_nothing_else(open_page, predictor, records):
    at = open_page(PAGE, sample="phantom-1")
    before = pictures(at)
    at.slider(key="window_level").set_value(30).run()
    at.slider(key="window_width").set_value(20).run()
    assert not at.exception
    windowed = pictures(at)
    assert len(before) >= 2
    assert set(windowed[:2]).isdisjoint(before)
    button(at, "Soft tissue").click().run()
    assert pictures(at) != windowed
    button(at, "Reset").click().run()
    assert (at.slider(key="window_level").value, at.slider(key="window_width").value) == (50, 100)
    assert pictures(at) == before
    assert len(records) == 5
    assert all(record == records[0] for record in records)
    assert predictor.asked == 1


def test_the_window_leaves_the_slice_alone():
    def page():
        import numpy as np
        import streamlit as st

        from core.data.phantom import draw_phantom
        from ui.window import adjusted

        slice_ = draw_phantom(1, 64).slice
        before = slice_.sha256
        seen = adjusted(slice_)
        st.text(f"{slice_.sha256 == before} {seen is slice_.pixels} {seen.dtype}")
        st.text(str(float(np.abs(seen - np.clip((slice_.pixels - 0.2) / 0.4, 0, 1)).max()) < 0.003))

    at = AppTest.from_function(page).run()
    assert at.text[0].value == "True True float32"
    at.slider(key="window_level").set_value(40)
    at.slider(key="window_width").set_value(40).run()
    assert at.text[0].value == "True False float32"
    assert at.text[1].value == "True"


def test_a_stable_answer_gets_its_spread_on_demand(open_page, predictor, texts):
    at = open_page(PAGE, sample="phantom-1")
    assert "error_x" not in bars(at)
    at.toggle(key="show_spread").set_value(True).run()
    assert "**Stable:** 16 of 16 disturbed copies" in texts(at)
    assert set(bars(at)["error_x"]) >= {"array", "arrayminus"}
    assert bars(at)["marker"]["color"][0] == "#0072B2"


def test_a_wavering_answer_is_called_not_stable(open_page, predict_with, texts):
    predict_with(wavers=True)
    at = open_page(PAGE, sample="phantom-1")
    at.toggle(key="show_spread").set_value(True).run()
    assert "**Not stable:** only 8 of 16 disturbed copies" in texts(at)


def test_the_set_is_worded_at_the_coverages_of_the_card(open_page, predict_with, folders, texts):
    predict_with(top=0.55)
    raw = card() | {"conformal": {"0.90": 0.5, "0.95": 0.9}}
    (folders / "weights" / "cnn" / "card.json").write_text(json.dumps(raw))
    at = open_page(PAGE, sample="phantom-1")
    said = texts(at)
    assert "With 95 % coverage: **meningioma, glioma, no tumour or pituitary tumour**" in said
    report = json.loads((folders / "weights" / "cnn" / "report.json").read_text())
    row = next(r for r in report["conformal"]["levels"] if r["nominal"] == 0.95)
    low, high = (100 * row["coverage_interval"][end] for end in ("low", "high"))
    assert f"the true class in {100 * row['coverage']:.1f} % ({low:.1f}–{high:.1f})." in said
    choice = next(c for c in at.segmented_control if c.label == "Coverage")
    assert choice.options == ["90 %", "95 %"]
    choice.set_value(0.90).run()
    assert "With 90 % coverage: **meningioma**" in texts(at)


def test_a_card_without_a_set_claims_no_coverage(open_page, predictor, texts):
    assert "coverage:" not in texts(open_page(PAGE, sample="phantom-1"))


def test_a_photograph_keeps_its_probabilities_in_grey_with_the_reasons(
    open_page, predictor, records, texts
):
    at = upload(open_page(PAGE), photograph())
    (error,) = at.error
    assert "No diagnosis for this picture" in error.value
    assert "The picture is coloured; MRI slices are grey." in error.value
    assert set(bars(at)["marker"]["color"]) == {"#7B8794"}
    assert max(bars(at)["x"]) == pytest.approx(0.91)
    said = texts(at)
    assert "these probabilities don't count" in said
    assert "### " not in said
    assert "coverage:" not in said
    assert not any(pill.label == "Where the model looked for" for pill in at.pills)
    assert records[-1]["accepted"] is False
    assert records[-1]["in_domain"] is False
    assert records[-1]["quality"]["ok"] is False


def test_a_slice_that_the_gate_refuses_gets_no_diagnosis(open_page, predict_with, texts):
    predict_with(top=0.99, in_domain=False, warnings=(WARNING, "It is small."))
    at = open_page(PAGE, sample="phantom-1")
    assert set(bars(at)["marker"]["color"]) == {"#7B8794"}
    said = texts(at)
    assert [m.value for m in at.markdown if m.value.startswith("### ")] == [
        "### No diagnosis for this picture"
    ]
    assert "Meningioma ·" not in said
    assert ":gray[For this picture the network computes meningioma, 99 %." in said
    assert "does not commit" not in said
    assert "these probabilities don't count" in said
    # The reason is told once, and what else there is to read stays.
    assert said.count("the brain MRI slices that") == 1
    assert any("It is small" in w.value for w in at.warning)
    assert "coverage:" not in said


def test_the_report_is_written_when_it_is_asked_for(open_page, predictor, monkeypatch):
    monkeypatch.setattr("ui.report.pdf", lambda *_: pytest.fail("nobody asked"))
    at = open_page(PAGE, sample="phantom-1")
    assert {"Report (PDF)", "Record (JSON)"} <= set(downloads(at))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_report_is_a_pdf_without_the_file_name(predictor, seed):
    from core.models.registry import statuses
    from ui.diagnose import Chosen

    status = next(s for s in statuses() if s.name == "cnn")
    slice_ = draw_phantom(seed, 64).slice
    chosen = Chosen(slice_, "Doe^John.png", synthetic=True)
    data = report.pdf(chosen, predictor.analyse(slice_), status, "en")
    assert data.startswith(b"%PDF-")
    assert b"Doe" not in data


def test_the_case_log_is_off_and_says_how_to_switch_it_on(open_page, predictor, texts):
    at = open_page(PAGE, sample="phantom-1")
    assert button(at, "Save to the case log").disabled
    assert "`GLIALENS_CASE_LOG=true` switches it on" in texts(at)


def test_a_case_is_saved_once_and_without_its_name(open_page, predictor, log, texts):
    slice_ = draw_phantom(4, 96, "glioma").slice
    png = cv2.imencode(".png", np.rint(slice_.pixels * 255).astype(np.uint8))[1].tobytes()
    at = upload(open_page(PAGE), png, "Doe_John.png")
    button(at, "Save to the case log").click().run()
    assert not at.exception
    assert "Saved as case 1" in texts(at)
    assert button(at, "Save to the case log").disabled
    (case,) = log.list().cases
    assert case.predicted == "meningioma"
    assert case.model_version == "0.1.0"
    assert log.get(case.id).thumbnail.startswith(b"\x89PNG")
    assert "Doe" not in str(case)
    at.selectbox(key="model").run()
    assert log.list().total == 1


def test_a_log_that_refuses_gives_one_sentence(open_page, predictor, log, monkeypatch, texts):
    def refuse(*_, **__):
        raise CaseLogError("The case log can be reached. Received: no answer.")

    monkeypatch.setattr("ui.report.open_case_log", refuse)
    at = open_page(PAGE, sample="phantom-1")
    button(at, "Save to the case log").click().run()
    assert [error.value for error in at.error] == [
        "The case log can be reached. Received: no answer."
    ]
    assert not button(at, "Save to the case log").disabled
    at.run()
    assert not at.error
