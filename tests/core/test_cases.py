import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import text

from core.cases import (
    OTHER,
    UNSURE,
    Case,
    CaseLog,
    Filters,
    count_agreement,
    open_case_log,
    thumbnail,
    to_csv,
    to_json,
    to_rows,
)
from core.cases.records import MAX_THUMBNAIL
from core.data.phantom import SYNTHETIC
from core.errors import CaseLogError
from core.evaluation.intervals import wilson
from core.settings import Settings
from core.types import Prediction, Slice

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("glioma", "meningioma", "notumor")


def answer(label="glioma", top=0.9, model="cnn", **more):
    rest = (1 - top) / 2
    p = np.array([top if name == label else rest for name in LABELS], np.float32)
    return Prediction(model, LABELS, np.log(p), p, 0.7, (label,), **more)


def slice_of(value=0.5, **more):
    return Slice(np.full((4, 4), value, np.float32), **more)


def png(size=(8, 8), noisy=False, comment=None):
    info = PngImagePlugin.PngInfo()
    if comment:
        info.add_text("PatientName", comment)
    picture = Image.new("RGB", size, (200, 10, 10))
    if noisy:
        pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new" / "cases.db"


@pytest.fixture
def log(file):
    with CaseLog(f"sqlite:///{file}") as opened:
        yield opened


def bytes_of(file):
    """Everything that the database has on disk, journal included."""
    return b"".join(p.read_bytes() for p in sorted(file.parent.glob(file.name + "*")))


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


def test_delete_leaves_no_byte_and_no_id(log, file):
    kept = log.add(answer(), slice_of(), note="KEPT-NOTE")
    gone = log.add(answer(), slice_of(), note="SECRET-NOTE")
    log.update_verdict(gone.id, "glioma", "SECRET-AGAIN")
    assert b"SECRET" in bytes_of(file)
    assert log.delete([gone.id, 99]) == 1
    assert b"SECRET" not in bytes_of(file)
    assert b"KEPT-NOTE" in bytes_of(file)
    assert [case.id for case in log.list().cases] == [kept.id]
    assert log.add(answer(), slice_of()).id > gone.id
    assert log.delete([]) == 0
    assert log.clear() == 2
    assert log.list().total == 0
    assert b"KEPT-NOTE" not in bytes_of(file)


def test_a_reader_that_holds_the_journal_is_told_of(log, file):
    gone = log.add(answer(), slice_of(), note="SECRET-NOTE")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM glialens_cases").fetchone()
    with log._engine.connect() as connection:
        connection.execute(text("PRAGMA busy_timeout=50"))
        connection.commit()
    with pytest.raises(
        CaseLogError, match="a case log in use; the cases are deleted, but purge it again"
    ):
        log.delete([gone.id])
    other.close()
    assert log.list().total == 0
    log.purge()
    assert b"SECRET" not in bytes_of(file)


def test_the_file_is_the_owners_alone_and_in_wal_mode(log, file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with log._engine.connect() as connection:
        pragmas = ("journal_mode", "secure_delete", "busy_timeout")
        read = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in pragmas]
    assert read == ["wal", 1, 10_000]


def test_writers_in_threads_lose_nothing(file):
    logs = [CaseLog(f"sqlite:///{file}") for _ in range(2)]

    def write(log):
        for _ in range(15):
            log.add(answer(), slice_of())

    threads = [threading.Thread(target=write, args=(log,)) for log in logs for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logs[0].list().total == 60
    for log in logs:
        log.close()


def test_two_programs_can_start_on_an_empty_folder_at_once(file):
    code = (
        "import sys, numpy as np\n"
        "from core.cases import CaseLog\n"
        "from core.types import Prediction, Slice\n"
        "p = np.array([0.9, 0.1], np.float32)\n"
        "log = CaseLog(sys.argv[1])\n"
        "for _ in range(5):\n"
        "    log.add(Prediction('cnn', ('a', 'b'), p, p, 0.7), Slice(p[None]))\n"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{file}"]
    started = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with CaseLog(f"sqlite:///{file}") as log:
        assert log.list().total == 10


def test_a_log_survives_being_closed(file):
    with CaseLog(f"sqlite:///{file}") as first:
        case = first.add(answer(), slice_of(), overlay_png=png())
    with CaseLog(f"sqlite:///{file}") as again:
        assert again.get(case.id) == case


@pytest.mark.parametrize(
    "content", [b"not a database at all, " * 300, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_broken_file_is_one_clear_error_and_stays_untouched(tmp_path, content):
    file = tmp_path / "cases.db"
    file.write_bytes(content)
    with pytest.raises(CaseLogError, match=r"must be a database .* Received: sqlite, "):
        CaseLog(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_damage_inside_the_file_is_a_clear_error(file):
    with CaseLog(f"sqlite:///{file}") as log:
        for _ in range(40):
            log.add(answer(), slice_of(), overlay_png=png((100, 100), noisy=True))
    content = bytearray(file.read_bytes())
    content[4096 * 6 :] = b"\xaa" * (len(content) - 4096 * 6)
    file.write_bytes(content)
    with (
        pytest.raises(CaseLogError, match="must be a database"),
        CaseLog(f"sqlite:///{file}") as log,
    ):
        list(log.every())


def test_an_error_names_no_note(log, file):
    with sqlite3.connect(file) as other:
        other.execute("DROP TABLE glialens_cases")
    with pytest.raises(CaseLogError, match="no such table") as caught:
        log.add(answer(), slice_of(), note="SECRET-NOTE")
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in str(caught.value.__cause__)


def test_another_version_or_origin_is_refused(file):
    with CaseLog(f"sqlite:///{file}") as log, log._engine.begin() as connection:
        connection.execute(text("UPDATE glialens_versions SET version = 7"))
    with pytest.raises(CaseLogError, match=r"reads version 1 .* Received: version 7"):
        CaseLog(f"sqlite:///{file}")
    with sqlite3.connect(file) as other:
        other.execute("DROP TABLE glialens_versions")
    with pytest.raises(CaseLogError, match="of unknown origin"):
        CaseLog(f"sqlite:///{file}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url with SECRET", "is an SQLAlchemy URL"),
        ("nosuchdb://user:SECRET@host/db", "Received: nosuchdb"),
        ("oracle+cx_oracle://user:SECRET@host/db", "driver installed. Received: oracle"),
        ("postgresql+psycopg://user:SECRET@127.0.0.1:9/db", "Received: postgresql"),
    ],
)
def test_a_url_that_leads_nowhere_is_an_error_without_its_password(url, message):
    with pytest.raises(CaseLogError, match=message) as caught:
        CaseLog(url)
    assert "SECRET" not in str(caught.value)


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(CaseLogError, match=r"Received: cases\.db, "):
        CaseLog(f"sqlite:///{tmp_path / 'taken' / 'cases.db'}")


def test_the_log_is_off_until_switched_on(tmp_path, monkeypatch):
    for name in ("GLIALENS_CASE_LOG", "GLIALENS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CaseLogError, match="off until GLIALENS_CASE_LOG=true"):
        open_case_log(Settings())
    monkeypatch.setenv("GLIALENS_CASE_LOG", "true")
    monkeypatch.setenv("GLIALENS_DATABASE_URL", f"sqlite:///{tmp_path / 'set.db'}")
    with open_case_log(Settings()) as log:
        log.add(answer(), slice_of())
    assert (tmp_path / "set.db").is_file()
    assert "set.db" not in repr(Settings())


def test_without_a_url_the_file_lies_beside_the_project(tmp_path, monkeypatch):
    monkeypatch.delenv("GLIALENS_DATABASE_URL", raising=False)
    monkeypatch.setattr("core.cases.store.DEFAULT_FILE", tmp_path / "glialens.db")
    with open_case_log(Settings(case_log=True)):
        assert (tmp_path / "glialens.db").is_file()


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


@pytest.fixture
def postgres():
    url = os.environ.get("GLIALENS_TEST_POSTGRES_URL")
    if not url:
        pytest.skip("needs a PostgreSQL: name an empty database with GLIALENS_TEST_POSTGRES_URL")
    with CaseLog(url) as log:
        log.clear()
        yield log
        log.clear()


def test_the_same_on_postgresql(postgres):
    log = postgres
    assert log.backend == "postgresql"
    first = log.add(
        answer("glioma", warnings=("Small.",)),
        slice_of(),
        overlay_png=png(),
        verdict="glioma",
        note="œdème\x00",
    )
    second = log.add(answer("notumor", 0.5), slice_of(0.2))
    assert log.get(first.id) == first
    assert first.created.tzinfo is UTC
    assert first.note == "œdème"
    assert [case.id for case in log.list().cases] == [second.id, first.id]
    assert log.list(Filters(agrees=True, since=first.created)).total == 1
    assert log.update_verdict(second.id, "glioma").agrees is False
    assert log.agreement().overall.value == 0.5
    assert log.delete([first.id]) == 1
    with pytest.raises(CaseLogError, match="an id in the log"):
        log.get(first.id)
    with CaseLog(os.environ["GLIALENS_TEST_POSTGRES_URL"]) as again:
        assert again.list().total == 1
