import json

import numpy as np
import pytest

from core.cases import CaseLog
from core.settings import get_settings
from core.types import Slice
from tests.pages.acts import click
from tests.pages.conftest import card
from tests.pages.stored import DIGEST, OTHER_DIGEST, OTHERS

PAGE, SAVE = "pages/1_Diagnose.py", "Save to the case log"


@pytest.fixture
def saved(open_page, predictor, log):
    return click(open_page(PAGE, sample="phantom-1"), SAVE)


def offered(at):
    return not next(b for b in at.button if b.label == SAVE).disabled


def test_a_saved_case_stays_saved_in_the_next_run(saved, texts):
    saved.run()
    assert "Saved as case 1" in texts(saved)
    assert not offered(saved)


def test_a_deleted_case_can_be_saved_again(saved, log, texts):
    log.delete([1])
    saved.run()
    assert "Saved as" not in texts(saved)
    click(saved, SAVE)
    assert log.list().total == 1
    assert "Saved as case" in texts(saved)


def test_a_case_of_another_log_is_not_taken_for_it(saved, predictor, folders, monkeypatch, texts):
    url = f"sqlite:///{folders / 'another.db'}"
    monkeypatch.setenv("GLIALENS_DATABASE_URL", url)
    get_settings.cache_clear()
    other = Slice(np.full((48, 48), 0.5, np.float32))
    with CaseLog(url) as log:
        assert log.add(predictor.analyse(other).prediction, other).id == 1
    saved.run()
    assert "Saved as" not in texts(saved)
    assert offered(saved)


def test_new_weights_of_the_same_model_make_another_case(saved, log, folders, texts):
    raw = card() | {"sha256": OTHER_DIGEST}
    (folders / "weights" / "cnn" / "card.json").write_text(json.dumps(raw))
    (folders / "weights" / "cnn" / "weights.safetensors").write_bytes(OTHERS)
    saved.run()
    assert "Saved as" not in texts(saved)
    click(saved, SAVE)
    assert {case.weights_sha256 for case in log.every()} == {DIGEST, OTHER_DIGEST}
