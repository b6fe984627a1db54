import cv2
import numpy as np
import pytest

from core.batch.export import to_frame
from core.cases import CaseLog
from core.data.phantom import SYNTHETIC, draw_phantom
from core.settings import get_settings
from tests.pages.acts import click
from ui import batch_job, report

DIAGNOSE, COMPARE, BATCH = (
    f"pages/{name}.py" for name in ("1_Diagnose", "2_Compare_models", "3_Batch")
)
PLAYGROUND = "pages/7_Playground.py"


def png(seed=0):
    pixels = np.rint(draw_phantom(40 + seed).slice.pixels * 255).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def ended(at):
    batch_job._job(at.session_state["batch"]).wait(60)
    at.run()
    assert not at.exception
    return at


def assess(at, *files):
    """Go to Batch and let it assess the files, or the samples where there are none."""
    at.switch_page(BATCH).run()
    if not files:
        return ended(click(at, "Try the samples"))
    at.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()
    at.button(key="batch_start").click().run()
    return ended(at)


def open_row(at, position):
    at.session_state[at.dataframe[0].key] = {
        "selection": {"rows": [position], "columns": [], "cells": []}
    }
    at.run()
    click(at, "Open in Diagnose")
    assert at.title[0].value == "Diagnose"
    return at


@pytest.fixture
def said_of(monkeypatch):
    """Collect what the page offers as records, and the slices that they are of."""
    kept = []
    honest = report.record

    def record(chosen, analysis, quality):
        kept.append((chosen, analysis, honest(chosen, analysis, quality)))
        return kept[-1][2]

    monkeypatch.setattr("ui.report.record", record)
    return kept


@pytest.mark.parametrize("before", [DIAGNOSE, COMPARE, PLAYGROUND])
def test_a_row_opens_where_a_sample_was_shown_before(open_page, predictor, said_of, before):
    at = open_page(before, sample="phantom-2")
    at = open_row(assess(at, ("mine.png", png())), 0)
    assert at.segmented_control(key="source").value == "upload"
    assert "sample" not in at.query_params
    assert said_of[-1][2]["file"] == "mine.png"


def test_the_opened_row_comes_along_to_the_next_page(open_page, predictor):
    at = open_row(assess(open_page(COMPARE, sample="phantom-2"), ("mine.png", png())), 0)
    at.switch_page(COMPARE).run()
    assert not at.exception
    assert at.segmented_control(key="source").value == "upload"


def test_a_phantom_stays_synthetic_on_its_way_through_a_batch(
    open_page, predictor, said_of, texts, folders, monkeypatch
):
    url = f"sqlite:///{folders / 'cases.db'}"
    monkeypatch.setenv("GLIALENS_CASE_LOG", "true")
    monkeypatch.setenv("GLIALENS_DATABASE_URL", url)
    get_settings.cache_clear()
    at = assess(open_page())
    assert all("drawn by GliaLens" in remark for remark in at.dataframe[0].value["remarks"])
    at = open_row(at, 0)
    assert "drawn phantom" in texts(at)
    assert any("Synthetic image" in element.value for element in at.markdown)
    chosen, _answer, record = said_of[-1]
    assert record["synthetic"] is True
    assert SYNTHETIC in record["notes"]
    # Whoever writes the report by the slice alone is told as well.
    assert SYNTHETIC in chosen.slice.notes
    click(at, "Save to the case log")
    with CaseLog(url) as log:
        (case,) = log.every()
    assert SYNTHETIC in case.warnings


def test_the_export_of_the_samples_says_that_they_were_drawn(open_page, predictor):
    at = assess(open_page())
    rows = batch_job._job(at.session_state["batch"]).rows()
    frame = to_frame(rows, predictor.labels)
    assert list(frame["warnings"]) == [SYNTHETIC] * len(rows)


def test_what_a_person_uploads_is_not_called_synthetic(open_page, predictor, said_of, texts):
    at = assess(open_page(), ("mine.png", png()))
    assert list(at.dataframe[0].value["remarks"]) == [""]
    at = open_row(at, 0)
    assert said_of[-1][2]["synthetic"] is False
    assert "drawn phantom" not in texts(at)
