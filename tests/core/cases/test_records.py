import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.cases import (
    OTHER,
    UNSURE,
    Case,
    Filters,
    count_agreement,
    thumbnail,
    to_csv,
    to_excel,
    to_json,
    to_parquet,
    to_rows,
)
from core.cases.records import MAX_THUMBNAIL
from core.data.phantom import SYNTHETIC
from core.errors import CaseLogError
from core.evaluation.intervals import wilson
from core.types import BURNED_IN
from tests.core.cases.made import LABELS, answer, bytes_of, png, slice_of


def test_a_case_keeps_the_answer_and_comes_back_equal(log):
    before = datetime.now(UTC)
    p = answer("meningioma", warnings=("Small.",), in_domain=True)
    case = log.add(
        p,
        slice_of(),
        model_version="0.1.0",
        weights_sha256="ab" * 32,
        overlay_png=png(),
        verdict="glioma",
        note="Clear edge.",
    )
    assert before <= case.created <= datetime.now(UTC)
    assert case.created == case.judged
    assert (case.model, case.model_version, case.weights_sha256) == ("cnn", "0.1.0", "ab" * 32)
    assert case.probabilities == pytest.approx({"glioma": 0.05, "meningioma": 0.9, "notumor": 0.05})
    assert (case.predicted, case.prediction_set) == ("meningioma", ("meningioma",))
    assert case.confidence == pytest.approx(0.9)
    assert case.accepted is True
    assert case.in_domain is True
    assert case.warnings == ("Small.",)
    assert case.pixel_digest == slice_of().sha256
    assert (case.verdict, case.note, case.agrees) == ("glioma", "Clear edge.", False)
    assert log.get(case.id) == case


def test_neither_file_name_nor_patient_reaches_the_disk(log, file):
    slice_ = slice_of(name="DOE_JANE.png", notes=("Read from DOE.",))
    log.add(answer(), slice_, overlay_png=png(comment="DOE^JANE"))
    assert b"DOE" not in bytes_of(file)


def test_a_synthetic_slice_stays_marked(log):
    assert log.add(answer(), slice_of(notes=(SYNTHETIC,))).warnings == (SYNTHETIC,)


def test_a_thumbnail_is_small_and_bare():
    small = thumbnail(png((900, 700), noisy=True, comment="DOE^JANE"))
    assert len(small) <= MAX_THUMBNAIL
    picture = Image.open(io.BytesIO(small))
    assert picture.size == (144, 112)
    assert picture.info == {}
    assert len(thumbnail(png((144, 144), noisy=True))) <= MAX_THUMBNAIL


def test_a_small_picture_is_not_kept_as_it_is():
    with Image.open(io.BytesIO(thumbnail(png((96, 80), noisy=True)))) as small:
        assert small.size == (48, 40)


def test_no_picture_is_kept_of_a_slice_that_may_name_the_patient(log):
    named = slice_of().noted(BURNED_IN)
    assert log.add(answer(), named, overlay_png=png((96, 96))).thumbnail is None
    assert log.add(answer(), slice_of(), overlay_png=png((96, 96))).thumbnail is not None


@pytest.mark.parametrize("picture", [b"", b"no picture", png()[:40]])
def test_a_thumbnail_of_no_png_is_refused(picture):
    with pytest.raises(CaseLogError, match="must be a PNG picture"):
        thumbnail(picture)


def test_pages_come_newest_first_with_the_total(log):
    ids = [log.add(answer(), slice_of()).id for _ in range(5)]
    page = log.list(limit=2, offset=1)
    assert [case.id for case in page.cases] == [ids[3], ids[2]]
    assert page.total == 5
    assert log.list(offset=9).cases == ()


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (501, 0), (10, -1)])
def test_a_page_outside_the_range_is_refused(log, limit, offset):
    with pytest.raises(CaseLogError, match="1 to 500 cases"):
        log.list(limit=limit, offset=offset)


def test_filters_choose_and_combine(log):
    a = log.add(answer("glioma"), slice_of(0.1), verdict="glioma").id
    b = log.add(answer("glioma", 0.5), slice_of(0.2), verdict="meningioma").id
    c = log.add(answer("notumor", model="vgg16"), slice_of(0.3), verdict=UNSURE).id
    d = log.add(answer("notumor"), slice_of(0.4)).id

    def found(**by):
        page = log.list(Filters(**by))
        assert page.total == len(page.cases)
        return {case.id for case in page.cases}

    assert found() == {a, b, c, d}
    assert found(model="vgg16") == {c}
    assert found(predicted="glioma", accepted=False) == {b}
    assert found(verdict="meningioma") == {b}
    assert found(judged=False) == {d}
    assert found(judged=True) == {a, b, c}
    assert found(agrees=True) == {a}
    assert found(agrees=False) == {b}
    assert found(pixel_digest=slice_of(0.4).sha256) == {d}
    border = log.get(c).created
    assert found(since=border) == {c, d}
    assert found(until=border - timedelta(microseconds=1)) == {a, b}
    assert found(model="'; DROP TABLE glialens_cases; --") == set()
    assert log.models() == ("cnn", "vgg16")


def test_a_verdict_is_set_changed_and_taken_back(log):
    case = log.add(answer(), slice_of())
    assert (case.verdict, case.agrees, case.judged) == (None, None, None)
    assert log.update_verdict(case.id, "glioma", "sure").agrees is True
    assert log.update_verdict(case.id, OTHER).agrees is False
    unsure = log.update_verdict(case.id, UNSURE)
    assert (unsure.agrees, unsure.note) == (None, "")
    back = log.update_verdict(case.id, None)
    assert (back.verdict, back.judged) == (None, None)


def test_what_breaks_a_rule_is_refused_and_nothing_saved(log):
    with pytest.raises(CaseLogError, match=r"one of glioma, .*, other, unsure\. Received: 'cat'"):
        log.add(answer(), slice_of(), verdict="cat")
    with pytest.raises(CaseLogError, match=r"at most 2,000 characters\. Received: 2,001"):
        log.add(answer(), slice_of(), note="x" * 2001)
    with pytest.raises(CaseLogError, match="probabilities are finite"):
        log.add(answer(top=float("nan")), slice_of())
    assert log.list().total == 0
    case = log.add(answer(), slice_of())
    with pytest.raises(CaseLogError, match="Received: 'cat'"):
        log.update_verdict(case.id, "cat")
    for use in (log.get, lambda i: log.update_verdict(i, None)):
        with pytest.raises(CaseLogError, match=r"an id in the log\. Received: 99"):
            use(99)


def test_a_note_keeps_its_letters_and_loses_what_no_database_holds(log):
    case = log.add(answer(), slice_of(), note=" œdème\x00 à\ud800 gauche\n腫瘍 \U0001f9e0 ")
    assert case.note == "œdème à gauche\n腫瘍 \U0001f9e0"


def judged(number, predicted, verdict, accepted=True, model="cnn", digest=None):
    when = datetime(2026, 1, 1, tzinfo=UTC)
    p = dict.fromkeys(LABELS, 1 / 3)
    return Case(
        number, when, model, "", "", p, predicted, 0.9, 0.7, accepted, None, (predicted,), (),
        digest or str(number), verdict,
    )  # fmt: skip


def test_agreement_by_hand():
    found = count_agreement(
        [
            judged(9, "glioma", None),
            judged(8, "glioma", UNSURE),
            judged(7, "glioma", "glioma", digest="same"),
            judged(6, "glioma", "notumor", digest="same"),
            judged(5, "glioma", "notumor", digest="same", model="vgg16"),
            judged(4, "notumor", "notumor"),
            judged(3, "glioma", OTHER, accepted=False),
            judged(2, "meningioma", "meningioma", accepted=False),
        ]
    )
    assert (found.judged, found.repeats, found.unsure, found.agreed) == (7, 1, 1, 3)
    assert (found.overall.value, found.overall.n) == (0.6, 5)
    assert (found.overall.low, found.overall.high) == wilson(3, 5)
    assert (found.accepted.value, found.accepted.n) == (pytest.approx(2 / 3), 3)
    assert (found.not_accepted.value, found.not_accepted.n) == (0.5, 2)
    assert found.labels == ("glioma", "meningioma", "notumor", "other")
    assert found.confusion == ((1, 0, 0, 0), (0, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 0))
    assert sum(map(sum, found.confusion)) == found.overall.n
    assert found.to_dict()["confusion"][2] == [1, 0, 1, 0]


def test_a_verdict_that_was_given_last_counts_though_its_case_is_the_older_one():
    late = replace(
        judged(1, "glioma", "glioma", digest="same"), judged=datetime(2026, 2, 1, tzinfo=UTC)
    )
    early = replace(
        judged(2, "glioma", "notumor", digest="same"), judged=datetime(2026, 1, 2, tzinfo=UTC)
    )
    for cases in ([early, late], [late, early]):
        found = count_agreement(cases)
        assert (found.agreed, found.repeats, found.overall.n) == (1, 1, 1)


def test_agreement_of_nothing_claims_nothing():
    found = count_agreement([])
    assert (found.judged, found.labels, found.confusion) == (0, (), ())
    assert np.isnan(found.overall.value)


def test_agreement_from_the_log_takes_the_newest_verdict_and_filters(log):
    log.add(answer("glioma"), slice_of(), verdict="notumor")
    log.add(answer("glioma"), slice_of(), verdict="glioma")
    log.add(answer("glioma", model="vgg16"), slice_of(), verdict="notumor")
    assert log.agreement().overall.value == 0.5
    assert log.agreement(Filters(model="cnn")).overall.value == 1.0
    assert log.agreement(Filters(model="cnn")).repeats == 1


def test_export_as_rows_csv_and_json(log):
    log.add(answer("glioma", warnings=("One.", "Two.")), slice_of(), note="=1+1", verdict="glioma")
    log.add(answer("notumor"), slice_of(0.1), overlay_png=png(), note='a "quote", and\na line')
    rows = to_rows(log.every())
    assert [row["predicted"] for row in rows] == ["notumor", "glioma"]
    assert rows[1]["p_glioma"] == pytest.approx(0.9)
    assert rows[1]["warnings"] == "One.; Two."
    assert rows[1]["agrees"] is True
    assert rows[1]["note"] == "=1+1"
    read = list(csv.DictReader(io.StringIO(to_csv(log.every()))))
    assert read[1]["note"] == "'=1+1"
    assert read[0]["note"] == 'a "quote", and\na line'
    assert float(read[0]["p_notumor"]) == pytest.approx(0.9)
    records = json.loads(to_json(log.every()))
    assert records[1]["note"] == "=1+1"
    assert records[1]["probabilities"]["glioma"] == pytest.approx(0.9)
    assert all("thumbnail" not in record for record in records)
    assert (to_csv([]), json.loads(to_json([]))) == ("", [])


def test_rows_of_models_with_other_classes_share_their_columns():
    one = judged(1, "glioma", None)
    other = Case(**{**vars(one), "probabilities": {"odd": 1.0}})
    rows = to_rows([one, other])
    assert list(rows[0]) == list(rows[1])
    assert (rows[0]["p_odd"], rows[1]["p_odd"], rows[1]["p_glioma"]) == (None, 1.0, None)


def test_excel_runs_no_formula(log):
    log.add(answer("glioma"), slice_of(), note="=1+1", verdict="glioma")
    log.add(answer("notumor"), slice_of(), note="https://example.org")
    with zipfile.ZipFile(io.BytesIO(to_excel(log.every()))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
        names = book.namelist()
    assert "=1+1" in texts
    assert "p_glioma" in texts
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert sheet.count("<row ") == 3
    assert not any("vba" in name.lower() for name in names)


def test_parquet_keeps_types(log):
    one = log.add(answer("glioma"), slice_of(), verdict="glioma", note="=1+1")
    log.add(answer("notumor"), slice_of())
    frame = pd.read_parquet(io.BytesIO(to_parquet(log.every())))
    assert list(frame["note"]) == ["", "=1+1"]
    assert frame["created"][1] == pd.Timestamp(one.created)
    assert pd.isna(frame["judged"][0])
    assert frame["p_glioma"].dtype == "float64"
    assert frame["accepted"].dtype == bool


def test_nothing_is_an_empty_table_in_every_format():
    assert zipfile.is_zipfile(io.BytesIO(to_excel([])))
    assert pd.read_parquet(io.BytesIO(to_parquet([]))).empty
