import json

import pytest

from core import DISCLAIMER
from core.errors import ModelNotReadyError
from core.gate import WARNING

PAGE = "pages/7_Playground.py"


def images(at):
    return [caption.replace("\\", "") for element in at.image for caption in element.captions]


def bars(at):
    return json.loads(at.get("plotly_chart")[0].proto.spec)["data"][1]


def change(at, key, value):
    at.slider(key=key).set_value(value).run()
    assert not at.exception
    return at


def test_missing_weights_give_the_reason(open_page, texts):
    at = open_page(PAGE, sample="phantom-1")
    assert "CNN from scratch is not ready" in texts(at)
    assert "no card.json" in texts(at)
    assert not at.get("plotly_chart")


def test_empty_state(open_page, predictor, texts):
    at = open_page(PAGE)
    assert "Drop a scan into the field" in at.info[0].value
    assert DISCLAIMER in texts(at)
    assert predictor.asked == 0


def test_an_undisturbed_sample_is_answered_once_and_not_called_disturbed(
    open_page, predictor, texts
):
    at = open_page(PAGE, sample="phantom-1")
    said = texts(at)
    assert "**Meningioma** · 91 %" in said
    assert "Move a slider to disturb it" in said
    assert "disturbed on purpose" not in said
    assert len(at.get("plotly_chart")) == 1
    assert predictor.asked == 1


def test_a_disturbed_scan_is_said_to_be_disturbed(open_page, predictor, texts):
    at = change(open_page(PAGE, sample="phantom-1"), "play_rotate", 45)
    assert "This scan is disturbed on purpose" in at.warning[0].value
    assert sum("on purpose" in warning.value for warning in at.warning) == 1
    assert "no finding" in at.warning[0].value
    assert "Still **Meningioma**: 91 %, undisturbed 91 %" in texts(at)
    assert predictor.asked == 2
    # Back where it was, nothing is asked again.
    change(at, "play_rotate", 0)
    assert predictor.asked == 2
    assert not any("on purpose" in warning.value for warning in at.warning)


def test_a_changed_answer_is_named(open_page, predictor, texts):
    at = open_page(PAGE, sample="phantom-1")
    predictor.top = 0.1
    said = texts(change(at, "play_rotate", 45))
    assert "The answer changed: now **Glioma**, 30 %; undisturbed **Meningioma**, 91 %" in said
    assert "Not accepted: The best guess reaches 30 %" in said


@pytest.mark.parametrize("disturb", [False, True])
def test_an_answer_that_is_not_accepted_is_grey(open_page, predict_with, disturb):
    predict_with(top=0.5)
    at = open_page(PAGE, sample="phantom-1")
    if disturb:
        change(at, "play_rotate", 45)
    (answer,) = [m.value for m in at.markdown if "**Meningioma**" in m.value]
    assert answer.startswith(":gray[")
    assert any("Not accepted" in m.value for m in at.markdown)


def test_a_picture_of_another_kind_gets_no_diagnosis(open_page, predict_with, texts):
    fake = predict_with(top=0.99)
    at = open_page(PAGE, sample="phantom-1")
    fake.in_domain, fake.warnings = False, (WARNING,)
    said = texts(change(at, "play_rotate", 45))
    assert "### No diagnosis for this picture" in said
    assert said.count("the brain MRI slices that") == 1
    assert ":gray[For this picture the network computes meningioma, 99 %." in said
    assert "Undisturbed: **Meningioma** · 99 %." in said
    assert "Still" not in said
    assert set(bars(at)["marker"]["color"]) == {"#7B8794"}


def test_a_strange_scan_that_comes_to_be_known_says_so(open_page, predict_with, texts):
    fake = predict_with(in_domain=False)
    at = open_page(PAGE, sample="phantom-1")
    assert "Undisturbed" not in texts(at)
    fake.in_domain = True
    said = texts(change(at, "play_rotate", 45))
    assert "**Meningioma** · 91 %. Undisturbed, the picture gets no diagnosis." in said


def test_the_slice_s_notes_and_the_model_s_warnings_are_shown(open_page, predict_with):
    predict_with(in_domain=False, warnings=["The texture is not that of tissue."])
    at = open_page(PAGE, sample="phantom-1")
    said = [warning.value for warning in at.warning]
    assert "This picture is a drawn phantom" in said[0]
    assert said[1:] == ["The texture is not that of tissue."]
    # They are about what the model gets now, so they are said again of a disturbed scan.
    change(at, "play_rotate", 45)
    assert "The texture is not that of tissue." in [warning.value for warning in at.warning]


def test_every_slider_reaches_the_model(open_page, predictor):
    at = open_page(PAGE, sample="phantom-1")
    asked = predictor.asked
    for key, value in {
        "play_right": 5, "play_down": -5, "play_contrast": 150, "play_gamma": 1.5,
        "play_blur": 1.0, "play_noise": 10, "play_seed": 3, "play_hide": 20,
        "play_hide_x": 30, "play_hide_y": 70,
    }.items():  # fmt: skip
        change(at, key, value)
        asked += 1
        assert predictor.asked == asked, key


def test_a_link_reproduces_the_state(open_page, predictor):
    first = open_page(PAGE, sample="phantom-3")
    for key, value in {"play_rotate": -30, "play_gamma": 1.25, "play_hide": 20}.items():
        change(first, key, value)
    change(first, "play_hide_x", 35)
    link = {k: v[0] if isinstance(v, list) else v for k, v in first.query_params.items()}
    assert link == {
        "model": "cnn", "sample": "phantom-3",
        "rotate": "-30", "gamma": "1.25", "hide": "20", "hide_x": "35",
    }  # fmt: skip
    asked = predictor.asked
    again = open_page(PAGE, **link)
    assert again.slider(key="play_rotate").value == -30
    assert again.slider(key="play_gamma").value == 1.25
    assert again.slider(key="play_hide_x").value == 35
    # The very same pixels: the answer comes from the cache.
    assert predictor.asked == asked


def test_reset_puts_everything_back(open_page, predictor):
    at = open_page(PAGE, sample="phantom-1", rotate="90", noise="10", seed="4")
    assert at.warning
    at.button(key="play_reset").click().run()
    assert not at.exception
    assert at.slider(key="play_rotate").value == 0
    assert not {"rotate", "noise", "seed"} & set(at.query_params)
    assert not any("on purpose" in warning.value for warning in at.warning)


@pytest.mark.parametrize("given", ["ninety", "500", "nan", "inf"])
def test_an_invalid_number_in_a_link_warns_and_disturbs_nothing(open_page, predictor, given, texts):
    at = open_page(PAGE, sample="phantom-1", rotate=given)
    assert at.slider(key="play_rotate").value == 0
    said = texts(at)
    assert "“rotate” in the address lies in -180 to 180. Received:" in said
    assert "on purpose" not in said


def test_the_state_survives_a_change_of_page(open_page, predictor):
    at = change(open_page(PAGE, sample="phantom-1"), "play_rotate", 45)
    at.switch_page("streamlit_app.py").run()
    at.switch_page(PAGE).run()
    assert not at.exception
    assert at.slider(key="play_rotate").value == 45


def test_damaged_weights_are_told(open_page, publish, monkeypatch):
    publish()

    def damaged(*_):
        raise ModelNotReadyError("The weights match their card. Received: another digest.")

    monkeypatch.setattr("core.inference.get_predictor", damaged)
    at = open_page(PAGE, sample="phantom-1")
    assert "another digest" in at.error[0].value


def test_a_bad_file_gets_one_sentence(open_page, predictor):
    at = open_page(PAGE)
    at.file_uploader[0].set_value([("scan.png", b"just text", "image/png")]).run()
    assert not at.exception
    assert "Received:" in at.error[0].value
    assert predictor.asked == 0


def test_the_occlusion_map_comes_on_demand(open_page, weights, texts):
    at = open_page(PAGE, sample="phantom-1")
    assert "some 200 times" in texts(at)
    before = len(images(at))
    at.button(key="play_occlude").click().run()
    assert not at.exception
    assert "loses where it is hidden" in images(at)[before]
    assert "Hiding the place that matters most" in texts(at) or "No square of this" in texts(at)
    # Another picture needs another map.
    change(at, "play_rotate", 45)
    assert len(images(at)) == before


def test_feature_maps_of_the_linked_layer(open_page, weights, texts):
    at = open_page(PAGE, sample="phantom-1", view="maps", layer="block2_conv1_relu")
    assert "Activations of block2" in images(at)[-1]
    assert at.selectbox(key="layer").value == "block2_conv1_relu"
    assert "Channels in reading order" in texts(at)
    at.selectbox(key="layer").set_value("block1_conv1_relu").run()
    assert not at.exception
    assert at.query_params["layer"] in ("block1_conv1_relu", ["block1_conv1_relu"])


def test_layers_are_listed_with_their_parameters(open_page, weights, texts):
    from core.labels import CLASSES
    from core.models import registry

    at = open_page(PAGE, sample="phantom-1", view="layers")
    table = at.dataframe[0].value
    total = registry.build("cnn", 32, CLASSES).count_params()
    assert int(table["parameters"].sum()) == total
    assert f"{total:,} parameters" in texts(at)
    assert "Conv2D" in set(table["kind"])
