import json

import pytest

from core.cli import main
from core.data.manifest import read_manifest
from core.data.phantom import write_phantom_dataset
from core.errors import DownloadError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A small dataset of phantoms whose test side holds one copy from training."""
    folder = write_phantom_dataset(tmp_path_factory.mktemp("data") / "phantoms", 3, size=64)
    copy = folder / "Testing" / "glioma" / "copy.png"
    copy.write_bytes((folder / "Training" / "glioma" / "phantom-0000.png").read_bytes())
    return folder


def test_audit_prints_and_writes_the_same_finding(dataset, tmp_path, capsys):
    out = tmp_path / "new" / "audit.json"
    assert main(["audit", str(dataset), "--json", str(out)]) == 0
    captured = capsys.readouterr()
    report = json.loads(out.read_text())
    assert captured.out.startswith("phantoms: 25 images, 24 different pictures\n")
    assert report["test"]["exact_in_train"] == 1
    assert report["exact_duplicates"] == 1


@pytest.mark.parametrize("command", [["audit"], ["split", "--out", "manifest.csv"]])
def test_a_folder_without_a_dataset(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*command, str(tmp_path)]) == 1
    assert "error: A dataset folder holds one folder of images per class" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["audit", "--json", "blocker/a.json"], ["split", "--out", "blocker/m.csv"]]
)
def test_an_unwritable_output_is_refused_before_any_work(
    command, dataset, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blocker").write_text("")
    assert main([*command, str(dataset)]) == 1
    assert capsys.readouterr().err.startswith("error: The output folder must be writable.")


def test_split_writes_a_manifest_that_passes_its_checks(dataset, tmp_path, capsys):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    assert main(["split", str(dataset), "--out", str(first), "--seed", "3"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("source    split")
    assert "An exact copy of" in captured.err
    assert main(["split", str(dataset), "--out", str(second), "--seed", "3"]) == 0
    assert first.read_bytes() == second.read_bytes()
    manifest = read_manifest(first)
    manifest.check_files()
    assert len(manifest.rows) == 24


def test_a_shipped_split_says_that_it_leaks(dataset, tmp_path, capsys):
    out = tmp_path / "shipped.csv"
    assert main(["split", "--as-shipped", str(dataset), "--out", str(out)]) == 0
    assert "known to leak" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--fractions", "0.5", "0.1", "0.1"], 1, "error: The fractions are three numbers"),
        (["--fractions", "0.5"], 2, "expected 3 arguments"),
        (["--seed", "1.5"], 2, "a seed is a whole number"),
        (["another", "--as-shipped"], 2, "--as-shipped takes one dataset folder"),
    ],
)
def test_wrong_arguments_of_split(words, code, message, dataset, tmp_path, capsys):
    out = tmp_path / "m.csv"
    assert main(["split", str(dataset), *words, "--out", str(out)]) == code
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_fetch_data_offline_is_a_sentence(tmp_path, monkeypatch, capsys):
    def offline(dataset):
        print("kagglehub talks")
        raise DownloadError("The dataset must be reachable. Received: ConnectionError.")

    monkeypatch.setattr("core.data.download._kaggle_download", offline)
    assert main(["fetch-data", str(tmp_path / "new")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error: The dataset must be reachable. Received: ConnectionError.\n" in captured.err
    assert not (tmp_path / "new").exists()
