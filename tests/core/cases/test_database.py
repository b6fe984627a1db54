import os
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC

import pytest
from sqlalchemy import text

from core.cases import CaseLog, Filters, engine, open_case_log
from core.errors import CaseLogError
from core.settings import PROJECT_ROOT, Settings
from tests.core.cases.made import answer, bytes_of, png, slice_of


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
        subprocess.Popen(command, cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with CaseLog(f"sqlite:///{file}") as log:
        assert log.list().total == 10


def test_opening_waits_for_another_programs_write(file):
    file.parent.mkdir(exist_ok=True)
    other = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    other.execute("CREATE TABLE unrelated (name TEXT)")
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    try:
        log = CaseLog(f"sqlite:///{file}")
        assert log.list().total == 0
        with log._engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    finally:
        release.join()
        other.close()


def test_opening_gives_up_on_a_write_that_never_ends(file, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_MS", 100)
    file.parent.mkdir(exist_ok=True)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("CREATE TABLE unrelated (name TEXT)")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CaseLogError, match=r"Received: sqlite, database is locked\.$"):
        CaseLog(f"sqlite:///{file}")
    other.close()


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
