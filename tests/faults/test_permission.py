import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.cases import CaseLog
from core.data.manifest import ManifestRow, read_manifest, write_manifest
from core.errors import CaseLogError, DatasetError, ModelNotReadyError, OutputError
from core.files import write_json
from core.inference import load_folder
from core.models import registry
from tests.core.cases.made import answer, slice_of

NOBODY = 65534


@contextmanager
def somebody_else():
    """Be a user whom permissions bind; root is bound by none."""
    if os.geteuid() != 0:
        yield
        return
    group = os.getegid()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


@pytest.fixture
def folder():
    """A folder that everybody may enter and nobody else may write to."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


def lock(folder):
    folder.chmod(0o555)


def test_a_folder_that_may_not_be_written_is_said(folder):
    write_json(folder / "old.json", 1)
    lock(folder)
    with somebody_else():
        with pytest.raises(OutputError, match=r"old\.json, Permission denied"):
            write_json(folder / "old.json", 2)
        with pytest.raises(OutputError, match=r"new\.json, Permission denied"):
            write_json(folder / "below" / "new.json", 2)
    assert (folder / "old.json").read_text() == "1\n"
    assert os.listdir(folder) == ["old.json"]


def test_a_manifest_that_may_not_be_written_or_read(folder):
    row = ManifestRow("a.png", "glioma", "g", "train", "s")
    write_manifest(folder / "manifest.csv", [row], folder)
    before = (folder / "manifest.csv").read_bytes()
    lock(folder)
    with somebody_else(), pytest.raises(OutputError, match=r"manifest\.csv, Permission denied"):
        write_manifest(
            folder / "manifest.csv", [row, ManifestRow("b", "x", "h", "val", "s")], folder
        )
    assert (folder / "manifest.csv").read_bytes() == before
    (folder / "manifest.csv").chmod(0)
    with somebody_else(), pytest.raises(DatasetError, match=r"manifest\.csv', Permission denied"):
        read_manifest(folder / "manifest.csv")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("card.json", r"card\.json must be readable UTF-8\. Received: PermissionError"),
        ("weights.safetensors", r"readable weights\.safetensors\. Received: Permission denied"),
    ],
)
def test_a_published_model_that_may_not_be_read_is_not_ready(folder, tiny_weights, name, message):
    model = folder / "cnn"
    model.mkdir()
    for file in (tiny_weights / "cnn").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    (model / name).chmod(0)
    with somebody_else():
        with pytest.raises(ModelNotReadyError, match=message):
            load_folder(model)
        status = registry.status("cnn", folder)
    assert not status.ready


def test_a_case_log_in_a_folder_that_may_not_be_written(folder):
    lock(folder)
    with (
        somebody_else(),
        pytest.raises(CaseLogError, match=r"Received: cases\.db, Permission denied"),
    ):
        CaseLog(f"sqlite:///{folder / 'cases.db'}")


def test_a_case_log_that_belongs_to_somebody_else(folder):
    file = folder / "cases.db"
    with CaseLog(f"sqlite:///{file}") as log:
        log.add(answer(), slice_of())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with (
        somebody_else_than_the_owner(file),
        pytest.raises(CaseLogError, match=r"Received: cases\.db, Permission denied"),
    ):
        CaseLog(f"sqlite:///{file}")
    with CaseLog(f"sqlite:///{file}") as log:
        assert log.list().total == 1


@contextmanager
def somebody_else_than_the_owner(file):
    if os.geteuid() != 0:
        # An owner who may not read stands for a stranger.
        file.chmod(0)
    with somebody_else():
        yield
    file.chmod(0o600)
