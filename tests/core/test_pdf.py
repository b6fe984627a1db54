import json
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import numpy as np
import pypdfium2
import pytest
from PIL import Image, PngImagePlugin

from core import DISCLAIMER
from core.data.phantom import draw_phantom
from core.errors import OutputError
from core.gate import WARNING
from core.models.card import parse_card
from core.pdf import write_report
from core.pdf.facts import card_rows, figure_rows
from core.types import Analysis, Explanation, Prediction, Slice

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
WHEN = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)


def slice_of(height=60, width=60, **more):
    pixels = np.zeros((height, width), np.float32)
    pixels[6:-6, 6:-6] = 0.5
    return Slice(pixels, **more)


def analysed(top=0.91, *, labels=LABELS, shape=(60, 60), with_map=True, **more):
    probabilities = np.full(len(labels), (1 - top) / (len(labels) - 1), np.float32)
    probabilities[1] = top
    prediction = Prediction("cnn", labels, np.log(probabilities), probabilities, 0.7, **more)
    cam = np.zeros(shape, np.float32)
    cam[10:28, 10:28] = 1.0
    maps = {labels[1]: Explanation(labels[1], cam, "grad-cam", "conv_9")} if with_map else {}
    return Analysis(prediction, maps)


def card(**more):
    return parse_card(
        {
            "name": "cnn",
            "architecture": "cnn",
            "input_size": 128,
            "labels": list(LABELS),
            "temperature": 1.0,
            "threshold": 0.7,
            "sha256": "ab" * 32,
            "init": "random",
            "trained_on": {
                "images": 8424,
                "sources": [
                    {"name": "one", "title": "First source", "images": 4141},
                    {"name": "two"},
                ],
            },
            "metrics": {
                "test": {
                    "split": "test",
                    "accuracy": {"value": 0.9102, "low": 0.8831, "high": 0.9368, "n": 1816},
                    "expected_calibration_error": 0.018,
                    "expected_calibration_error_interval": {
                        "value": 0.018,
                        "low": 0.0112,
                        "high": 0.0331,
                        "n": 1816,
                    },
                },
                "external": {
                    "name": "br35h",
                    "found_at_decision": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 1500},
                    "auroc": {"value": 0.8, "low": None, "high": None, "n": 2000},
                },
                "within_patient": None,
            },
            "command": "train",
            "version": "0.1.0",
            "created": "2026-11-20T12:49:01+00:00",
            "license": "MIT",
            "conformal": {"0.95": 0.7},
            **more,
        }
    )


def png(size=(60, 60), colour=(200, 30, 30), comment=None):
    info = PngImagePlugin.PngInfo()
    if comment:
        info.add_text("PatientName", comment)
    stream = BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def pages(pdf):
    """Return the text of each page, its lines joined by spaces."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]
    finally:
        document.close()


def written(analysis=None, slice_=None, overlay=None, the_card=None, **more):
    return write_report(
        analysis or analysed(), slice_ or slice_of(), overlay, the_card, created=WHEN, **more
    )


def test_the_report_holds_answer_probabilities_set_and_date():
    (text,) = pages(written(analysed(prediction_set=("meningioma", "glioma")), the_card=card()))
    assert "2026-11-20 13:05 UTC" in text
    assert "Meningioma · 91 %" in text
    assert "✓ Accepted" in text
    assert "looked mostly at the upper left of the picture" in text
    assert "Prediction set: Meningioma, Glioma." in text
    assert "about 95 times in 100" in text
    assert "accepted from 70 %" in text
    assert "(Grad-CAM, conv_9)" in text
    for name, share in (("Meningioma", "91.0 %"), ("Glioma", "3.0 %"), ("No tumour", "3.0 %")):
        assert name in text
        assert share in text


def test_the_probabilities_are_sorted():
    text = pages(written())[0].split("Calibrated probabilities")[1]
    names = ("Meningioma", "Glioma", "No tumour", "Pituitary tumour")
    places = [text.index(name) for name in names]
    assert places == sorted(places)


def test_the_cards_figures_come_with_interval_split_and_n():
    (text,) = pages(written(the_card=card()))
    assert "Accuracy test split 91.0 % 88.3 % to 93.7 % 1,816" in text
    assert "Calibration error (ECE) test split 1.8 % 1.1 % to 3.3 % 1,816" in text
    assert "Tumours called a tumour outside data: br35h 50.0 % 40.0 % to 60.0 % 1,500" in text
    assert "8,424 slices in all; First source: 4,141; two" in text
    assert "abababababababab…" in text


def test_figures_that_a_card_lacks_get_no_row():
    assert figure_rows({}) == []
    assert figure_rows({"test": {"accuracy": {"value": None}}, "external": None}) == []
    assert figure_rows({"test": {"accuracy": float("nan")}}) == []
    assert figure_rows({"external": {"name": "x", "auroc": {"value": 0.8}}}) == [
        ("Tumour against no tumour (AUROC)", "outside data: x", "0.800", "–", "–")
    ]
    (text,) = pages(written(the_card=card(metrics={})))
    assert "The card holds no measured figures." in text


@pytest.mark.parametrize("sources", [{}, None, ["name"], [{"images": "many"}]])
def test_an_odd_card_is_still_summarised(sources):
    rows = dict(card_rows(card(trained_on={"sources": sources})))
    assert rows["Model"].startswith("cnn: cnn, 128 × 128 pixels")


def test_without_a_card_the_report_says_so():
    (text,) = pages(written())
    assert "'cnn' has no card of its own" in text
    assert "95 times" not in text


def test_warnings_come_before_the_answer():
    slice_ = slice_of(notes=("The values were stretched.",))
    (text,) = pages(written(analysed(warnings=("The head is cut off.",)), slice_))
    order = ["Read this first", "values were stretched", "head is cut off", "Meningioma · 91 %"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Read this first" not in pages(written())[0]


def test_an_answer_that_is_not_accepted_says_why():
    (text,) = pages(written(analysed(0.48)))
    assert "✗ Not accepted" in text
    assert "✓" not in text
    assert "below the 70 % that an answer needs" in text
    assert "The model does not commit." in text


def test_a_picture_of_another_kind_gets_no_diagnosis():
    strange = analysed(0.99, in_domain=False, warnings=(WARNING, "The head is cut off."))
    (text,) = pages(written(strange, the_card=card()))
    assert "No diagnosis for this picture" in text
    assert "✗ Not accepted" in text
    assert "Meningioma · 99 %" not in text
    assert "does not commit" not in text
    assert "the network computes meningioma, 99 %" in " ".join(text.split())
    assert "these probabilities don't count" in text
    assert "Prediction set" not in text
    # The reason stands with the answer, once.
    assert text.count("brain MRI slices that") == 1
    assert "The head is cut off." in text


def test_a_phantom_is_marked_synthetic_everywhere():
    phantom = draw_phantom(1, size=60, lesion="meningioma").slice
    text = pages(written(slice_=phantom))[0]
    assert text.count("shows no real person") == 1
    assert text.count("(synthetic)") == 2
    assert "(synthetic)" in pages(written(synthetic=True))[0]


def test_the_disclaimer_stands_on_every_page():
    many = tuple(f"Warning {i}: " + "something to read. " * 12 for i in range(25))
    texts = pages(written(analysed(warnings=many), the_card=card()))
    assert len(texts) > 1
    for number, text in enumerate(texts, 1):
        assert DISCLAIMER in text
        assert f"page {number} of {len(texts)}" in text
    assert "Warning 24" in " ".join(texts)


def test_nothing_that_names_a_file_or_a_patient_gets_in():
    slice_ = slice_of(name="DOE_JANE.png")
    pdf = written(slice_=slice_, overlay=png(comment="DOE^JANE"))
    assert "DOE" not in pages(pdf)[0]
    for name in (b"DOE", "DOE".encode("utf-16-be"), b"PatientName"):
        assert name not in pdf
    document = pypdfium2.PdfDocument(pdf)
    assert "DOE" not in json.dumps(document.get_metadata_dict())
    document.close()


def test_the_same_report_at_the_same_time_has_the_same_bytes():
    assert written(the_card=card()) == written(the_card=card())
    later = write_report(analysed(), slice_of(), None, card(), created=WHEN + timedelta(minutes=1))
    assert later != written(the_card=card())


def test_the_date_is_in_utc():
    paris = WHEN.astimezone(timezone(timedelta(hours=1)))
    assert "13:05 UTC" in pages(write_report(analysed(), slice_of(), None, None, created=paris))[0]


def test_any_text_can_be_written():
    odd = "Œuvre, Größe, μT ≤ 3, Опухоль; 腫瘍 \U0001f9e0 \u202edesrever\u202c \x00 {nb} **bold**"
    labels = ("glioma", "tumeur_à_œdème_" + "x" * 80, "腫瘍", "no")
    (text,) = pages(written(analysed(labels=labels, warnings=(odd, "", " "))))
    assert "Œuvre, Größe, μT ≤ 3, Опухоль;" in text
    assert "Tumeur à œdème" in text
    assert "desrever" in text
    assert "\u202e" not in text
    assert "**bold**" in text


def test_many_classes_are_summed_below_the_first_ten():
    labels = tuple(f"class-{i:02}" for i in range(14))
    (text,) = pages(written(analysed(0.87, labels=labels)))
    assert "4 more classes together: 4.0 %." in text


def picture_of(pdf, number):
    document = pypdfium2.PdfDocument(pdf)
    images = [o for o in document[0].get_objects() if o.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]
    picture = images[number].get_bitmap().to_numpy().copy()
    document.close()
    return picture.squeeze(), len(images)


def test_the_pictures_are_the_slice_and_the_overlay():
    slice_ = slice_of(40, 80)
    pdf = written(analysed(shape=(40, 80)), slice_, png((80, 40)))
    grey, count = picture_of(pdf, 0)
    assert count == 2
    assert np.array_equal(grey, np.rint(slice_.pixels * 255).astype(np.uint8))
    drawn, _ = picture_of(pdf, 1)
    assert drawn.shape == (40, 80, 3)
    assert set(map(tuple, drawn.reshape(-1, 3).tolist())) == {(30, 30, 200)}


def test_without_an_overlay_the_models_own_map_is_drawn_or_none():
    drawn, count = picture_of(written(), 1)
    assert count == 2
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 3
    without = written(analysed(with_map=False))
    assert picture_of(without, 0)[1] == 1
    assert "This model gives no map of where it looked." in pages(without)[0]


def test_the_overlay_names_what_it_explains():
    (text,) = pages(written(overlay=png(), explained="glioma"))
    assert "Where the model looked for: Glioma" in text


@pytest.mark.parametrize("overlay", [b"", b"not a picture", png()[:60]])
def test_an_overlay_that_is_no_png_is_refused(overlay):
    with pytest.raises(OutputError, match="must be a PNG picture"):
        written(overlay=overlay)


def test_a_large_slice_makes_no_large_file():
    rng = np.random.default_rng(0)
    slice_ = Slice(rng.random((2048, 1024), dtype=np.float32))
    pdf = written(analysed(shape=(2048, 1024), with_map=False), slice_)
    assert len(pdf) < 1_000_000
    assert picture_of(pdf, 0)[0].shape == (1024, 512)
