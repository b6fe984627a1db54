import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.cli import main
from core.engines.archive import GIVEN_UP, _records
from core.engines.shards import iter_shards
from core.engines.store import read_records, write_records
from core.engines.trail import Trail
from core.engines.worker import QUARANTINED, Job, Wanted, score_shard
from core.errors import ClusterError, ModelNotReadyError, OutputError
from core.imaging.limits import Limits
from core.models.card import read_card
from core.models.precision import resolve
from core.settings import get_settings
from tests.core.engines.conftest import killing, local_cluster

pytest.importorskip("distributed", reason="needs requirements-cluster.txt")


@pytest.fixture
def ask(weights, small_shards, capsys):
    def ask(*words):
        code = main(["predict", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ask


@pytest.fixture
def serial(ask, archive):
    code, out, _ = ask("--format", "jsonl", archive)
    assert code == 1
    assert len(out.splitlines()) == 41
    return out


def times(shards):
    """When each shard was written; a killed worker may leave other files beside them."""
    return {file.name: file.stat().st_mtime_ns for file in shards.glob("*.parquet")}


@pytest.mark.slow
def test_one_of_two_workers_is_killed_and_the_records_are_the_serial_ones(
    ask, serial, archive, tmp_path
):
    shards = tmp_path / "shards"
    with local_cluster() as cluster, killing(cluster, shards, after=1) as killed:
        words = ("--engine", "dask", "--scheduler", cluster.scheduler_address, "--shards", shards)
        code, out, _ = ask(*words, "--format", "jsonl", archive)
        assert killed
        assert code == 1
        assert out == serial
        # Everything is finished, so that asking again reads and scores nothing.
        before = times(shards)
        assert len(before) == 7
        assert ask(*words, "--format", "jsonl", archive)[1] == serial
        assert times(shards) == before
        # A shard that is missing is scored again, alone.
        gone = next(iter(before))
        (shards / gone).unlink()
        assert ask(*words, "--format", "csv", archive)[1] == ask("--format", "csv", archive)[1]
        again = times(shards)
        assert again.pop(gone) != before.pop(gone)
        assert again == before


@pytest.mark.slow
def test_files_that_break_two_workers_are_reported_and_the_others_still_come(
    ask, serial, archive, tmp_path
):
    folder = tmp_path / "archive"
    shutil.copytree(archive, folder)
    preload = str(Path(__file__).with_name("breaking.py"))
    for name in ("deadly-a.png", "deadly-b.png"):
        shutil.copyfile(archive / "000.png", folder / name)
    with local_cluster(preload=[preload]) as cluster:
        code, out, _ = ask(
            "--engine", "dask", "--scheduler", cluster.scheduler_address, "--format", "jsonl",
            "--shards", tmp_path / "shards", folder,
        )  # fmt: skip
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert len(records) == 43
    assert records[-2:] == [
        {"file": str(folder / name), "error": QUARANTINED}
        for name in ("deadly-a.png", "deadly-b.png")
    ]
    expected = [json.loads(line) for line in serial.splitlines()]
    assert [Path(r["file"]).name for r in records[:-2]] == [Path(r["file"]).name for r in expected]
    assert not any(file.name.endswith(".trail") for file in (tmp_path / "shards").iterdir())


@pytest.mark.slow
def test_a_cluster_of_its_own(ask, serial, archive, tmp_path):
    code, out, err = ask(
        "--engine", "dask", "--workers", 2, "--shards", tmp_path / "s", "--format", "jsonl", archive
    )
    assert code == 1
    assert "Traceback" not in err
    records, expected = ([json.loads(line) for line in text.splitlines()] for text in (out, serial))
    # Its processes share the cores otherwise, which may move a sum's last bit.
    for record, other in zip(records, expected, strict=True):
        for key in ("probabilities", "confidence"):
            assert record.pop(key, {}) == pytest.approx(other.pop(key, {}), abs=2e-6)
        assert record == other


@pytest.fixture
def job(weights, archive, small_shards, tmp_path):
    shard = next(iter_shards([archive], Limits()))
    card = read_card(weights / "cnn")
    wanted = (Wanted("cnn", card.sha256, "x.parquet"),)
    precision = resolve(get_settings().precision)
    return Job(0, shard, wanted, weights, tmp_path / "shards", 0.7, Limits(), precision)


def changed(job, **changes):
    return Job(**{**vars(job), **changes})


def test_a_shard_is_scored_once(job):
    assert score_shard(job) == 6
    job.trail.path.write_text("reading 5\n")
    assert score_shard(job) == 0
    assert [file.name for file in job.folder.iterdir()] == ["x.parquet"]


def test_shards_that_differ_in_their_files_are_named(job):
    score_shard(job)
    both = changed(job, wanted=(*job.wanted, replace(job.wanted[0], file="y.parquet")))
    records = read_records(job.folder / "x.parquet")
    write_records(job.folder / "y.parquet", records, ("glioma",))
    assert len(list(_records(both))) == 2 * sum("error" not in r for r in records) + sum(
        "error" in r for r in records
    )
    missed = [records[0], {"file": records[1]["file"], "error": QUARANTINED}, *records[2:]]
    write_records(job.folder / "y.parquet", missed, ("glioma",))
    with pytest.raises(OutputError, match=r"Received: x.parquet, y.parquet, which differ"):
        list(_records(both))


def test_a_file_that_broke_two_workers_is_an_error_and_the_others_are_scored(job):
    job.folder.mkdir()
    job.trail.path.write_text("reading 2\nread 2\nreading 4\nreading 4\nreading 5\n")
    assert score_shard(job) == 6
    records = read_records(job.folder / "x.parquet")
    assert records[4] == {"file": job.sources[4].shown, "error": QUARANTINED}
    assert [n for n, record in enumerate(records) if "error" in record] == [4]
    assert not job.trail.path.exists()


def test_another_version_and_other_weights_are_refused(job):
    with pytest.raises(ClusterError, match=r"version of GliaLens .* Received: a worker with"):
        score_shard(changed(job, version="0.0"))
    wanted = (Wanted("cnn", "0" * 64, "x.parquet"),)
    with pytest.raises(ModelNotReadyError, match=r"weights that are asked for \(000000000000…\)"):
        score_shard(changed(job, wanted=wanted))
    with pytest.raises(ClusterError, match=r"GLIALENS_PRECISION .*\(float64\)"):
        score_shard(changed(job, precision="float64"))
    assert not job.folder.exists()


def test_a_batch_that_breaks_a_worker_is_not_the_last_files_doing(job, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("core.engines.worker.score", die)
    monkeypatch.setattr(Trail, "remove", lambda self: None)
    with pytest.raises(KeyboardInterrupt):
        score_shard(job)
    lines = (job.folder / ".x.parquet.trail").read_text().splitlines()
    assert lines == [f"{word} {n}" for n in range(6) for word in ("reading", "read")]


def test_a_shard_whose_workers_die_for_no_file_is_given_up(job):
    from distributed import KilledWorker

    from core.engines.cluster import score_shards

    class Queue(list):
        def __next__(self):
            return self.pop()

        add = list.append

    class Future:
        status = "error"

        def __init__(self, key):
            self.key = key

        def exception(self):
            return KilledWorker("x", None, 3)

    class Client:
        submitted = 0
        loop = None

        def submit(self, function, job, key, pure):
            self.submitted += 1
            return Future(key)

    client = Client()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("distributed.as_completed", lambda *_, **__: Queue())
        assert list(score_shards(lambda: client, iter([job]))) == [(job, False)]
    assert client.submitted == 3
    assert "Received: " in GIVEN_UP


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "2"), "argument --workers: it needs --engine dask"),
        (("--shards", "x"), "argument --shards: it needs --engine dask"),
        (("--engine", "dask", "--explain", "x"), "argument --explain: it needs --engine serial"),
        (("--engine", "dask", "--workers", "0"), "a whole number from 1 is needed, not '0'"),
        (("--engine", "dask", "--workers", "2", "--scheduler", "a"), "has its own workers"),
    ],
)
def test_wrong_usage(ask, archive, words, message):
    code, out, err = ask(*words, archive)
    assert (code, out) == (2, "")
    assert message in err


def test_finished_shards_need_no_cluster(job):
    from core.engines.cluster import score_shards

    assert score_shard(job) == 6
    landed = []
    assert list(score_shards(pytest.fail, iter([job]), landed.append)) == [(job, True)]
    assert landed == [job]


def test_no_scheduler_there(ask, archive, tmp_path, monkeypatch):
    monkeypatch.setattr("core.engines.cluster._CONNECT_SECONDS", 0.5)
    words = ("--engine", "dask", "--shards", tmp_path / "s", "--scheduler")
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        code, _, err = ask(*words, address, archive)
        assert code == 1
        assert "error: A Dask scheduler answers at the given address" in err
        assert f"Received: '{address}'" in err


def test_without_the_package_a_sentence_says_what_to_install(ask, archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, out, err = ask("--engine", "dask", archive)
    assert (code, out) == (1, "")
    assert err == (
        "error: The engine 'dask' needs what `pip install -r requirements-cluster.txt` installs. "
        "Received: no package 'distributed'.\n"
    )
