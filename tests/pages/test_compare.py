import json

import cv2
import numpy as np
import pytest

from core import DISCLAIMER
from core.errors import ModelNotReadyError
from core.gate import WARNING
from core.types import Analysis, Explanation, Prediction

PAGE = "pages/2_Compare_models.py"
LABELS = ("glioma", "meningioma", "notumor", "pituitary")
NAMES = ("cnn", "vgg16")


class Looker:
    """Answers one class for every picture and looks at one place; counts how often it is asked."""

    def __init__(self, name, answer, top=0.9, at=(0.3, 0.3), labels=LABELS, warnings=()):
        self.name, self.answer, self.top, self.at, self.labels = name, answer, top, at, labels
        self.warnings = warnings
        self.in_domain = WARNING not in warnings
        self.asked = 0

    def warm_up(self):
        pass

    def analyse(self, slice_):
        self.asked += 1
        rest = (1 - self.top) / (len(self.labels) - 1)
        p = np.array([self.top if k == self.answer else rest for k in self.labels], np.float32)
        rows, columns = np.mgrid[0 : 1 : slice_.shape[0] * 1j, 0 : 1 : slice_.shape[1] * 1j]
        far = (rows - self.at[0]) ** 2 + (columns - self.at[1]) ** 2
        cam = np.exp(-far / 0.01).astype(np.float32)
        prediction = Prediction(
            self.name, self.labels, np.log(p), p, 0.7, (self.answer,), self.in_domain, self.warnings
        )
        maps = {key: Explanation(key, cam, "grad-cam", "last") for key in self.labels}
        return Analysis(prediction, maps)


@pytest.fixture
def models(publish, monkeypatch):
    """Publish models that answer as told: `models(Looker("cnn", "glioma"), …)`."""

    def models(*lookers):
        by_name = {looker.name: looker for looker in lookers}
        for name in by_name:
            card = publish(name) / "card.json"
            figures = {"accuracy": {"value": 0.912, "low": 0.9, "high": 0.93, "n": 1234}}
            card.write_text(
                json.dumps(json.loads(card.read_text()) | {"metrics": {"test": figures}})
            )
        monkeypatch.setattr("core.inference.get_predictor", lambda name, *_: by_name[name])
        return by_name

    return models


def badge(at, text):
    return any(text in element.value.replace("\\", "") for element in at.markdown)


def answers(at):
    return at.table[0].value.map(lambda text: text.replace("\\", ""))


def test_missing_weights_list_every_reason(open_page, texts):
    at = open_page(PAGE, sample="phantom-1")
    assert "No model is ready" in at.info[0].value
    assert "no card.json for 'vgg16'" in texts(at)
    assert "It ships without weights" in texts(at)
    assert not at.get("plotly_chart")
    assert DISCLAIMER in texts(at)


def test_empty_state_asks_nobody(open_page, models):
    asked = models(Looker("cnn", "glioma"))
    at = open_page(PAGE)
    assert "Drop a scan" in at.info[0].value
    assert asked["cnn"].asked == 0


def test_one_model_alone_cannot_disagree(open_page, models, texts):
    models(Looker("cnn", "glioma"))
    at = open_page(PAGE, sample="phantom-1")
    assert badge(at, "One model alone")
    assert "can't disagree" in texts(at)
    assert list(answers(at)["Model"]) == ["CNN from scratch"]
    assert len(at.get("plotly_chart")) == 1
    assert "no card.json for 'vgg16'" in texts(at)
    assert "What each looked at" not in texts(at)


def test_models_that_agree(open_page, models, texts):
    models(Looker("cnn", "glioma"), Looker("vgg16", "glioma", 0.8))
    at = open_page(PAGE, sample="phantom-1")
    assert badge(at, "Both models say: Glioma")
    assert "Agreement is no proof" in texts(at)
    table = answers(at)
    assert list(table["Model"]) == ["CNN from scratch", "VGG16", "Ensemble"]
    assert list(table["Confidence"]) == ["90.0 %", "80.0 %", "85.0 %"]
    assert list(table["Accepted"]) == ["yes"] * 3
    assert list(table["Prediction set"]) == ["Glioma", "Glioma", "—"]
    assert table["Test accuracy"][0] == "91.2 % (90.0–93.0), n = 1,234"
    assert table["Test accuracy"][2] == "not measured"
    assert len(at.get("plotly_chart")) == 3
    assert "the same place: overlap 100 %" in texts(at).replace("**", "")


def test_models_that_disagree_on_the_kind(open_page, models, texts):
    models(
        Looker("cnn", "glioma", at=(0.3, 0.3)),
        Looker("vgg16", "meningioma", at=(0.7, 0.7)),
        Looker("vgg19", "meningioma", 0.5, at=(0.7, 0.7)),
    )
    at = open_page(PAGE, sample="phantom-1")
    said = texts(at).replace("**", "")
    assert badge(at, "2 of 3 models say: Meningioma")
    assert "Meningioma by VGG16, VGG19; Glioma by CNN from scratch." in said
    assert "All see a tumour; they differ on its kind." in said
    assert "1 of the 3 does not commit" in said
    assert "Where they disagree: what each looked at" in said
    assert "CNN from scratch and VGG16 looked at different places" in said
    assert "VGG16 and VGG19 looked at the same place" in said
    assert list(at.dataframe[0].value["Looked mostly at"]) == [
        "the upper left",
        "the lower right",
        "the lower right",
    ]


@pytest.mark.parametrize(
    ("strange", "named"),
    [
        ((), None),
        (("vgg16",), "that VGG16 learnt from, so its answer"),
        (("cnn", "vgg16"), "that CNN from scratch, VGG16 learnt from, so their answers"),
    ],
)
def test_who_finds_the_picture_strange_is_named(open_page, models, strange, named):
    lookers = [
        Looker(name, "glioma", warnings=(WARNING, "Else.") if name in strange else ("Else.",))
        for name in NAMES
    ]
    models(*lookers)
    at = open_page(PAGE, sample="phantom-1")
    said = [w.value.replace("\\", "") for w in at.warning if "drawn phantom" not in w.value]
    assert said[0] == "Else."
    assert len(said) == (1 if named is None else 2)
    assert named is None or named in said[1]


@pytest.mark.parametrize(
    ("strange", "verdict", "colour"),
    [
        (("cnn", "vgg16"), "No diagnosis: the models find the picture strange", "gray"),
        (("vgg16",), "1 of 2 models says: Glioma", "orange"),
    ],
)
def test_who_finds_the_picture_strange_has_no_vote(
    open_page, models, texts, strange, verdict, colour
):
    models(*(Looker(n, "glioma", 0.99, warnings=(WARNING,) * (n in strange)) for n in NAMES))
    at = open_page(PAGE, sample="phantom-1")
    assert any(f":{colour}-badge[" in m.value and verdict in m.value for m in at.markdown)
    # The ensemble of models of which one finds it strange gives none, either.
    silent = [*(name in strange for name in NAMES), True]
    assert list(answers(at)["Answer"] == "No diagnosis") == silent
    assert list(answers(at)["Confidence"] == "—") == silent
    assert texts(at).count(":gray[**No diagnosis**]") == sum(silent)
    assert ("VGG16 finds the picture strange and has no vote." in texts(at)) == (len(strange) == 1)
    assert "commit" not in texts(at)


def test_no_place_is_told_for_no_tumour(open_page, models, texts):
    models(Looker("cnn", "glioma"), Looker("vgg16", "notumor"))
    at = open_page(PAGE, sample="phantom-1")
    assert badge(at, "The models disagree")
    assert "whether there is a tumour at all" in texts(at)
    assert list(at.dataframe[0].value["Looked mostly at"]) == ["the upper left", "—"]
    assert "no two maps for a tumour" in texts(at)
    # Asked where they looked for a glioma, both tell.
    at.pills(key="compare_class").set_value("glioma").run()
    assert list(at.dataframe[0].value["Looked mostly at"]) == ["the upper left"] * 2
    assert "overlap 100 %" in texts(at)


def test_controls_never_ask_again_and_the_link_is_kept(open_page, models):
    asked = models(Looker("cnn", "glioma"), Looker("vgg16", "glioma"))
    at = open_page(PAGE, sample="phantom-3")
    at.slider(key="compare_opacity").set_value(90).run()
    at.slider(key="compare_threshold").set_value(50).run()
    at.selectbox(key="compare_colours").set_value("cividis").run()
    at.toggle(key="compare_outline").set_value(True).run()
    assert not at.exception
    assert at.query_params["sample"] == "phantom-3"
    assert [looker.asked for looker in asked.values()] == [1, 1]
    captions = [c for image in at.image for c in image.captions if "CAM" in c]
    assert captions == ["Grad-CAM: Glioma (synthetic)"] * 3


def test_one_that_cannot_be_loaded_leaves_the_others(open_page, models, monkeypatch, texts):
    asked = models(Looker("cnn", "glioma"), Looker("vgg16", "glioma"))

    def get(name, *_):
        if name == "vgg16":
            raise ModelNotReadyError("Weights match their card. Received: another digest.")
        return asked[name]

    monkeypatch.setattr("core.inference.get_predictor", get)
    at = open_page(PAGE, sample="phantom-1")
    assert "Received: another digest" in at.error[0].value
    assert badge(at, "One model alone")
    assert list(answers(at)["Model"]) == ["CNN from scratch"]


def test_if_none_can_be_loaded_it_is_one_sentence(open_page, models, monkeypatch):
    models(Looker("cnn", "glioma"))

    def get(*_):
        raise ModelNotReadyError("Weights match their card. Received: another digest.")

    monkeypatch.setattr("core.inference.get_predictor", get)
    at = open_page(PAGE, sample="phantom-1")
    assert "Received: another digest" in at.error[0].value
    assert not at.get("plotly_chart")


def test_models_of_other_classes_have_no_ensemble(open_page, models):
    models(Looker("cnn", "glioma"), Looker("vgg16", "glioma", labels=("glioma", "meningioma")))
    at = open_page(PAGE, sample="phantom-1")
    assert "know the same classes" in at.error[0].value
    assert len(answers(at)) == 2


def test_the_ensembles_accuracy_comes_from_a_comparison_of_these_weights(
    open_page, models, folders
):
    models(Looker("cnn", "glioma"), Looker("vgg16", "glioma"))
    accuracy = {"value": 0.95, "low": 0.94, "high": 0.96, "n": 99}
    comparison = {"created": "2026-05-01", "ensemble": {"members": ["vgg16", "cnn"]}}
    comparison["ensemble"]["accuracy"] = accuracy
    file = folders / "weights" / "comparison.json"
    file.write_text(json.dumps(comparison))
    assert answers(open_page(PAGE, sample="phantom-1"))["Test accuracy"][2] == (
        "95.0 % (94.0–96.0), n = 99"
    )
    file.write_text(json.dumps(comparison | {"created": "2025-12-31"}))
    at = open_page(PAGE, sample="phantom-1")
    assert answers(at)["Test accuracy"][2] == "not measured"


def test_a_bad_file_is_one_sentence(open_page, models):
    asked = models(Looker("cnn", "glioma"))
    at = open_page(PAGE)
    at.file_uploader[0].upload("scan.png", b"not a picture", "image/png").run()
    assert "Received: a text file" in at.error[0].value
    assert asked["cnn"].asked == 0


def test_a_picture_that_is_no_scan_gets_no_answer(open_page, models):
    asked = models(Looker("cnn", "glioma"))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    at = open_page(PAGE)
    at.file_uploader[0].upload("x.png", cv2.imencode(".png", noise)[1].tobytes(), "image/png")
    at.run()
    assert "No diagnosis for this picture" in at.error[0].value
    assert asked["cnn"].asked == 0


def test_the_sample_comes_along_to_another_page_and_back(open_page):
    diagnose = "pages/1_Diagnose.py"
    at = open_page(diagnose, sample="phantom-2")
    at = at.switch_page(PAGE).run()
    assert at.selectbox(key="sample").value == "phantom-2"
    at.selectbox(key="sample").set_value("phantom-4").run()
    # Diagnose's own picker still holds the older choice; what was seen last counts.
    at = at.switch_page(diagnose).run()
    assert at.selectbox(key="sample").value == "phantom-4"
    at.query_params["sample"] = "phantom-5"
    at = at.switch_page(PAGE).run()
    assert at.selectbox(key="sample").value == "phantom-5"
    assert not at.exception


def test_an_upload_comes_along_even_where_a_sample_was_shown(open_page, phantom_files):
    at = open_page(PAGE, sample="phantom-2")
    at = at.switch_page("pages/1_Diagnose.py").run()
    at.segmented_control(key="source").set_value("upload").run()
    at.file_uploader[0].upload("scan.png", phantom_files[0].read_bytes(), "image/png").run()
    at = at.switch_page(PAGE).run()
    assert not at.exception
    assert at.segmented_control(key="source").value == "upload"
    assert "sample" not in at.query_params
