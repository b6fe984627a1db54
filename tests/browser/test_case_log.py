import numpy as np
import pytest

from core.cases import CaseLog
from core.imaging.overlay import to_png
from core.types import Prediction, Slice

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'cases.db'}"


@pytest.fixture
def log(url):
    """A log with two cases of a made-up model."""
    with CaseLog(url) as opened:
        for number in range(2):
            p = np.array([0.9, 0.05, 0.03, 0.02], np.float32)
            opened.add(
                Prediction("cnn", LABELS, np.log(p), p, 0.7, ("glioma",), True),
                Slice(np.full((8, 8), 0.1 + 0.1 * number, np.float32)),
                overlay_png=to_png(np.full((32, 32, 3), 90, np.uint8)),
            )
        yield opened


@pytest.fixture
def logging_app(tools, url, log, monkeypatch):
    """Address of an app whose case log is switched on."""
    monkeypatch.setenv("GLIALENS_CASE_LOG", "true")
    monkeypatch.setenv("GLIALENS_DATABASE_URL", url)
    with tools.running_app(timeout=180) as address:
        yield address


def choose_row(page, tools, row):
    """Click a row's check box; the table is a canvas, so by its place."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 35 + 64 * row + 32)
    tools.settle(page)


def test_judge_a_case_export_it_and_delete_it(open_tab, tools, logging_app, log):
    page = open_tab("/Case_log", url=logging_app)
    choose_row(page, tools, 0)
    page.get_by_role("combobox", name="Your verdict").click()
    page.get_by_role("option", name="Meningioma").click()
    page.get_by_role("textbox", name="Your note").fill("Dural tail.")
    page.get_by_test_id("stBaseButton-primaryFormSubmit").click()
    page.get_by_text("Case 2 is saved.").wait_for()
    assert (log.get(2).verdict, log.get(2).note) == ("meningioma", "Dural tail.")
    tools.settle(page)
    with page.expect_download() as export:
        page.get_by_test_id("stDownloadButton").filter(has_text="CSV").get_by_role("button").click()
    lines = export.value.path().read_text().splitlines()
    assert len(lines) == 3
    assert "Dural tail." in lines[1]
    page.get_by_role("button", name="Delete 1 case").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    page.get_by_text("1 case is deleted.").wait_for()
    tools.settle(page)
    assert page.get_by_role("dialog").count() == 0
    assert [case.id for case in log.list().cases] == [1]
    assert page.get_by_role("button", name="Delete 1 case").count() == 0
    assert page.errors == []
