"""From a folder of pictures to an answer, through the commands alone."""

import json
from dataclasses import replace

import pytest

from core.cli import main
from core.data.phantom import write_phantom_dataset
from core.evaluation.report import read_report
from core.models import registry
from core.settings import get_settings


@pytest.fixture(scope="module")
def small():
    """A `cnn` of few channels, so that the way is short."""
    with pytest.MonkeyPatch.context() as patch:
        spec = replace(registry.get_spec("cnn"), builder="tests.core.training.tiny:build")
        patch.setitem(registry.MODELS, "cnn", spec)
        yield


@pytest.fixture(scope="module")
def way(small, tmp_path_factory):
    """A split dataset of phantoms, and a run of one epoch on it."""
    folder = tmp_path_factory.mktemp("way")
    write_phantom_dataset(folder / "phantoms", 8, layout="flat", size=48)
    manifest, run = folder / "manifest.csv", folder / "runs" / "first"
    fractions = ["--fractions", "0.5", "0.25", "0.25"]
    assert main(["split", str(folder / "phantoms"), "--out", str(manifest), *fractions]) == 0
    words = ["--model", "cnn", "--manifest", str(manifest), "--out", str(run), "--size", "32"]
    words += ["--epochs", "1", "--batch-size", "8", "--precision", "float32", "--averaging", "0"]
    assert main(["train", *words]) == 0
    return folder


@pytest.fixture
def settled(way, monkeypatch):
    """The settings, pointing at the way's folders."""
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(way / "weights"))
    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(way / "runs"))
    get_settings.cache_clear()
    yield way
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.timeout(900)
def test_the_whole_way(settled, capsys):
    way, run = settled, settled / "runs" / "first"
    assert len(json.loads((run / "history.json").read_text())) == 1
    manifest, out = str(way / "manifest.csv"), way / "report.json"
    assert main(["evaluate", str(run), "--manifest", manifest, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    report = read_report(out)
    assert f"{report['accuracy']['value']:.4f}" in captured.out
    assert "recall of meningioma" in captured.out
    assert "Written: " in captured.err

    assert main(["publish", str(run), "cnn"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "test accuracy " in out
    assert "licence " in out
    assert main(["models"]) == 0
    assert "ready" in capsys.readouterr().out
    picture = next((way / "phantoms" / "glioma").glob("*.png"))
    assert main(["predict", "--format", "jsonl", str(picture)]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "cnn"


def test_a_second_run_into_the_same_folder_is_refused(settled, capsys):
    run = settled / "runs" / "first"
    before = (run / "config.json").read_bytes()
    words = ["--model", "cnn", "--manifest", str(settled / "manifest.csv"), "--out", str(run)]
    assert main(["train", *words]) == 1
    assert "error: A new run needs a new folder" in capsys.readouterr().err
    assert (run / "config.json").read_bytes() == before


def test_an_unknown_target(settled, capsys):
    manifest = str(settled / "manifest.csv")
    assert main(["evaluate", "no-such-run", "--manifest", manifest]) == 1
    assert "Received: 'no-such-run'." in capsys.readouterr().err


def test_publishing_what_is_no_run(settled, tmp_path, capsys):
    assert main(["publish", str(tmp_path), "cnn"]) == 1
    assert "error: A run's folder holds config.json" in capsys.readouterr().err
