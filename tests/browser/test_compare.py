import re
import shutil

import cv2
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = ("cnn", "vgg16", "vgg19")


@pytest.fixture(scope="module")
def several(tools, tiny_weights, tmp_path_factory):
    """Address of the app on three tiny models with random weights, which know nothing."""
    import keras

    from core.files import write_json
    from core.labels import CLASSES
    from core.models import registry
    from core.models.card import read_card
    from core.models.weights import save_weights

    folder = tmp_path_factory.mktemp("several")
    shutil.copytree(tiny_weights / "cnn", folder / "cnn")
    card = read_card(tiny_weights / "cnn").raw
    for seed, name in enumerate(NAMES[1:]):
        keras.utils.set_random_seed(seed)
        # The architecture of the small network under another name: quick to build and to ask.
        sha256 = save_weights(
            registry.build("cnn", 32, CLASSES), folder / name / "weights.safetensors"
        )
        write_json(folder / name / "card.json", {**card, "name": name, "sha256": sha256})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLIALENS_WEIGHTS_DIR", str(folder))
        patch.delenv("GLIALENS_DATA_DIR", raising=False)
        with tools.running_app(timeout=180) as url:
            yield url


def panels(page):
    return page.locator('[data-testid="stPlotlyChart"]')


def test_compare_a_sample_through_every_model(open_tab, tools, several):
    page = open_tab("/", url=several)
    page.get_by_test_id("stSidebar").get_by_text("Compare models", exact=True).click()
    page.wait_for_url("**/Compare_models**")
    page.get_by_role("radio", name="Pick a sample").click()
    page.wait_for_url("**/Compare_models?*sample=phantom-1*")
    panels(page).nth(3).wait_for()
    tools.settle(page)
    assert panels(page).count() == 4
    badge = page.get_by_text(re.compile(r"models say: |^(call_split)?\s*The models disagree$"))
    assert badge.count() == 1
    table = page.get_by_test_id("stTable").inner_text()
    for title in ("CNN from scratch", "VGG16", "VGG19", "Ensemble"):
        assert title in table
    # Every map is drawn at the same size, and they stand in a row.
    boxes = [box.bounding_box() for box in page.locator('img[alt^="Heat map of"]').all()]
    assert len(boxes) == 4
    assert len({round(box["y"]) for box in boxes}) == 1
    assert len({round(box["width"]) for box in boxes}) == 1
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.errors == []


def test_controls_redraw_every_map(open_tab, tools, several):
    page = open_tab("/Compare_models?sample=phantom-2", url=several)
    panels(page).nth(3).wait_for()
    tools.settle(page)
    shown = page.locator('img[alt^="Heat map of"]')
    before = [picture.get_attribute("src") for picture in shown.all()]
    page.get_by_role("slider", name="Opacity").press("Home")
    page.wait_for_function(
        "before => [...document.querySelectorAll('img[alt^=\"Heat map of\"]')]"
        ".every((image, i) => image.getAttribute('src') !== before[i])",
        arg=before,
    )
    # Without colour the four panels are the same picture.
    assert len({picture.get_attribute("src") for picture in shown.all()}) == 1


def test_a_panel_opens_in_diagnose_with_its_model_and_sample(open_tab, tools, several):
    page = open_tab("/Compare_models?sample=phantom-3", url=several)
    panels(page).nth(3).wait_for()
    tools.settle(page)
    page.get_by_test_id("stMain").get_by_text("Open in Diagnose").nth(1).click()
    page.wait_for_url("**/Diagnose?**")
    tools.settle(page)
    assert "model=vgg16" in page.url
    assert "sample=phantom-3" in page.url
    assert page.locator("h1").inner_text() == "Diagnose"


def test_the_panels_stack_on_a_phone(open_tab, tools, several):
    page = open_tab("/Compare_models?sample=phantom-1", width=390, height=844, url=several)
    panels(page).nth(3).wait_for()
    tools.settle(page)
    main = "document.querySelector('[data-testid=\"stMain\"]')"
    assert page.evaluate(f"{main}.scrollWidth <= {main}.clientWidth")
    boxes = [box.bounding_box() for box in page.locator('img[alt^="Heat map of"]').all()]
    assert all(box["width"] > 300 for box in boxes)


def test_an_upload_is_compared(open_tab, tools, several, phantom_files):
    page = open_tab("/Compare_models", url=several)
    page.set_input_files('input[type="file"]', phantom_files[0])
    panels(page).nth(3).wait_for()
    tools.settle(page)
    assert cv2.imread(str(phantom_files[0])).shape[:2] == (96, 96)
    assert page.get_by_text("96 × 96 pixels").count() == 1
    assert page.locator('img[alt^="Heat map of"]').count() == 4
