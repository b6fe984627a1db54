import sys
from collections import namedtuple
from types import ModuleType, SimpleNamespace

import pytest

from core.data import download
from core.data.download import KAGGLE_DATASET, fetch_kaggle
from core.data.phantom import write_phantom_dataset
from core.errors import DownloadError, OutputError


@pytest.fixture
def kaggle(monkeypatch):
    """Stand in for kagglehub: `kaggle.answer` is the folder it returns or the error it raises."""
    state = SimpleNamespace(answer=None, asked=[])

    def dataset_download(name):
        state.asked.append(name)
        if isinstance(state.answer, Exception):
            raise state.answer
        return str(state.answer)

    names = (
        "BackendError",
        "CredentialError",
        "DataCorruptionError",
        "KaggleEnvironmentError",
        "NotFoundError",
        "UnauthenticatedError",
    )
    module, exceptions = ModuleType("kagglehub"), ModuleType("kagglehub.exceptions")
    for name in names:
        setattr(exceptions, name, type(name, (Exception,), {}))
    module.dataset_download, module.exceptions = dataset_download, exceptions
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    monkeypatch.setitem(sys.modules, "kagglehub.exceptions", exceptions)
    state.exceptions = exceptions
    return state


def test_the_dataset_is_copied_whole_with_progress(tmp_path, kaggle):
    kaggle.answer = write_phantom_dataset(tmp_path / "cache", 1, size=32)
    seen = []
    dest = fetch_kaggle(tmp_path / "new" / "data", lambda *args: seen.append(args))
    assert dest == tmp_path / "new" / "data"
    assert kaggle.asked == [KAGGLE_DATASET]
    assert sorted(p.name for p in dest.iterdir()) == ["Testing", "Training", "boxes.csv"]
    assert len(list(dest.rglob("*.png"))) == 8
    assert seen == [(0, 1, "downloading"), (9, 9, "copying")]
    assert [p.name for p in dest.parent.iterdir()] == ["data"]


def test_offline_is_one_clear_sentence_and_leaves_nothing(tmp_path, kaggle):
    for error in (ConnectionError("secret-host"), kaggle.exceptions.CredentialError()):
        kaggle.answer = error
        with pytest.raises(DownloadError, match=r"kaggle\.com, which must be reachable") as caught:
            fetch_kaggle(tmp_path / "data")
        assert type(error).__name__ in str(caught.value)
        assert "secret-host" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_no_dataset_is_refused(tmp_path, kaggle):
    kaggle.answer = tmp_path / "cache"
    kaggle.answer.mkdir()
    with pytest.raises(DownloadError, match="Received: nothing"):
        fetch_kaggle(tmp_path / "data")
    (kaggle.answer / "readme.txt").write_text("x")
    with pytest.raises(DownloadError, match="no dataset"):
        fetch_kaggle(tmp_path / "data")
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]


def test_the_destination_must_be_new_or_empty(tmp_path, kaggle):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(OutputError, match=r"new or empty folder.*'full', which isn't empty"):
        fetch_kaggle(tmp_path / "full")
    with pytest.raises(OutputError, match="which is a file"):
        fetch_kaggle(tmp_path / "full" / "x")
    assert kaggle.asked == []


def test_too_little_space_is_said_before_the_download(tmp_path, kaggle, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 9, 5 * 2**20)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"needs 600 MB of free space. Received: 5 MB"):
        fetch_kaggle(tmp_path / "data")
    assert kaggle.asked == []
