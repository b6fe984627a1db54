import cv2
import nibabel as nib
import numpy as np
import pytest

from core.data.phantom import phantom_volume

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIELD = '[data-testid="stFileUploader"] input[type="file"]'
PASTE = """async () => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 96;
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#a33';
    pen.fillRect(20, 30, 40, 50);
    const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
    const clipboard = new DataTransfer();
    clipboard.items.add(new File([blob], 'pasted.png', {type: 'image/png'}));
    document.querySelector('[data-testid="stChatInput"] textarea').dispatchEvent(
        new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def volume(tmp_path):
    """A drawn head of 40 slices of 160 × 160 pixels."""
    voxels = np.stack([s.pixels for s in phantom_volume(7, 40, 160, lesion="meningioma")])
    file = tmp_path / "head.nii.gz"
    nib.save(nib.Nifti1Image(voxels.transpose(2, 1, 0)[::-1, ::-1], np.eye(4)), file)
    return file


def slider(page):
    return page.get_by_role("slider", name="Slice")


def test_a_volume_is_predicted_and_a_click_on_the_profile_jumps(
    open_tab, tools, ready_model, volume
):
    page = open_tab("/Diagnose")
    page.set_input_files(FIELD, volume)
    page.get_by_role("button", name="Predict all 40 slices").click()
    page.get_by_text("A click on a point shows its slice").wait_for()
    tools.settle(page)
    profile = page.locator('[data-testid="stPlotlyChart"]').nth(1)
    points = profile.locator(".scatterlayer .trace").last.locator(".points path")
    assert points.count() == 40
    points.nth(29).click(force=True)
    page.get_by_text("axial slice 30 of 40").wait_for()
    tools.settle(page)
    assert slider(page).input_value() == "30"
    assert page.errors == []


def test_a_long_prediction_is_cancelled_and_goes_on(open_tab, tools, ready_model, volume):
    page = open_tab("/Diagnose")
    page.set_input_files(FIELD, volume)
    page.get_by_text("Coronal", exact=True).click()
    page.get_by_role("button", name="Predict all 160 slices").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel").wait_for(state="hidden")
    again = page.get_by_role("button", name="Predict ")
    again.wait_for()
    again.click()
    again.wait_for(state="hidden")
    page.get_by_role("button", name="Cancel").wait_for(state="hidden")
    tools.settle(page)
    assert again.count() == 0
    assert page.locator('[data-testid="stPlotlyChart"]').count() == 2


def test_a_photograph_is_refused_and_its_report_is_a_pdf(open_tab, tools, ready_model, tmp_path):
    page = open_tab("/Diagnose")
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), cv2.blur(noise, (9, 9)))
    page.set_input_files(FIELD, tmp_path / "photo.png")
    page.get_by_text("No diagnosis for this picture").wait_for()
    page.get_by_text("these probabilities don't count").wait_for()
    tools.settle(page)
    with page.expect_download() as report:
        page.get_by_role("button", name="Report (PDF)").click()
    assert report.value.path().read_bytes().startswith(b"%PDF-")


def test_a_copied_picture_is_pasted(open_tab, tools, ready_model):
    page = open_tab("/Diagnose")
    page.get_by_role("button", name="Paste a picture").click()
    line = page.get_by_test_id("stChatInput").locator("textarea")
    line.click()
    page.evaluate(PASTE)
    page.get_by_text("pasted.png").first.wait_for()
    # Until the file has arrived, Enter does nothing.
    page.locator("[data-testid=stChatInputSubmitButton]:enabled").wait_for()
    line.press("Enter")
    page.get_by_text("96 × 96 pixels").wait_for()
