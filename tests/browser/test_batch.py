import csv
import io
import zipfile

import pytest
from openpyxl import load_workbook

from core import DISCLAIMER
from core.data.phantom import draw_phantom
from core.imaging.overlay import to_grey_rgb, to_png

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def phantom(seed, size=128):
    return to_png(to_grey_rgb(draw_phantom(seed, size=size, lesion="meningioma").slice.pixels))


@pytest.fixture
def folders(tmp_path):
    """A zip of drawn slices below class folders, one of its members broken."""
    file = tmp_path / "drawn.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for seed in range(4):
            archive.writestr(f"meningioma/drawn-{seed}.png", phantom(seed))
        archive.writestr("glioma/=1+1.png", b"just text")
    return file


@pytest.fixture
def long_batch(tmp_path):
    """A zip that keeps a model busy for long enough to be cancelled."""
    file, picture = tmp_path / "long.zip", phantom(1, 48)
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(1900):
            archive.writestr(f"{number:04}.png", picture)
    return file


def assess(page, tools, file):
    page.set_input_files('input[type="file"]', file)
    page.get_by_role("button", name="Assess 1 file").click()


def metric(page, name):
    box = page.get_by_test_id("stMetric").filter(has_text=name)
    return box.first.get_by_test_id("stMetricValue").inner_text()


def download(page, name):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return waiting.value.path().read_bytes()


def test_batch_and_export(open_tab, tools, ready_model, folders):
    page = open_tab("/Batch", height=1600)
    assess(page, tools, folders)
    page.wait_for_selector('[data-testid="stDataFrame"]')
    tools.settle(page)
    assert metric(page, "Slices") == "4"
    assert metric(page, "Not read") == "1"
    assert page.get_by_text("These are not held-out figures").count() == 1
    # The part of the page that draws charts is loaded with the first of them.
    page.get_by_test_id("stPlotlyChart").wait_for()

    rows = list(csv.DictReader(io.StringIO(download(page, "CSV").decode("utf-8-sig"))))
    assert [row["file"] for row in rows][1:3] == [
        "drawn.zip/meningioma/drawn-0.png",
        "drawn.zip/meningioma/drawn-1.png",
    ]
    assert "Received: a text file" in rows[0]["error"]
    assert {row["disclaimer"] for row in rows} == {DISCLAIMER}
    assert {row["model"] for row in rows[1:]} == {ready_model}
    book = load_workbook(io.BytesIO(download(page, "Excel")))
    assert book["Slices"].max_row == 6
    assert book["About"]["A1"].value == DISCLAIMER
    assert download(page, "Parquet")[:4] == b"PAR1"

    # The boxes that select rows are drawn on a canvas: the third row, below the header.
    table = page.get_by_test_id("stDataFrame").bounding_box()
    page.mouse.click(table["x"] + 18, table["y"] + 36 + 2.5 * 52)
    opener = page.get_by_role("button", name="Open in Diagnose")
    opener.wait_for()
    opener.click()
    page.wait_for_url("**/Diagnose?*")
    page.get_by_text("Still showing").wait_for()
    assert page.get_by_text("drawn-1.png").count() >= 1

    # What was assessed is still there.
    page.get_by_test_id("stSidebar").get_by_text("Batch", exact=True).click()
    page.wait_for_selector('[data-testid="stDataFrame"]')
    assert page.errors == []


def test_a_batch_is_cancelled_and_keeps_what_is_done(open_tab, tools, ready_model, long_batch):
    page = open_tab("/Batch")
    assess(page, tools, long_batch)
    page.get_by_text("about 1,900 files").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled: what was assessed until then is kept").wait_for()
    assert 0 <= int(metric(page, "Slices").replace(",", "")) < 1900
