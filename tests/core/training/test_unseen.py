import json
from dataclasses import replace

import pytest

from core.data.folds import keep_fold
from core.data.manifest import read_manifest
from core.errors import RunError
from core.files import write_json
from core.training.batches import TrainingBatches
from core.training.config import TrainConfig
from core.training.trainer import Trainer
from core.training.unseen import check_unseen, next_fold


def write_run(folder, manifest, fold):
    folder.mkdir()
    write_json(folder / "config.json", TrainConfig("tiny", str(manifest), fold=fold).to_dict())
    return folder


@pytest.fixture
def other_manifest(tiny_manifest, tmp_path):
    lines = tiny_manifest.read_text().splitlines()
    (tmp_path / "other.csv").write_text("\n".join(lines[:-1]) + "\n")
    return tmp_path / "other.csv"


def test_a_run_learns_from_all_folds_but_its_own(tiny_manifest, tiny_pool):
    plain = read_manifest(tiny_manifest).rows
    rows = keep_fold(tiny_pool.rows, "2/2")
    assert [sum(row.split == split for row in rows) for split in ("train", "val", "test")] == [
        42, 3, 9,
    ]  # fmt: skip
    assert {row.group for row in rows if row.split == "test"} == {
        row.group for row in plain if row.split == "test"
    }
    batches = TrainingBatches(replace(tiny_pool, rows=rows), 6, 2)
    assert batches.steps == 7
    drawn = {position for epoch in range(3) for position in batches.draw(epoch)}
    assert {rows[position].split for position in drawn} == {"train"}
    assert {plain[position].split for position in drawn} == {"train", "val"}


def test_a_start_and_a_teacher_that_saw_the_fold_are_refused(tiny_manifest, tmp_path):
    run = write_run(tmp_path / "seen", tiny_manifest, "1/2")
    manifest = read_manifest(tiny_manifest)
    config = TrainConfig("tiny", str(tiny_manifest), init=str(run))
    with pytest.raises(RunError, match=r"--init names .* --fold 1/2 .* --fold none with 'seen'"):
        check_unseen(config, manifest)
    config = TrainConfig("tiny", str(tiny_manifest), teacher=str(run), fold="2/2")
    with pytest.raises(RunError, match=r"--teacher names .* Received: --fold 2/2 with 'seen'"):
        check_unseen(config, manifest)
    check_unseen(replace(config, init=str(run), fold="1/2"), manifest)


def test_a_run_is_believed_about_its_manifest_whatever_lies_there_today(
    tiny_manifest, other_manifest, tmp_path
):
    run = write_run(tmp_path / "seen", other_manifest, "1/2")
    manifest = read_manifest(tiny_manifest)
    config = TrainConfig("tiny", str(tiny_manifest), init=str(run))
    check_unseen(config, manifest)
    status = {"state": "finished", "epoch": 1, "manifest_sha256": manifest.sha256}
    write_json(run / "status.json", status)
    with pytest.raises(RunError, match=r"--fold none with 'seen'"):
        check_unseen(config, manifest)


def test_the_trainer_asks(tiny_manifest, tmp_path):
    run = write_run(tmp_path / "seen", tiny_manifest, "1/2")
    config = TrainConfig("tiny", str(tiny_manifest), size=32, init=str(run))
    with pytest.raises(RunError, match="validated on --fold 1/2 as well"):
        Trainer(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_on_another_manifest_nothing_is_refused_or_taken_over(
    tiny_manifest, other_manifest, tmp_path
):
    run = write_run(tmp_path / "seen", tiny_manifest, "1/2")
    config = TrainConfig("tiny", str(other_manifest), init=str(run))
    check_unseen(config, read_manifest(other_manifest))
    assert next_fold(str(run), other_manifest) == ""
    assert next_fold(str(run), tiny_manifest) == "1/2"


def test_published_weights_tell_their_fold(tiny_manifest, other_manifest, tmp_path):
    card = {
        "name": "mine", "architecture": "tiny", "input_size": 32, "labels": ["a", "b"],
        "temperature": 1.0, "threshold": 0.7, "sha256": "0" * 64, "init": "", "metrics": {},
        "command": "", "version": "1", "created": "2026-01-01T00:00:00+00:00", "fold": "2/2",
        "trained_on": {"manifest_sha256": read_manifest(tiny_manifest).sha256},
    }  # fmt: skip
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert next_fold(str(tmp_path), tiny_manifest) == "2/2"
    assert next_fold(str(tmp_path), other_manifest) == ""


def test_a_start_with_a_name_has_seen_nothing(tmp_path):
    assert next_fold("imagenet", tmp_path / "missing.csv") == ""


def test_where_a_runs_manifest_is_gone_it_counts_as_the_same(tiny_manifest, tmp_path):
    run = write_run(tmp_path / "seen", tmp_path / "gone.csv", "1/2")
    assert next_fold(str(run), tiny_manifest) == "1/2"
