import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.shards import iter_shards, shard_name
from core.engines.store import read_records, write_records
from core.engines.trail import Trail
from core.errors import OutputError
from core.imaging.inputs import iter_inputs
from core.imaging.limits import Limits
from core.models.card import read_card

LIMITS = Limits()


def test_shards_hold_every_file_once_in_the_order_of_reading(archive, small_shards):
    shards = list(iter_shards([archive], LIMITS))
    assert [len(shard) for shard in shards] == [6] * 6 + [5]
    shown = [source.shown for shard in shards for source in shard]
    assert shown == list(dict.fromkeys(item.file for item in iter_inputs([archive], LIMITS)))


def test_a_shard_ends_where_its_files_get_large(archive, monkeypatch):
    sizes = [os.path.getsize(file) for file in sorted(archive.iterdir())]
    monkeypatch.setattr("core.engines.shards.SHARD_BYTES", sizes[0] + 1)
    assert len(next(iter_shards([archive], LIMITS))) == 2


def test_paths_are_shown_as_given_and_read_from_anywhere(archive, monkeypatch):
    monkeypatch.chdir(archive.parent)
    [shard] = iter_shards([Path(archive.name) / "000.png", Path("missing.png")], LIMITS)
    monkeypatch.chdir("/")
    assert [source.shown for source in shard] == [f"{archive.name}/000.png", "missing.png"]
    [item] = shard[0].items(LIMITS)
    assert item.slice is not None
    [item] = shard[1].items(LIMITS)
    assert "Received: no such file" in str(item.error)
    assert shard[1].size == -1


def test_a_shards_name_changes_with_all_that_its_records_depend_on(tiny_weights, archive):
    folder = tiny_weights / "cnn"
    card = read_card(folder)
    [shard] = iter_shards([archive / "000.png"], LIMITS)
    rules = {"threshold": 0.7}
    name = shard_name(card, folder, shard, rules)
    assert name == shard_name(card, folder, shard, dict(rules))
    assert name.startswith(card.sha256[:16])
    others = {
        shard_name(card, folder, shard, {"threshold": 0.8}),
        shard_name(replace(card, raw={**card.raw, "temperature": 9}), folder, shard, rules),
        shard_name(card, folder, (replace(shard[0], size=1),), rules),
        shard_name(card, folder, (replace(shard[0], modified=1),), rules),
        shard_name(card, folder, (replace(shard[0], shown="x"),), rules),
    }
    assert len(others | {name}) == 6


def test_records_come_back_to_the_last_digit(tmp_path):
    answer = {
        "file": "a/ü.png", "slice": 3, "model": "cnn", "predicted": "glioma", "confidence": 0.1,
        "probabilities": {"notumor": 0.9000001, "glioma": 0.1}, "prediction_set": ["glioma"],
        "accepted": False, "in_domain": None, "warnings": [],
    }  # fmt: skip
    records = [answer, {"file": "b", "error": "Broken. Received: x."}, {**answer, "slice": 4}]
    write_records(tmp_path / "x.parquet", records, ("notumor", "glioma"))
    found = read_records(tmp_path / "x.parquet")
    assert found == records
    assert [list(record) for record in found] == [list(record) for record in records]
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_a_damaged_shard_is_a_sentence(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"half a file")
    with pytest.raises(OutputError, match=r"delete a damaged one .* Received: x.parquet"):
        read_records(tmp_path / "x.parquet")
    with pytest.raises(OutputError, match=r"Received: none.parquet"):
        read_records(tmp_path / "none.parquet")


def test_a_trail_counts_the_reads_that_never_ended(tmp_path):
    trail = Trail(tmp_path / "deep" / "x.trail")
    assert trail.broken() == frozenset()

    def die(position):
        # What a killed process leaves: the first line alone.
        trail._append("reading", position)

    die(3)
    with trail.reading(4):
        pass
    assert trail.broken() == frozenset()
    die(3)
    die(5)
    assert trail.broken() == {3}
    with pytest.raises(ZeroDivisionError), trail.reading(5):
        raise ZeroDivisionError
    die(5)
    assert trail.broken() == {3, 5}
    trail.remove()
    assert trail.broken() == frozenset()
