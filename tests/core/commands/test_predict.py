import csv
import io
import json
import zipfile

import cv2
import nibabel as nib
import numpy as np
import pytest

from core import DISCLAIMER
from core.cli import main
from core.labels import CLASSES
from core.settings import get_settings

KEYS = [
    "file", "slice", "model", "predicted", "confidence", "probabilities", "prediction_set",
    "accepted", "in_domain", "warnings",
]  # fmt: skip


@pytest.fixture
def ask(weights, capsys):
    """Run `predict` and return the exit code, the lines of stdout, and stderr."""

    def ask(*words):
        code = main(["predict", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return ask


def test_jsonl_keeps_the_contract(ask, phantom_files):
    code, lines, _ = ask("--model", "cnn", "--format", "jsonl", *phantom_files)
    records = [json.loads(line) for line in lines]
    assert code == 0
    assert [r["file"] for r in records] == [str(f) for f in phantom_files]
    for record in records:
        assert list(record) == KEYS
        assert record["slice"] == 0
        assert record["model"] == "cnn"
        assert list(record["probabilities"]) == list(CLASSES)
        assert sum(record["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
        assert record["confidence"] == max(record["probabilities"].values())
        assert record["probabilities"][record["predicted"]] == record["confidence"]
        assert record["prediction_set"][0] == record["predicted"]


def test_a_broken_file_does_not_stop_the_others(ask, phantom_files, tmp_path):
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.write_bytes(b"")
    text.write_text("not a picture")
    missing = tmp_path / "missing.png"
    code, lines, err = ask(
        "--format", "jsonl", empty, phantom_files[0], text, missing, phantom_files[1]
    )
    records = [json.loads(line) for line in lines]
    assert code == 1
    assert ["error" in r for r in records] == [True, False, True, True, False]
    for record in (records[0], records[2], records[3]):
        assert list(record) == ["file", "error"]
        assert "Received: " in record["error"]
    assert "Traceback" not in err


def test_a_folder_and_a_zip(ask, phantom_files, tmp_path):
    packed = tmp_path / "scans.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(phantom_files[0], "inner/one.png")
    code, lines, _ = ask("--format", "jsonl", packed, phantom_files[0].parent)
    files = [json.loads(line)["file"] for line in lines]
    assert code == 0
    assert files == [f"{packed}/one.png", *map(str, phantom_files)]


def test_explained_and_plain_answers_agree(ask, phantom_files, tmp_path):
    out = tmp_path / "maps" / "new"
    _, plain, _ = ask("--format", "jsonl", *phantom_files)
    code, lines, _ = ask("--format", "jsonl", "--explain", out, *phantom_files)
    assert code == 0
    for file, line, bare in zip(phantom_files, lines, plain, strict=True):
        record = json.loads(line)
        assert list(record) == [*KEYS, "overlay", "cam"]
        expected = json.loads(bare)
        assert record["predicted"] == expected["predicted"]
        assert record["confidence"] == pytest.approx(expected["confidence"], abs=1e-4)
        cam = np.load(record["cam"], allow_pickle=False)
        picture = cv2.imread(record["overlay"])
        assert cam.dtype == np.float32
        assert cam.shape == cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).shape
        assert 0.0 <= cam.min() <= cam.max() <= 1.0
        assert picture.shape == (*cam.shape, 3)
    assert len(list(out.iterdir())) == 2 * len(phantom_files)


def test_same_names_in_different_folders_get_files_of_their_own(ask, phantom_files, tmp_path):
    copies = []
    for number, name in enumerate(("scan 1.png", "SCAN 1.png")):
        copy = tmp_path / str(number) / name
        copy.parent.mkdir()
        copy.write_bytes(phantom_files[number].read_bytes())
        copies.append(copy)
    out = tmp_path / "maps"
    _, lines, _ = ask("--format", "jsonl", "--explain", out, *copies)
    overlays = [json.loads(line)["overlay"] for line in lines]
    assert len({name.casefold() for name in overlays}) == 2
    assert all(" " not in name.removeprefix(str(out)) for name in overlays)
    first = sorted(p.name for p in out.iterdir())
    ask("--format", "jsonl", "--explain", out, *copies)
    assert sorted(p.name for p in out.iterdir()) == first


@pytest.mark.parametrize("below", ["", "inner"])
def test_an_unwritable_folder_is_refused_before_any_work(
    ask, phantom_files, tmp_path, monkeypatch, below
):
    def never(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("core.inference.get_predictor", never)
    blocker = tmp_path / "blocker"
    blocker.write_text("")
    code, lines, err = ask("--explain", blocker / below if below else blocker, *phantom_files)
    assert code == 1
    assert lines == []
    assert err.startswith("error: The output folder must be writable. Received: ")
    assert err.count("\n") == 1


def test_csv(ask, phantom_files, tmp_path, monkeypatch):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    formula = tmp_path / "=1+1.png"
    formula.write_bytes(phantom_files[0].read_bytes())
    code, lines, _ = ask("--format", "csv", formula.name, bad)
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert code == 1
    assert rows[0]["file"] == "'=1+1.png"
    total = sum(float(rows[0][f"p_{label}"]) for label in CLASSES)
    assert total == pytest.approx(1.0, abs=1e-4)
    assert rows[0]["accepted"] in ("true", "false")
    assert rows[0]["error"] == ""
    assert rows[1]["predicted"] == ""
    assert "Received: " in rows[1]["error"]


def test_the_table_is_aligned_and_carries_the_disclaimer(ask, phantom_files, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    code, lines, err = ask(*phantom_files, bad)
    assert code == 1
    assert len(lines) == 5
    column = lines[0].index("model")
    assert all(line[column - 2 : column] == "  " for line in lines)
    assert all(line[column:].startswith("cnn ") for line in lines[1:4])
    assert "not read" in lines[4]
    assert DISCLAIMER in err


def test_a_picture_out_of_domain_gets_no_answer_in_the_table(ask, tmp_path):
    rng = np.random.default_rng(0)
    noise = tmp_path / "noise.png"
    cv2.imwrite(str(noise), rng.integers(0, 256, (64, 64), np.uint8))
    _, lines, _ = ask("--format", "jsonl", noise)
    record = json.loads(lines[0])
    assert record["in_domain"] is False
    assert record["accepted"] is False
    assert record["warnings"]
    _, lines, _ = ask(noise)
    assert "no answer" in lines[1]


def test_a_volume_of_four_dimensions_is_chosen(ask, phantom_files, tmp_path):
    values = np.random.default_rng(0).normal(size=(18, 20, 17, 2)).astype(np.float32)
    scan = tmp_path / "v.nii"
    scan.write_bytes(nib.Nifti1Image(values, np.eye(4)).to_bytes())
    words = ("--format", "jsonl", scan, phantom_files[0])
    _, lines, _ = ask(*words)
    first = [json.loads(line) for line in lines]
    code, lines, _ = ask("--volume", 2, *words)
    *second, still = [json.loads(line) for line in lines]
    assert code == 1
    assert still["error"] == "The volume's number lies from 1 to 1. Received: 2."
    for number, records in enumerate((first[:-1], second), 1):
        note = f"The file holds 2 volumes; number {number} was read."
        assert all(note in record["warnings"] for record in records)
    assert [r["slice"] for r in second] == [r["slice"] for r in first[:-1]] == list(range(17))
    assert [r["probabilities"] for r in second] != [r["probabilities"] for r in first[:-1]]
    code, lines, _ = ask("--volume", 3, scan)
    assert code == 1
    assert "The volume's number lies from 1 to 2. Received: 3." in " ".join(lines)


def test_a_volume_is_a_whole_number_from_1_and_not_for_a_cluster(ask, phantom_files):
    for words, told in (
        (["0"], "a whole number from 1 is needed, not '0'"),
        (["2", "--engine", "dask"], "it needs --engine serial"),
    ):
        code, lines, err = ask("--volume", *words, phantom_files[0])
        assert (code, lines) == (2, [])
        assert f"argument --volume: {told}" in err


def test_an_unknown_model(ask, phantom_files):
    code, lines, err = ask("--model", "../x", *phantom_files)
    assert code == 1
    assert lines == []
    assert err.startswith("error: The model is one of: ")
    assert err.endswith("Received: '../x'.\n")


def test_all_leaves_out_what_is_not_ready(ask, phantom_files):
    code, lines, _ = ask("--model", "all", "--format", "jsonl", phantom_files[0])
    assert code == 0
    assert [json.loads(line)["model"] for line in lines] == ["cnn"]


@pytest.mark.parametrize("model", [[], ["--model", "cnn"], ["--model", "all"]])
def test_without_weights(tmp_path, monkeypatch, capsys, phantom_files, model):
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tmp_path / "nothing"))
    get_settings.cache_clear()
    try:
        assert main(["predict", *model, str(phantom_files[0])]) == 1
    finally:
        get_settings.cache_clear()
    assert "no card.json for 'cnn'" in capsys.readouterr().err


def test_weights_with_another_hash(weights, tmp_path, monkeypatch, capsys, phantom_files):
    folder = tmp_path / "weights" / "cnn"
    folder.mkdir(parents=True)
    card = (weights / "cnn" / "card.json").read_text()
    (folder / "card.json").write_text(card)
    (folder / "weights.safetensors").write_bytes(b"something else")
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(folder.parent))
    get_settings.cache_clear()
    assert main(["predict", "--model", "cnn", str(phantom_files[0])]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: The weights must have the SHA-256 that their card names")


@pytest.mark.data
def test_real_slices(ask, data_dir):
    files = sorted((data_dir / "brain-tumor-mri").glob("Testing/*/*.jpg"))[::300]
    code, lines, _ = ask("--format", "jsonl", *files)
    assert code == 0
    assert len(lines) == len(files) >= 4
    assert all(json.loads(line)["in_domain"] for line in lines)
