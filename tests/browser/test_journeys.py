import json

import cv2
import pytest

from core import DISCLAIMER

pytestmark = pytest.mark.browser

PAGES = {
    "/": "GliaLens",
    "/Diagnose": "Diagnose",
    "/Compare_models": "Compare models",
    "/Batch": "Batch",
    "/Training": "Training",
    "/Performance": "Performance",
    "/Dataset": "Dataset",
    "/Playground": "Playground",
    "/Case_log": "Case log",
}


@pytest.mark.parametrize(("path", "title"), PAGES.items())
def test_a_deep_link_opens_the_whole_page(open_tab, path, title):
    page = open_tab(path)
    assert page.locator("h1").inner_text() == title
    assert page.get_by_text(DISCLAIMER).count() == 1
    links = page.locator('[data-testid="stSidebar"] [data-testid="stPageLink"]')
    assert links.count() == len(PAGES)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.errors == []


def test_a_deep_link_into_a_fresh_server(open_tab, tools):
    with tools.running_app(timeout=180) as url:
        page = open_tab("/Performance", url=url)
        assert page.locator("h1").inner_text() == "Performance"
        assert page.get_by_text(DISCLAIMER).count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_cut_off_on_a_phone(open_tab, path):
    page = open_tab(path, width=390, height=844)
    main = "document.querySelector('[data-testid=\"stMain\"]')"
    assert page.evaluate(f"{main}.scrollWidth <= {main}.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_dark_follows_the_system(open_tab):
    colours = {}
    for theme in ("light", "dark"):
        page = open_tab("/", theme=theme)
        colours[theme] = page.evaluate(
            "getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor"
        )
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 23, 27)"}


def test_an_invalid_link_warns(open_tab):
    page = open_tab("/Diagnose?model=../x")
    assert "in the address is one of" in page.locator('[data-testid="stAlert"]').first.inner_text()


def test_the_navigation_changes_the_page(open_tab, tools):
    page = open_tab("/")
    page.get_by_test_id("stSidebar").get_by_text("Dataset", exact=True).click()
    page.wait_for_url("**/Dataset")
    tools.settle(page)
    assert page.locator("h1").inner_text() == "Dataset"


def test_a_text_file_gets_one_sentence(open_tab, tools, tmp_path):
    page = open_tab("/Diagnose")
    bad = tmp_path / "scan.png"
    bad.write_text("not a picture")
    page.set_input_files('input[type="file"]', bad)
    page.wait_for_selector('[data-testid="stAlert"]:has-text("Received")')
    assert page.get_by_text("Received: a text file").count() == 1


def test_from_home_to_an_answer_and_its_downloads(open_tab, tools, ready_model):
    page = open_tab("/")
    page.get_by_role("button", name="Try a sample").click()
    page.wait_for_url("**/Diagnose?*sample=*")
    page.wait_for_selector('[data-testid="stPlotlyChart"]')
    page.get_by_text("The model", exact=False).first.wait_for()
    assert page.get_by_text("Synthetic image").count() == 1
    with page.expect_download() as overlay:
        page.get_by_role("button", name="Overlay (PNG)").click()
    picture = cv2.imread(str(overlay.value.path()))
    assert picture.shape == (256, 256, 3)
    with page.expect_download() as record:
        page.get_by_role("button", name="Record (JSON)").click()
    kept = json.loads(record.value.path().read_text())
    assert kept["model"] == ready_model
    assert kept["synthetic"] is True
    assert abs(sum(kept["probabilities"].values()) - 1) < 1e-3


def test_the_opacity_redraws_the_overlay(open_tab, tools, ready_model):
    page = open_tab("/Diagnose?sample=phantom-1")
    page.wait_for_selector('[data-testid="stPlotlyChart"]')
    tools.settle(page)
    shown = page.get_by_alt_text("Heat map over the slice", exact=False)
    before = shown.get_attribute("src")
    slider = page.get_by_role("slider", name="Opacity")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('img[alt^=\"Heat map\"]').src !== before",
        arg=page.evaluate("src => new URL(src, location.href).href", before),
    )
    assert slider.input_value() == "80"
