"""The dashboard shows and exports no tag of a DICOM file."""

from tests.hostile.planted import FILE_NAME, planted, secrets_in

PAGE = "pages/1_Diagnose.py"


def test_a_screen_tells_no_tag_of_an_upload(open_page, predictor, texts, caplog):
    at = open_page(PAGE)
    at.file_uploader[0].set_value([("scan.dcm", planted(), "")]).run()
    assert not at.exception
    assert predictor.asked
    assert "burned-in text" in texts(at)
    assert secrets_in(texts(at), caplog.text, str(at.main)) == []


def test_a_refusal_tells_no_tag_and_no_name(open_page, predictor, texts, caplog):
    at = open_page(PAGE)
    at.file_uploader[0].set_value([(FILE_NAME, planted()[:900], "")]).run()
    assert not at.exception
    assert not predictor.asked
    assert "Received: " in texts(at)
    assert secrets_in(caplog.text) == []
    assert "qzxjwkname" not in texts(at).lower()
