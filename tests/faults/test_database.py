"""Faults of the case log's SQLite file beyond those of `tests/core/cases/test_database.py`."""

import sqlite3
import threading

import pytest

from core.cases import CaseLog, engine
from core.errors import CaseLogError
from tests.core.cases.made import answer, slice_of


@pytest.fixture
def file(tmp_path):
    return tmp_path / "cases.db"


def test_a_lock_that_is_never_given_back_is_said_and_nothing_is_lost(file, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    with CaseLog(f"sqlite:///{file}") as log:
        log.add(answer(), slice_of())
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CaseLogError, match=r"Received: sqlite, database is locked"):
            log.add(answer(), slice_of())
        # Readers don't wait for writers.
        assert log.list().total == 1
        other.execute("ROLLBACK")
        other.close()
        log.add(answer(), slice_of())
        assert log.list().total == 2


def test_a_writer_that_waits_for_the_other_gets_its_turn(file):
    with CaseLog(f"sqlite:///{file}") as log:
        other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        timer.start()
        case = log.add(answer(), slice_of())
        timer.join()
        other.close()
        assert log.get(case.id) == case


def read_and_write(file):
    with CaseLog(f"sqlite:///{file}") as log:
        log.add(answer(), slice_of())
        return len(list(log.every()))


@pytest.fixture
def full_file(file):
    """A log of sixty cases that fill many pages."""
    with CaseLog(f"sqlite:///{file}") as log:
        for number in range(60):
            log.add(answer(), slice_of(), note=f"{number:03d}" * 200)
    return file


@pytest.mark.parametrize("length", [100, 4096, 10_000, 50_000])
def test_a_file_cut_short_is_an_error(full_file, length):
    full_file.write_bytes(full_file.read_bytes()[:length])
    with pytest.raises(CaseLogError, match=r"must be a database .* Received: sqlite, "):
        read_and_write(full_file)


@pytest.mark.parametrize("length", [0, 1])
def test_an_empty_file_is_a_new_log(full_file, length):
    full_file.write_bytes(full_file.read_bytes()[:length])
    assert read_and_write(full_file) == 1


def test_a_damaged_page_is_an_error_and_other_logs_go_on(full_file, tmp_path):
    data = bytearray(full_file.read_bytes())
    data[4096 * 8 : 4096 * 9] = bytes(4096)
    full_file.write_bytes(data)
    with pytest.raises(CaseLogError, match=r"Received: sqlite, database disk image is malformed"):
        read_and_write(full_file)
    assert read_and_write(tmp_path / "another.db") == 1
