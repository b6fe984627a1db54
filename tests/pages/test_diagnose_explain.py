import csv
import shutil

import cv2
import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.imaging.overlay import to_grey_rgb, to_png
from core.labels import CLASSES

PAGE = "pages/1_Diagnose.py"


def answer(open_page, sample="phantom-1"):
    return open_page(PAGE, sample=sample)


def method_of(at, key):
    at.selectbox(key="cam_method").set_value(key).run()
    assert not at.exception
    return at


def captions(at):
    return [caption for image in at.image for caption in image.captions]


def test_grad_cam_comes_with_the_answer(open_page, predictor, texts):
    at = answer(open_page)
    assert at.selectbox(key="cam_method").value == "grad-cam"
    assert at.pills(key="cam_class").value == "meningioma"
    assert "Grad-CAM: Meningioma (synthetic)" in captions(at)
    assert predictor.explained == []


def test_every_convolution_is_offered_and_the_default_says_why(open_page, predictor, texts):
    at = answer(open_page)
    layer = at.selectbox(key="cam_layer_cnn")
    assert layer.options == ["block4 · 20 × 20 × 160", "block5 · 10 × 10 × 256 (default)"]
    assert layer.value == "block5"
    assert "the last one that still has places" in texts(at)
    layer.set_value("block4").run()
    assert predictor.explained == [("grad-cam", "meningioma", "block4")]


def test_another_method_is_computed_once_for_each_question(open_page, predictor, texts):
    at = method_of(answer(open_page), "score-cam")
    assert "Computed in" in texts(at)
    at.pills(key="cam_class").set_value("glioma").run()
    at.pills(key="cam_class").set_value("meningioma").run()
    method_of(at, "grad-cam")
    method_of(at, "score-cam")
    assert predictor.explained == [
        ("score-cam", "meningioma", "block5"),
        ("score-cam", "glioma", "block5"),
    ]
    assert predictor.asked == 1


def test_a_saliency_map_has_no_layer_to_choose(open_page, predictor, texts):
    at = method_of(answer(open_page), "smoothgrad")
    assert at.selectbox(key="cam_layer_cnn").disabled
    assert "explains the pixels, not a layer" in texts(at)


def test_an_empty_map_is_told(open_page, predictor, texts):
    at = method_of(answer(open_page), "layer-cam")
    assert "nothing on this layer speaks for Meningioma" in texts(at)
    at.toggle(key="cam_contour").set_value(True).run()
    assert "no region to outline" in texts(at)


def test_the_overlays_controls_compute_nothing(open_page, predictor):
    at = method_of(answer(open_page), "score-cam")
    for view in ("wipe", "zoom", "beside"):
        at.segmented_control(key="cam_view").set_value(view).run()
        at.slider(key="cam_opacity").set_value(90 if view == "wipe" else 30).run()
    at.slider(key="cam_threshold").set_value(50).run()
    at.selectbox(key="cam_colours").set_value("cividis").run()
    at.segmented_control(key="cam_style").set_value("lines").run()
    at.toggle(key="cam_contour").set_value(True).run()
    assert not at.exception
    assert len(predictor.explained) == 1
    assert predictor.asked == 1


def test_before_and_after_and_zoom_show_one_picture(open_page, predictor, texts):
    at = answer(open_page)
    charts, pictures = len(at.get("plotly_chart")), len(captions(at))
    at.segmented_control(key="cam_view").set_value("wipe").run()
    assert at.slider(key="cam_wipe").value == 50
    assert len(captions(at)) == pictures - 1
    at.segmented_control(key="cam_view").set_value("zoom").run()
    assert len(at.get("plotly_chart")) == charts + 1
    assert "Turn the wheel to zoom" in texts(at)


def test_the_hottest_region_is_measured_and_never_called_a_segmentation(
    open_page, predictor, texts
):
    at = answer(open_page)
    assert "of the head: where the map" not in texts(at)
    at.toggle(key="cam_contour").set_value(True).run()
    said = texts(at)
    assert " % of the head: where the map reaches half of its peak" in said
    assert "not a segmentation of a tumour" in said


def test_without_an_index_the_panel_says_what_it_needs(open_page, predictor, texts):
    at = answer(open_page)
    needs = [i.value.replace("\\", "") for i in at.info if "Similar cases need" in i.value]
    assert len(needs) == 1
    assert "python -m core index cnn --manifest FILE" in needs[0]
    assert "The model has seen this" not in texts(at)


@pytest.fixture
def real(folders, tiny_weights):
    """A real network with random weights, and a dataset of phantoms that it has an index of."""
    from core.data.manifest import read_manifest
    from core.inference import get_predictor
    from core.similar import build_index

    shutil.copytree(tiny_weights / "cnn", folders / "weights" / "cnn")
    root = folders / "dataset"
    root.mkdir()
    rows = []
    for number in range(12):
        lesion = CLASSES[number % len(CLASSES)]
        slice_ = draw_phantom(200 + number, size=96, lesion=lesion).slice
        (root / f"{number}.png").write_bytes(to_png(to_grey_rgb(slice_.pixels)))
        rows.append([f"{number}.png", lesion, f"g{number}", "train", "phantoms"])
    with (root / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "label", "group", "split", "source"], *rows])
    build_index(get_predictor("cnn"), read_manifest(root / "manifest.csv"))
    return root


def test_similar_slices_of_a_new_picture(open_page, real, texts):
    said = texts(answer(open_page))
    assert "Of the 6 nearest, the dataset calls" in said
    assert said.count("likeness 0.") + said.count("likeness 1.") == 6
    assert "The model has seen this" not in said


def test_a_picture_of_the_training_set_is_told(open_page, real, texts):
    at = open_page(PAGE)
    mirrored = cv2.imread(str(real / "3.png"))[:, ::-1]
    data = cv2.imencode(".png", np.ascontiguousarray(mirrored))[1].tobytes()
    at.file_uploader[0].upload("scan.png", data, "image/png").run()
    assert not at.exception
    assert any("The model has seen this" in warning.value for warning in at.warning)
    assert "Same picture" in texts(at)


def test_where_the_dataset_has_gone_the_panel_says_so(open_page, real, texts):
    shutil.move(real, real.with_name("elsewhere"))
    said = texts(answer(open_page))
    assert "Similar cases need the training images where they were" in said
    assert "no folder 'dataset'" in said
    assert "likeness" not in said


def test_a_map_is_checked_on_demand_and_only_once(open_page, real, texts, monkeypatch):
    from core.explain import faithful

    asked = []

    def check(*arguments):
        asked.append(arguments)
        return faithful.check_explanation(*arguments)

    monkeypatch.setattr("ui.cache_maps.check_explanation", check)
    at = answer(open_page)
    assert asked == []
    charts = len(at.get("plotly_chart"))
    at.button(key="cam_check").click().run()
    assert not at.exception
    assert "Painting over the warmest 30\u00a0% of the head" in texts(at)
    assert len(at.get("plotly_chart")) == charts + 1
    at.slider(key="cam_opacity").set_value(20).run()
    assert "Painting over the warmest" in texts(at)
    assert len(asked) == 1
    method_of(at, "layer-cam")
    assert "Painting over the warmest" not in texts(at)
    assert at.button(key="cam_check")


def test_the_models_own_lesion_map_needs_no_method(open_page, real, texts):
    at = answer(open_page)
    at.pills(key="cam_class").set_value("lesion").run()
    assert not at.exception
    assert at.selectbox(key="cam_method").disabled
    assert "anything like a lesion" in texts(at)
