"""French sentences that once said something else than the English ones."""

from unittest.mock import Mock

import pytest

from core.labels import describe
from ui import case_filters
from ui.language import speaking
from ui.reports import external_sentence


def test_the_external_tumours_are_not_those_of_the_split():
    report = {
        "split": "test",
        "per_class": {"glioma": {"recall": 0.97}},
        "external": {"name": "br35h", "found_at_decision": 0.6},
    }
    with speaking("fr"):
        said = external_sentence(report).replace("\u00a0", " ")
    assert "97 % des tumeurs reçoivent leur classe" in said
    assert "parmi les tumeurs de l’ensemble externe, 60,0 % sont" in said
    assert "quel que soit le type" in said


def test_a_class_is_described_without_additions():
    with speaking("fr"):
        assert describe("pituitary").sentence.endswith("à la base du cerveau.")


@pytest.mark.parametrize(
    ("key", "name"),
    [("case_model", "Tous les modèles"), ("case_verdict", "Tous les verdicts")],
)
def test_all_agrees_with_what_it_is_all_of(monkeypatch, key, name):
    drawn = {}

    def selectbox(_label, options, format_func, key, **_):
        drawn[key] = [format_func(option) for option in options]
        return options[0]

    st = Mock(selectbox=selectbox, session_state={}, date_input=lambda *_, **__: [])
    st.container.return_value.__enter__ = st.container.return_value.__exit__ = Mock()
    monkeypatch.setattr(case_filters, "st", st)
    with speaking("fr"):
        case_filters.choose(("cnn",))
    assert drawn[key][0] == name
