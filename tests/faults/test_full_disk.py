import re
import shutil

import pytest

from core.cli import main
from core.data.phantom import write_phantom_dataset
from tests.faults import room

RULE = r"must be (writable|a database that can be read and written)\. Received: "


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "big.json").write_text("[]\n")
    return out


@pytest.mark.parametrize("name", room.LIGHT)
def test_a_full_disk_leaves_the_old_files(folder, name):
    writer = room.LIGHT[name]
    if writer is room.fill_pool:
        writer(folder)
        shutil.rmtree(folder)
        folder.mkdir()
    said = room.check(writer, folder, lambda: room.small_files(100_000))
    assert re.search(RULE, said), said


@pytest.mark.parametrize("name", ["published weights", "best weights", "state of a run"])
def test_a_full_disk_leaves_the_old_weights(folder, name):
    writer = room.keras_writers()[name]
    writer(folder)
    said = room.check(writer, folder, lambda: room.small_files(100_000))
    assert "must be writable. Received: " in said


def test_a_command_says_it_in_one_sentence(tmp_path, capsys):
    write_phantom_dataset(tmp_path / "set", 3, size=48)
    with room.small_files(500):
        code = main(["split", str(tmp_path / "set"), "--out", str(tmp_path / "manifest.csv")])
    assert code == 1
    assert "must be writable. Received: manifest" in capsys.readouterr().err
    assert not list(tmp_path.glob("*manifest*"))


def test_a_file_system_that_is_full(tmp_path):
    said = room.mount_and_run(tmp_path)
    if not said:
        pytest.skip("needs the right to mount a file system")
    assert set(said) == {
        *room.LIGHT, "published weights", "best weights", "state of a run",
    }  # fmt: skip
    for sentence in said.values():
        assert "No space left on device" in sentence or "full" in sentence
