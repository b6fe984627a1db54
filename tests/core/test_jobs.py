import json
import os
import subprocess
import sys
import time

import pytest

from core.errors import RunError
from core.jobs import Job, read_job, start_job, stop_job
from core.processes import born, is_same, was_there
from core.settings import get_settings
from tests.waiting import wait_until

# Stands in for Python: takes SIGTERM for Ctrl-C as `core.cli` does.
SLEEPER = f"""#!{sys.executable}
import signal, sys, time
def stop(number, frame):
    print("interrupted", flush=True)
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
print("asked for", " ".join(sys.argv[3:]), flush=True)
time.sleep(60)
"""


@pytest.fixture
def sleeper(tmp_path, monkeypatch):
    script = tmp_path / "sleeper"
    script.write_text(SLEEPER)
    script.chmod(0o755)
    monkeypatch.setattr("core.jobs.sys.executable", str(script))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(tmp_path / "runs"))
    get_settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    get_settings.cache_clear()


def test_a_job_outlives_its_starter_and_can_be_stopped(sleeper, settings, tmp_path):
    job = start_job(tmp_path, "train", ["train", "--out=a b; touch c"])
    wait_until(lambda: job.lines(), 30)
    assert job.running
    assert not job.interrupted
    # One word stays one word, and no shell looks at it.
    assert job.lines() == ["asked for train --out=a b; touch c"]
    assert not (tmp_path / "c").exists()
    assert os.getsid(job.pid) == job.pid != os.getsid(0)
    assert read_job(tmp_path, "train") == job
    with pytest.raises(RunError, match="One train at a time"):
        start_job(tmp_path, "train", ["train"])
    assert stop_job(job)
    wait_until(lambda: not job.running, 30)
    assert job.interrupted
    assert job.error is None
    assert not stop_job(job)


def test_a_recycled_number_is_not_taken_for_the_job(sleeper, settings, tmp_path):
    job = start_job(tmp_path, "train", ["train"])
    wait_until(lambda: job.lines(), 30)
    record = json.loads((tmp_path / "train.job.json").read_text())
    (tmp_path / "train.job.json").write_text(json.dumps({**record, "born": job.born - 1000}))
    other = read_job(tmp_path, "train")
    assert not other.running
    assert not stop_job(other)
    assert job.running
    assert was_there(job.pid, time.time())
    assert not was_there(job.pid, job.born - 1000)
    stop_job(job)
    wait_until(lambda: not job.running, 30)


def test_an_ended_child_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", ""])
    # Ended, but not asked for: it is still in the table of processes.
    wait_until(lambda: born(child.pid) is None, 30)
    assert not is_same(child.pid, time.time())
    child.wait()
    assert born(-1) is None


def test_the_error_of_a_command_is_its_sentence(settings, tmp_path):
    job = start_job(tmp_path, "publish", ["publish", str(tmp_path / "none"), "cnn"])
    wait_until(lambda: not job.running, 120)
    assert job.error.startswith("A run's folder holds config.json")
    usage = start_job(tmp_path, "split", ["split", "--no-such-flag"])
    wait_until(lambda: not usage.running, 30)
    assert "required" in usage.error or "unrecognized" in usage.error


def test_a_bar_is_shown_in_its_last_state(tmp_path):
    job = Job("train", tmp_path, (), 2**22 + 1, 0.0)
    assert job.lines() == []
    assert job.share is None
    job.log.write_bytes(b"first\nepoch 1: 10%|\repoch 1: 55%|\xff\n\n")
    assert job.lines() == ["first", "epoch 1: 55%|�"]
    assert job.share == 0.55


@pytest.mark.parametrize("content", ["", "[]", '{"pid": 1}', '{"pid": "x", "words": 1, "born": 0}'])
def test_a_broken_record_is_no_job(tmp_path, content):
    (tmp_path / "train.job.json").write_text(content)
    assert read_job(tmp_path, "train") is None


def test_jobs_can_be_switched_off(settings, tmp_path):
    settings.setenv("GLIALENS_JOBS", "false")
    get_settings.cache_clear()
    with pytest.raises(RunError, match="GLIALENS_JOBS, which is off"):
        start_job(tmp_path, "train", ["train"])
    assert list(tmp_path.iterdir()) == []
