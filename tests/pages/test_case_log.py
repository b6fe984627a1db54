import sqlite3
from datetime import timedelta

import numpy as np
import pytest

from core import DISCLAIMER
from core.cases import CaseLog
from core.data.phantom import SYNTHETIC
from core.imaging.overlay import to_png
from core.settings import get_settings
from core.types import Prediction, Slice

PAGE = "pages/8_Case_log.py"
LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture
def file(folders, monkeypatch):
    """The database of a log that is switched on; its file doesn't exist yet."""
    monkeypatch.setenv("GLIALENS_CASE_LOG", "true")
    monkeypatch.setenv("GLIALENS_DATABASE_URL", f"sqlite:///{folders / 'cases.db'}")
    get_settings.cache_clear()
    return folders / "cases.db"


@pytest.fixture
def log(file):
    with CaseLog(f"sqlite:///{file}") as opened:
        yield opened


def save(log, label="glioma", top=0.9, value=0.5, model="cnn", **more):
    rest = (1 - top) / 3
    p = np.array([top if name == label else rest for name in LABELS], np.float32)
    slice_ = Slice(np.full((4, 4), value, np.float32), notes=(SYNTHETIC,))
    picture = to_png(np.full((8, 8, 3), 90, np.uint8))
    answer = Prediction(model, LABELS, np.log(p), p, 0.7, (label,), True)
    return log.add(answer, slice_, overlay_png=picture, model_version="0.1.0", **more)


def choose_rows(at, *rows):
    chosen = {"rows": list(rows), "columns": [], "cells": []}
    at.session_state[at.dataframe[0].key] = {"selection": chosen}
    at.run()
    assert not at.exception
    return at


def numbers(at):
    return list(at.dataframe[0].value["Case"])


def labels(at):
    return [button.label for button in at.button]


def test_off_says_how_to_switch_it_on_and_what_it_keeps(open_page, texts, folders, monkeypatch):
    for name in ("GLIALENS_CASE_LOG", "GLIALENS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("core.cases.store.DEFAULT_FILE", folders / "glialens.db")
    at = open_page(PAGE)
    said = texts(at)
    assert "The case log is off" in at.info[0].value
    assert "GLIALENS_CASE_LOG=true" in at.code[0].value
    assert "GLIALENS_DATABASE_URL=postgresql" in at.code[1].value
    assert "What it never keeps" in said
    assert "can't be opened in Diagnose again" in said
    assert DISCLAIMER in said
    assert not (folders / "glialens.db").exists()
    assert not at.dataframe


def test_an_empty_log_says_how_to_save_a_case(open_page, file):
    at = open_page(PAGE)
    assert "No case is saved yet" in at.info[0].value
    assert [link.label for link in at.page_link if link.label == "Diagnose a scan"]
    assert not at.dataframe
    assert file.is_file()


def test_the_table_holds_every_case_newest_first(open_page, log, texts):
    save(log)
    save(log, "notumor", 0.6, model="vgg16", verdict="glioma", note="Faint.")
    at = open_page(PAGE)
    table = at.dataframe[0].value
    assert list(table["Case"]) == [2, 1]
    assert list(table["Model"]) == ["VGG16", "CNN from scratch"]
    assert list(table["Version"]) == ["0.1.0", "0.1.0"]
    assert list(table["Answer"]) == ["No tumour", "Glioma"]
    assert list(table["Confidence"]) == pytest.approx([60.0, 90.0])
    assert list(table["Accepted"]) == ["no", "yes"]
    assert list(table["Verdict"]) == ["Glioma", "—"]
    assert list(table["Note"]) == ["Faint.", ""]
    assert list(table["Picture"]) == ["synthetic", "synthetic"]
    assert all(picture.startswith("data:image/png;base64,") for picture in table["Overlay"])
    assert "2 cases, newest first." in texts(at)


def test_a_verdict_and_a_note_are_saved_changed_and_taken_back(open_page, log, texts):
    case = save(log)
    at = choose_rows(open_page(PAGE), 0)
    assert "CNN from scratch said **Glioma**, 90 %" in texts(at)
    assert "can't be opened in Diagnose" in texts(at)
    options = at.selectbox(key="case_verdict_1").options
    assert options[0] == "No verdict"
    assert options[-2:] == ["Other", "Can't tell"]
    at.selectbox(key="case_verdict_1").set_value("meningioma")
    at.text_area(key="case_note_1").set_value("Dural tail.")
    next(b for b in at.button if b.label == "Save").click().run()
    assert not at.exception
    saved = log.get(case.id)
    assert (saved.verdict, saved.note, saved.agrees) == ("meningioma", "Dural tail.", False)
    assert [toast.value for toast in at.toast] == [f"Case {case.id} is saved."]
    assert list(at.dataframe[0].value["Verdict"]) == ["Meningioma"]
    # The row stays chosen, and the verdict can be taken back.
    at.selectbox(key="case_verdict_1").set_value("")
    next(b for b in at.button if b.label == "Save").click().run()
    assert log.get(case.id).verdict is None
    assert log.get(case.id).note == "Dural tail."


def test_agreement_is_counted_with_its_interval(open_page, log, texts):
    save(log, value=0.1, verdict="glioma")
    save(log, value=0.2, verdict="glioma")
    save(log, value=0.3, verdict="meningioma")
    save(log, value=0.4, verdict="unsure")
    at = open_page(PAGE)
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Agreement"] == "66.7 %"
    assert figures["Among not accepted"] == "—"
    said = texts(at)
    # Wilson's interval of 2 of 3.
    assert "20.8–93.9" in said
    assert "4 with a verdict; left out: 1 where the reader can't tell, 0 older" in said
    assert "agreement is no accuracy" in said


def test_without_a_verdict_nothing_is_claimed(open_page, log, texts):
    save(log)
    at = open_page(PAGE)
    assert not at.metric
    assert "No verdict to count" in texts(at)


def test_filters_choose_cases(open_page, log):
    save(log, value=0.1, verdict="glioma")
    save(log, "notumor", 0.5, value=0.2, model="vgg16", verdict="glioma")
    save(log, "meningioma", value=0.3)
    at = open_page(PAGE)
    assert at.selectbox(key="case_model").options == ["All models", "CNN from scratch", "VGG16"]
    at.selectbox(key="case_model").set_value("cnn").run()
    assert numbers(at) == [3, 1]
    at.selectbox(key="case_verdict").set_value("unjudged").run()
    assert numbers(at) == [3]
    at.selectbox(key="case_model").set_value("all").run()
    at.selectbox(key="case_verdict").set_value("differs").run()
    assert numbers(at) == [2]
    at.selectbox(key="case_verdict").set_value("all").run()
    at.selectbox(key="case_accepted").set_value("no").run()
    assert numbers(at) == [2]
    at.selectbox(key="case_answer").set_value("pituitary").run()
    assert not at.dataframe
    assert "No case fits these filters" in at.info[0].value


def test_days_choose_cases(open_page, log):
    today = save(log).created.date()
    at = open_page(PAGE)
    at.date_input(key="case_days").set_value((today - timedelta(9), today - timedelta(2))).run()
    assert not at.dataframe
    at.date_input(key="case_days").set_value((today, today)).run()
    assert numbers(at) == [1]


def test_many_cases_come_in_pages(open_page, log):
    for number in range(27):
        save(log, value=number / 100)
    at = open_page(PAGE)
    assert numbers(at) == list(range(27, 2, -1))
    at.pagination[0].set_value(2).run()
    assert numbers(at) == [2, 1]
    # A filter that leaves fewer shows what is left.
    at.selectbox(key="case_answer").set_value("glioma").run()
    at.selectbox(key="case_verdict").set_value("unjudged").run()
    assert not at.exception
    assert at.dataframe


def test_deleting_asks_first_and_then_leaves_no_byte(open_page, log, file, texts):
    save(log, value=0.1, note="SECRET-NOTE")
    save(log, value=0.2, note="KEPT-NOTE")
    at = choose_rows(open_page(PAGE), 1)
    at.button(key="case_delete").click().run()
    assert "goes for good" in texts(at)
    assert log.list().total == 2
    at.button(key="case_delete_confirmed").click().run()
    assert not at.exception
    assert [case.note for case in log.list().cases] == ["KEPT-NOTE"]
    assert "1 case is deleted." in at.success[0].value
    kept = b"".join(p.read_bytes() for p in file.parent.glob("cases.db*"))
    assert b"SECRET" not in kept
    assert b"KEPT-NOTE" in kept
    # Nothing stays chosen: the row's place now belongs to another case.
    assert numbers(at) == [2]
    assert "Delete 1 case" not in labels(at)


def test_keeping_keeps(open_page, log):
    save(log)
    at = choose_rows(open_page(PAGE), 0)
    at.button(key="case_delete").click().run()
    at.button(key="case_delete_cancelled").click().run()
    assert log.list().total == 1


def test_all_that_the_filters_show_can_be_deleted(open_page, log):
    save(log, value=0.1)
    save(log, "notumor", value=0.2)
    save(log, "notumor", value=0.3)
    at = open_page(PAGE)
    at.selectbox(key="case_answer").set_value("notumor").run()
    assert "Delete all 2 cases shown" in labels(at)
    at.button(key="case_delete_all").click().run()
    at.button(key="case_delete_confirmed").click().run()
    assert [case.predicted for case in log.list().cases] == ["glioma"]


def test_bytes_that_may_remain_are_told_of_and_cleaned_later(open_page, log, file, monkeypatch):
    monkeypatch.setattr("core.cases.engine.BUSY_MS", 50)
    save(log, note="SECRET-NOTE")
    save(log, value=0.2)
    at = choose_rows(open_page(PAGE), 1)
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM glialens_cases").fetchone()
    at.button(key="case_delete").click().run()
    at.button(key="case_delete_confirmed").click().run()
    assert "purge it again" in at.error[0].value
    reader.close()
    at.button(key="case_purge").click().run()
    assert not at.error
    kept = b"".join(p.read_bytes() for p in file.parent.glob("cases.db*"))
    assert b"SECRET" not in kept


def test_every_format_is_offered_for_what_the_filters_show(open_page, log, texts):
    save(log)
    save(log, "notumor", value=0.2)
    at = open_page(PAGE)
    assert [b.label for b in at.download_button] == ["CSV", "Excel", "Parquet", "JSON"]
    at.selectbox(key="case_answer").set_value("notumor").run()
    assert "The 1 case that the filters show" in texts(at)


@pytest.mark.parametrize(
    ("name", "start"), [("CSV", b"id,"), ("Excel", b"PK"), ("Parquet", b"PAR1"), ("JSON", b"[\n")]
)
def test_an_export_holds_what_the_filters_show(log, name, start):
    from core.cases import Filters
    from ui.case_tools import export

    save(log, note="ONE")
    save(log, "notumor", value=0.2, note="TWO")
    written = export(name, Filters(predicted="notumor"))
    assert written.startswith(start)
    if name in ("CSV", "JSON"):
        assert b"TWO" in written
        assert b"ONE" not in written


def test_a_corrupt_database_is_one_sentence(open_page, file):
    file.write_bytes(b"not a database at all, " * 300)
    at = open_page(PAGE)
    assert "must be a database that can be read and written. Received: sqlite" in (
        at.error[0].value
    )
    assert not at.dataframe


def test_a_locked_database_refuses_a_verdict_with_one_sentence(open_page, log, file, monkeypatch):
    monkeypatch.setattr("core.cases.engine.BUSY_MS", 50)
    case = save(log)
    at = choose_rows(open_page(PAGE), 0)
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    at.selectbox(key="case_verdict_1").set_value("glioma")
    next(b for b in at.button if b.label == "Save").click().run()
    assert "database is locked" in at.error[0].value
    assert log.get(case.id).verdict is None
    writer.close()


def test_a_wrong_address_is_one_sentence_without_its_password(open_page, file, monkeypatch, texts):
    monkeypatch.setenv("GLIALENS_DATABASE_URL", "postgresql+nosuch://u:SECRET@host/db")
    get_settings.cache_clear()
    at = open_page(PAGE)
    assert at.error
    assert "SECRET" not in texts(at)
