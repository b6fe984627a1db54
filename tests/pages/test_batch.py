import io
import threading
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest

from core import DISCLAIMER
from core.batch import job as job_module
from core.errors import ModelNotReadyError
from ui import batch_job

PAGE = "pages/3_Batch.py"
LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def png(seed=0, side=48):
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    head = (rows / 0.85) ** 2 + (columns / 0.7) ** 2 < 1
    pixels = head * (110 + 60 * np.sin((6 + seed) * rows) * np.cos(5 * columns))
    return cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def model(predictor, monkeypatch):
    """A published model that says meningioma of everything, and can be held at its first piece."""
    reached, go = threading.Event(), threading.Event()
    go.set()

    def predict(slices):
        reached.set()
        assert go.wait(60)
        found = [predictor.analyse(slice_).prediction for slice_ in slices]
        # Less and less sure, so that rows can be told apart.
        predictor.top = max(0.3, predictor.top - 0.3)
        return found

    predictor.predict, predictor.reached, predictor.go = predict, reached, go
    yield predictor
    go.set()


@pytest.fixture
def assess(open_page, model):
    """Upload files, start, and show the results."""

    def assess(*files):
        at = open_page(PAGE)
        at.file_uploader[0].set_value([(name, data, "image/png") for name, data in files]).run()
        at.button(key="batch_start").click().run()
        assert not at.exception
        job_of(at).wait(60)
        return rerun(at)

    return assess


def job_of(at):
    return batch_job._job(at.session_state["batch"])


def rerun(at):
    at.run()
    assert not at.exception, at.exception
    return at


def metrics(at):
    return {metric.label: metric.value for metric in at.metric}


def test_missing_weights_give_the_reason(open_page, texts):
    at = open_page(PAGE)
    assert "CNN from scratch is not ready" in texts(at)
    assert "no card.json" in texts(at)
    assert at.button(key="batch_start").disabled
    assert at.button(key="batch_samples").disabled


def test_empty_state_says_what_to_do_and_what_is_bounded(open_page, model, texts):
    at = open_page(PAGE)
    said = texts(at)
    assert "Drop files into the field" in at.info[0].value
    assert DISCLAIMER in said
    assert "up to 256 MB and 5,000 slices" in said
    assert "thumbnails of 64 pixels" in said
    assert at.button(key="batch_start").disabled
    assert not at.dataframe


def test_one_bad_file_becomes_a_row_with_its_sentence(assess):
    at = assess(("a.png", png()), ("b.png", b"just text"), ("c.png", png(1)))
    assert metrics(at)["Slices"] == "2"
    assert metrics(at)["Not read"] == "1"
    table = at.dataframe[0].value
    assert list(table["file"]) == ["a.png", "b.png", "c.png"]
    assert list(table["answer"]) == ["Meningioma", "Not read", "Meningioma"]
    assert "Received: a text file" in table["remarks"][1]
    assert table["picture"][0].startswith("data:image/jpeg;base64,")
    assert pd.isna(table["picture"][1])


def test_folders_in_a_zip_give_a_score_with_a_caveat(assess, texts):
    members = {f"Testing/meningioma/{k}.png": png(k) for k in range(3)}
    members["Testing/glioma/x.png"] = png(9)
    at = assess(("all.zip", zipped(members)))
    assert metrics(at)["Accuracy"] == "75.0 %"
    said = texts(at)
    assert "of 4 slices" in said
    assert "95 % interval" in said
    assert "These are not held-out figures" in said
    assert len(at.get("plotly_chart")) == 1
    assert list(at.dataframe[0].value["label"]) == ["Glioma", *["Meningioma"] * 3]
    at.button_group(key="batch_correct").set_value(False).run()
    assert list(at.dataframe[0].value["file"]) == ["all.zip/Testing/glioma/x.png"]


def test_without_folders_there_is_no_score(assess, texts):
    at = assess(("a.png", png()))
    assert "Accuracy" not in metrics(at)
    assert "held-out" not in texts(at)


def test_rows_are_filtered_and_ordered(assess, monkeypatch):
    monkeypatch.setattr(job_module, "_PIECE_SLICES", 1)
    at = assess(("a.png", png()), ("b.png", png(1)), ("c.png", b"text"), ("d.png", png(2)))
    at.selectbox(key="batch_order").set_value("unsure").run()
    assert list(at.dataframe[0].value["file"]) == ["d.png", "b.png", "a.png", "c.png"]
    at.selectbox(key="batch_accepted").set_value(True).run()
    assert list(at.dataframe[0].value["file"]) == ["a.png"]
    at.selectbox(key="batch_accepted").set_value(None).run()
    at.slider(key="batch_confidence").set_value((0, 70)).run()
    assert list(at.dataframe[0].value["file"]) == ["d.png", "b.png"]
    at.text_input(key="batch_text").set_value("nothing").run()
    assert "No row fits the filter" in at.info[0].value
    assert not at.exception


def test_a_running_batch_shows_progress_survives_a_change_of_page_and_can_be_cancelled(
    open_page, model, texts
):
    model.go.clear()
    at = open_page(PAGE)
    at.file_uploader[0].set_value([(f"{k}.png", png(k), "image/png") for k in range(20)]).run()
    at.button(key="batch_start").click().run()
    assert model.reached.wait(60)
    rerun(at)
    assert at.get("progress")
    assert not at.dataframe
    at.switch_page("streamlit_app.py").run()
    at.switch_page(PAGE).run()
    assert not at.exception
    job = job_of(at)
    assert job.progress().state == "running"
    at.button(key="batch_cancel").click().run()
    assert "Stopping after the slices in work" in texts(at)
    model.go.set()
    job.wait(60)
    assert job.progress().state == "cancelled"
    rerun(at)
    assert "Cancelled: what was assessed until then is kept" in at.warning[0].value
    assert len(at.dataframe[0].value) == len(job.rows()) == 8


def test_exports_hold_every_row_and_the_disclaimer(assess):
    at = assess(("=1+1.png", png()), ("b.png", b"just text"))
    labels = [button.label for button in at.get("download_button")]
    assert labels == ["CSV", "Excel", "Parquet"]
    from core.batch.export import to_csv, to_excel, to_parquet
    from ui.batch import _export

    rows = job_of(at).rows()
    text = _export(rows, LABELS, to_csv).decode("utf-8-sig")
    frame = pd.read_csv(io.StringIO(text))
    assert list(frame["file"]) == ["'=1+1.png", "b.png"]
    assert set(frame["disclaimer"]) == {DISCLAIMER}
    sheets = pd.read_excel(io.BytesIO(_export(rows, LABELS, to_excel)), sheet_name=None)
    assert list(sheets["Slices"]["file"]) == ["=1+1.png", "b.png"]
    assert sheets["About"].columns[0] == DISCLAIMER
    parquet = pd.read_parquet(io.BytesIO(_export(rows, LABELS, to_parquet)))
    assert parquet["predicted"][0] == "meningioma"
    assert pd.isna(parquet["predicted"][1])


def select(at, position):
    at.session_state[at.dataframe[0].key] = {
        "selection": {"rows": [position], "columns": [], "cells": []}
    }
    return rerun(at)


def test_a_row_opens_in_diagnose(assess, texts):
    at = assess(("all.zip", zipped({"glioma/a.png": png(), "glioma/b.png": png(1)})))
    select(at, 1)
    assert "all.zip/glioma/b.png" in texts(at)
    at.button(key="batch_open").click().run()
    assert not at.exception
    assert at.title[0].value == "Diagnose"
    [kept] = at.session_state["kept_upload"]
    assert (kept.name, kept.data) == ("glioma/b.png", png(1))
    assert "meningioma" in texts(at)


def test_a_row_that_was_not_read_shows_its_sentence_and_opens_nothing(assess, texts):
    at = select(assess(("b.png", b"just text")), 0)
    assert "Received: a text file" in texts(at)
    assert "batch_open" not in [button.key for button in at.button]


def test_a_slice_of_a_volume_opens_as_itself(model):
    import nibabel

    from core.batch.job import BatchJob
    from core.batch.sources import Source
    from core.imaging.inputs import read_bytes
    from ui.batch_table import slice_file

    voxels = np.random.default_rng(0).integers(0, 255, (40, 36, 5), dtype=np.uint8)
    data = nibabel.Nifti1Image(voxels, np.eye(4)).to_bytes()
    job = BatchJob()
    job.start([Source("brain.nii", data)], "cnn", LABELS, lambda: model)
    job.wait(60)
    rows = job.rows()
    assert [row.slice for row in rows] == [0, 1, 2, 3, 4]
    name, picture = slice_file(job, rows[3])
    assert name == "brain.nii, slice 4.png"
    assert read_bytes(picture)[0].sha256 == read_bytes(data, "brain.nii")[3].sha256


def test_the_samples_are_one_click_and_say_that_they_are_synthetic(open_page, model):
    at = open_page(PAGE)
    at.button(key="batch_samples").click().run()
    job_of(at).wait(60)
    rerun(at)
    files = list(at.dataframe[0].value["file"])
    assert len(files) >= 6
    assert all("synthetic" in name for name in files)


def test_damaged_weights_are_told(assess, monkeypatch):
    def damaged(*_):
        raise ModelNotReadyError("The weights match their card. Received: another digest.")

    monkeypatch.setattr("core.inference.get_predictor", damaged)
    at = assess(("a.png", png()))
    assert "another digest" in at.error[0].value
    assert not at.dataframe


def test_a_batch_that_gave_way_says_so(assess, texts):
    at = assess(("a.png", png()))
    batch_job._job.clear()
    rerun(at)
    assert "no longer kept: at most 4" in texts(at)
    assert "Drop files into the field" in texts(at)


def test_a_new_batch_takes_the_place_of_the_last(assess):
    at = assess(("a.png", png()))
    first = job_of(at)
    at.file_uploader[0].set_value([("b.png", png(1), "image/png")]).run()
    at.button(key="batch_start").click().run()
    second = job_of(at)
    second.wait(60)
    assert second is not first
    assert list(rerun(at).dataframe[0].value["file"]) == ["b.png"]
