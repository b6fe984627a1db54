import json

import cv2
import numpy as np
import pytest

from core import DISCLAIMER
from core.errors import ModelNotReadyError

PAGE = "pages/1_Diagnose.py"


def png(side=96):
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    head = (rows / 0.85) ** 2 + (columns / 0.7) ** 2 < 1
    pixels = head * (110 + 60 * np.sin(6 * rows) * np.cos(5 * columns))
    return cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes()


def upload(at, name, data, mime="image/png"):
    at.file_uploader[0].upload(name, data, mime).run()
    assert not at.exception
    return at


def test_missing_weights_give_the_reason(open_page, texts):
    at = open_page(PAGE, sample="phantom-1")
    assert "CNN from scratch is not ready" in texts(at)
    assert "no card.json" in texts(at)
    assert not at.get("plotly_chart")


def test_empty_state_and_disclaimer(open_page, predictor, texts):
    at = open_page(PAGE)
    assert "Drop a scan" in at.info[0].value
    assert DISCLAIMER in texts(at)
    assert predictor.asked == 0


def test_a_sample_gets_an_answer_and_is_marked_synthetic(open_page, predictor, texts):
    at = open_page(PAGE, sample="phantom-2")
    said = texts(at)
    assert "leans to meningioma, 91 %" in said
    assert "upper middle" in said
    assert "drawn phantom" in at.warning[0].value
    assert "Synthetic image" in said
    assert len(at.get("plotly_chart")) == 1
    assert predictor.asked == 1


def test_overlay_changes_never_ask_the_model_again(open_page, predictor):
    at = open_page(PAGE, sample="phantom-1")
    before = predictor.asked
    at.slider(key="cam_opacity").set_value(90).run()
    at.slider(key="cam_threshold").set_value(50).run()
    at.selectbox(key="cam_colours").set_value("cividis").run()
    at.toggle(key="cam_contour").set_value(True).run()
    at.pills(key="cam_class").set_value("glioma").run()
    assert not at.exception
    assert at.pills(key="cam_class").value == "glioma"
    assert before == predictor.asked == 1


def test_the_same_picture_again_comes_from_the_cache(open_page, predictor):
    open_page(PAGE, sample="phantom-1")
    open_page(PAGE, sample="phantom-1")
    assert predictor.asked == 1
    open_page(PAGE, sample="phantom-2")
    assert predictor.asked == 2


def test_an_upload_gets_an_answer_and_a_record(open_page, predictor, texts):
    at = upload(open_page(PAGE), "scan.png", png())
    assert "leans to meningioma" in texts(at)
    record = next(b for b in at.get("download_button") if "JSON" in b.label)
    assert record is not None
    assert predictor.asked == 1


def test_an_upload_survives_a_change_of_page(open_page, predictor, texts):
    at = upload(open_page(PAGE), "scan.png", png())
    at.switch_page("streamlit_app.py").run()
    at.switch_page(PAGE).run()
    assert "Still showing scan" in texts(at)
    assert "leans to meningioma" in texts(at)
    assert predictor.asked == 1
    at.button[0].click().run()
    assert "Drop a scan" in at.info[0].value


@pytest.mark.parametrize(
    ("name", "data"),
    [("notes.png", b"just text"), ("empty.png", b""), ("cut.png", png()[:60])],
)
def test_a_bad_file_gets_one_sentence_and_no_answer(open_page, predictor, name, data):
    at = upload(open_page(PAGE), name, data)
    assert len(at.error) == 1
    assert "Received:" in at.error[0].value
    assert not at.get("plotly_chart")
    assert predictor.asked == 0


def test_a_flat_picture_gets_no_diagnosis(open_page, predictor):
    flat = cv2.imencode(".png", np.full((96, 96), 128, np.uint8))[1].tobytes()
    at = upload(open_page(PAGE), "flat.png", flat)
    assert len(at.error) == 1
    assert not at.get("plotly_chart")
    assert predictor.asked == 0


def test_a_low_confidence_is_greyed_with_its_reason(open_page, predict_with, texts):
    predict_with(top=0.48)
    said = texts(open_page(PAGE, sample="phantom-1"))
    assert "Not accepted" in said
    assert "below the 70 %" in said
    assert "### :gray[Meningioma" in said


def test_another_kind_of_picture_is_not_accepted(open_page, predict_with, texts):
    predict_with(top=0.99, in_domain=False, warnings=("It looks like a photo.",))
    at = open_page(PAGE, sample="phantom-1")
    assert "### No diagnosis for this picture" in texts(at)
    assert any("It looks like a photo" in w.value for w in at.warning)


def test_damaged_weights_are_told_when_they_load(open_page, monkeypatch, publish):
    publish()

    def damaged(*_):
        raise ModelNotReadyError("The weights match their card. Received: another digest.")

    monkeypatch.setattr("core.inference.get_predictor", damaged)
    at = open_page(PAGE, sample="phantom-1")
    assert "another digest" in at.error[0].value
    assert not at.get("plotly_chart")


@pytest.mark.parametrize(
    ("params", "shown"),
    [({"model": "../x"}, "Showing cnn"), ({"sample": "no-such"}, "Showing phantom")],
)
def test_an_invalid_link_falls_back_with_a_warning(open_page, predictor, params, shown):
    at = open_page(PAGE, **params)
    assert shown in at.warning[0].value.replace("\\", "")


def test_markup_in_a_link_is_shown_as_text(open_page, predictor):
    at = open_page(PAGE, model="![x](http://example.org/x.png)<b>")
    assert "![x](" not in at.warning[0].value
    assert "http://" not in at.warning[0].value


def test_the_address_follows_the_choice(open_page, predictor):
    at = open_page(PAGE, sample="phantom-1")
    at.selectbox(key="sample").set_value("phantom-3").run()
    assert at.query_params["sample"] == "phantom-3"
    assert at.query_params["model"] == "cnn"


def test_record_holds_the_shared_fields_and_no_pixels(predictor):
    from core.imaging.quality import Quality
    from core.types import Slice
    from ui.diagnose import Chosen
    from ui.report import record

    slice_ = Slice(np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64), "scan")
    analysis = predictor.analyse(slice_)
    text = json.dumps(record(Chosen(slice_, "scan.png"), analysis, Quality(True, (), {})))
    kept = json.loads(text)
    assert kept["predicted"] == "meningioma"
    assert kept["file"] == "scan.png"
    assert kept["synthetic"] is False
    assert kept["disclaimer"] == DISCLAIMER
    assert len(text) < 2000
