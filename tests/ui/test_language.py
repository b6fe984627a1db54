from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from core import DISCLAIMER, figures, wording
from core.errors import ModelNotReadyError, NotAssessableError, UnsupportedTypeError
from core.imaging.limits import Limits
from core.imaging.signature import require
from core.labels import KNOWN, describe
from core.reading import percent, place, read_plainly
from core.types import Analysis, Explanation, Prediction
from ui import language
from ui.catalogues import read_catalogue

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
NBSP = "\u00a0"


@pytest.fixture
def french():
    with language.speaking("fr"):
        yield


def analysed(top=0.91):
    rest = (1 - top) / 3
    probabilities = np.array([rest, top, rest, rest], np.float32)
    answer = Prediction("cnn", LABELS, np.log(probabilities), probabilities, 0.7, ("meningioma",))
    cam = np.zeros((90, 90), np.float32)
    cam[15:25, 15:25] = 1.0
    return Analysis(answer, {"meningioma": Explanation("meningioma", cam, "grad-cam", "last")})


def test_english_stands_as_it_is_written():
    assert language.current() == "en"
    assert language._("Home") == "Home"
    assert language.ngettext("{n} file", "{n} files", 1) == "{n} file"
    assert language.ngettext("{n} file", "{n} files", 0) == "{n} files"
    assert language.told(DISCLAIMER) == DISCLAIMER
    assert read_catalogue("en") is None


def test_french_counts_nothing_in_the_singular(french):
    assert language._("Home") == "Accueil"
    one, many = "{count:,} file", "{count:,} files"
    assert [language.ngettext(one, many, n).format(count=n) for n in (0, 1, 2)] == [
        "0 fichier",
        "1 fichier",
        "2 fichiers",
    ]


def test_a_language_holds_for_its_block_and_its_thread_alone(french):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(language._, "Home").result() == "Home"
    with language.speaking("en"):
        assert language._("Home") == "Home"
    assert language._("Home") == "Accueil"


def test_unknown_sentences_stay_english(french):
    assert language._("Nobody says this.") == "Nobody says this."
    assert language.told("scan of Jane.png") == "scan of Jane.png"
    assert language.told("") == ""


def test_kept_sentences_are_known_with_their_places_filled(french):
    assert language.told("The file holds 4 volumes; number 1 was read.") == (
        f"Le fichier contient 4 volumes{NBSP}; le numéro 1 a été lu."
    )
    error = ModelNotReadyError(
        "A model is ready once it is published. Received: no card.json for 'vgg16'."
    )
    assert "pas de card.json pour" in language.told(str(error))


def test_the_errors_of_bad_files_are_french(french):
    with pytest.raises(UnsupportedTypeError) as caught:
        require(b"%PDF-1.7 and more")
    assert language.told(str(caught.value)) == (
        "GliaLens lit les images JPEG, PNG, BMP, TIFF et WebP, et les fichiers DICOM et NIfTI. "
        f"Reçu{NBSP}: un document PDF."
    )
    with pytest.raises(NotAssessableError) as caught:
        Limits().check_size(4, 900)
    assert f"Reçu{NBSP}: 4 x 900." in language.told(str(caught.value))


def test_text_that_stands_in_a_place_is_not_filled_in_again(french):
    told = language.told("The name ends in .{x}, but the content is a PNG image.")
    assert ".{x}" in told
    assert told.startswith("Le nom se termine par")


def test_a_short_template_of_the_screens_swallows_no_other_text(french):
    # "{low} to {high}" is a sentence of the screens, but none that files keep.
    assert language.told("from here to there") == "from here to there"


def test_classes_have_french_names_for_showing_and_english_keys(french):
    assert describe("pituitary").name == "Tumeur hypophysaire"
    assert describe("pituitary").key == "pituitary"
    assert describe("notumor").colour == KNOWN["notumor"].colour
    assert KNOWN["notumor"].name == "No tumour"


def test_the_reading_is_french(french):
    assert read_plainly(analysed()) == (
        f"Le modèle penche pour{NBSP}: méningiome, 91{NBSP}%, et il a surtout regardé "
        "la zone supérieure gauche de l’image."
    )
    assert place(np.full((90, 90), 0.8, np.float32)) == "la majeure partie de la tête"


def test_numbers_take_the_language_s_separators(french):
    assert percent(0.0004, 2) == f"0,04{NBSP}%"
    assert wording.number(7023) == "7\u202f023"
    with language.speaking("en"):
        assert percent(0.0004, 2) == "0.04 %"
        assert wording.number(7023.5, 1) == "7,023.5"


def test_figures_are_french_with_french_separators(french):
    bars = figures.probability_bars(dict(zip(LABELS, (0.1, 0.7, 0.1, 0.1), strict=True)), 0.7)
    assert "Méningiome" in bars.data[0].y
    assert bars.layout.separators[0] == ","
    texts = [annotation.text for annotation in bars.layout.annotations]
    assert f"acceptée à partir de 70{NBSP}%" in texts


def test_the_report_is_written_in_french_by_a_thread_without_a_session(french):
    pypdfium2 = pytest.importorskip("pypdfium2")
    from core.data.phantom import draw_phantom
    from ui import report

    chosen = SimpleNamespace(slice=draw_phantom(1, size=90).slice, synthetic=True)
    with ThreadPoolExecutor(1) as pool:
        data = pool.submit(
            report.pdf, chosen, analysed(), SimpleNamespace(card=None), "fr"
        ).result()
    pages = pypdfium2.PdfDocument(data)
    text = " ".join(" ".join(p.get_textpage().get_text_range() for p in pages).split())
    assert "Ce n’est pas un dispositif médical" in text
    assert "Rapport GliaLens" in text
    assert "not a medical device" not in text
