import pytest

from core import DISCLAIMER
from tests.pages.conftest import ROOT
from ui.language import speaking

FRENCH = "Ce n’est pas un dispositif médical"
SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").glob("*.py"))


def switch(at):
    return next(c for c in at.segmented_control if c.key == "language")


def test_the_switch_turns_the_home_page_french_and_a_page_change_keeps_it(open_page, texts):
    at = open_page()
    assert DISCLAIMER in texts(at)
    assert switch(at).value == "en"
    switch(at).set_value("fr").run()
    assert not at.exception
    assert FRENCH in texts(at)
    assert "IRM cérébrale" in texts(at)
    assert DISCLAIMER not in texts(at)
    at.switch_page("pages/6_Dataset.py").run()
    assert not at.exception
    assert at.title[0].value == "Jeu de données"
    assert FRENCH in texts(at)
    assert switch(at).value == "fr"
    switch(at).set_value("en").run()
    assert at.title[0].value == "Dataset"


def test_a_link_chooses_the_language_and_the_switch_overrules_it(open_page, texts):
    at = open_page(lang="fr")
    assert FRENCH in texts(at)
    assert switch(at).value == "fr"
    switch(at).set_value("en").run()
    assert DISCLAIMER in texts(at)
    assert at.query_params["lang"] == "en"


@pytest.mark.parametrize("lang", ["xx", "", "FR"])
def test_an_unknown_language_in_the_address_is_english(open_page, texts, lang):
    assert DISCLAIMER in texts(open_page(lang=lang))


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("fr-CA", "Jeu de données"),
        ("fr", "Jeu de données"),
        ("de-DE", "Dataset"),
        (None, "Dataset"),
    ],
)
def test_the_browser_s_language_is_the_default(open_page, monkeypatch, locale, title):
    from streamlit.runtime.context import ContextProxy

    monkeypatch.setattr(ContextProxy, "locale", property(lambda _: locale))
    assert open_page("pages/6_Dataset.py").title[0].value == title


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_page_has_the_disclaimer_in_french(open_page, texts, script):
    at = open_page(script, lang="fr")
    assert FRENCH in texts(at)
    assert DISCLAIMER not in texts(at)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_page_with_something_to_show_changes_its_language_in_place(
    open_page, texts, predictor, script
):
    at = open_page(script, sample="phantom-1")
    assert DISCLAIMER in texts(at)
    for before, lang, words in (("en", "fr", FRENCH), ("fr", "en", DISCLAIMER)):
        # What a browser would send back is formatted by the test itself.
        with speaking(before):
            switch(at).set_value(lang).run()
        assert not at.exception, at.exception[0].message
        assert words in texts(at)


def test_a_choice_outlives_a_change_of_language(open_page, predictor):
    at = open_page("pages/1_Diagnose.py", sample="phantom-1")
    at.selectbox(key="sample").set_value("phantom-3").run()
    for before, lang in (("en", "fr"), ("fr", "en")):
        with speaking(before):
            switch(at).set_value(lang).run()
        assert at.selectbox(key="sample").value == "phantom-3"
        assert at.query_params["sample"] == "phantom-3"


def test_an_answer_its_warnings_and_its_samples_are_french(open_page, texts, predict_with):
    predict_with(in_domain=False, warnings=["The texture is not that of tissue."])
    at = open_page("pages/1_Diagnose.py", lang="fr", sample="phantom-1")
    said = texts(at)
    assert "Pas de diagnostic pour cette image" in said
    assert "méningiome" in said
    assert "La texture n’est pas celle d’un tissu." in said
    assert "The texture" not in said
    sample = next(box for box in at.selectbox if box.key == "sample")
    assert sample.options[0] == "Fantôme 1 (synthétique)"


def test_a_refused_upload_is_told_in_french(open_page, texts, predictor):
    at = open_page("pages/1_Diagnose.py", lang="fr")
    at.file_uploader[0].set_value([("a.png", b"just text", "image/png")]).run()
    (error,) = at.error
    assert "Reçu : un fichier texte" in error.value.replace("\u00a0", " ")
    assert "Received" not in error.value


def test_two_sessions_speak_their_own_languages(open_page, texts, publish):
    publish()
    french, english = open_page(lang="fr"), open_page()
    french.run()
    english.run()
    assert FRENCH in texts(french)
    assert DISCLAIMER in texts(english)
    assert "Cinq blocs" in texts(french)
    assert "Five blocks" in texts(english)
