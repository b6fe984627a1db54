import json

import cv2
import numpy as np
import pytest

from core.data import split_job
from core.data.audit_report import AuditReport, TwinPair
from core.data.manifest import ManifestRow, read_manifest, write_manifest
from core.data.phantom import write_phantom_dataset
from core.errors import DatasetError
from core.settings import get_settings
from tests.pages.acts import click
from tests.waiting import wait_until
from ui.dataset import locate

PAGE = "pages/6_Dataset.py"
ACROSS = TwinPair("Testing/glioma/a.png", "Training/glioma/b.png", 0.991, False)
EXACT = TwinPair("Testing/glioma/c.png", "Training/glioma/c.png", 1.0, True)


@pytest.fixture
def lay(folders):
    def lay(manifest=True, audit=True, **changes):
        weights = folders / "weights"
        if manifest:
            rows = [
                ManifestRow(
                    f"set/{s}/{k}.png", "glioma" if k % 2 else "notumor", f"{s}{k}", s, "set"
                )
                for s, n in (("train", 6), ("val", 2), ("test", 4))
                for k in range(n)
            ]
            write_manifest(weights / "manifest.csv", rows, folders)
        if audit:
            values = {
                "source": "set", "images": 12, "distinct": 11,
                "counts": {"train": {"glioma": 4, "notumor": 4}, "test": {"glioma": 4}},
                "sizes": {"224 x 224": 12}, "modes": {"L": 12}, "twins_across": (ACROSS, EXACT),
                "test_images": 4, "test_exact": 1, "test_twins": 2,
            }  # fmt: skip
            found = AuditReport(**{**values, **changes})
            (weights / "audit.json").write_text(json.dumps(found.to_dict()))

    return lay


def test_empty_state_tells_the_commands(open_page):
    at = open_page(PAGE)
    assert "python -m core audit" in at.info[0].value
    assert "python -m core split" in at.info[0].value


def test_manifest_counts_per_source_split_and_class(open_page, lay):
    lay(audit=False)
    at = open_page(PAGE)
    assert [m.value for m in at.metric] == ["12", "12", "1", "0"]
    table = at.dataframe[0].value
    assert list(table["Split"]) == ["training", "validation", "test"]
    assert list(table["Total"]) == [6, 2, 4]
    assert list(table["Glioma"]) == [3, 1, 2]


def test_audit_tells_the_leak(open_page, lay):
    lay(manifest=False)
    at = open_page(PAGE)
    figures = {m.label: m.value for m in at.metric}
    assert figures["Leaking tests"] == "50 %"
    assert "2 of the 4 shipped test images" in at.warning[0].value
    assert "1 of them an exact copy" in at.warning[0].value
    assert "GLIALENS_DATA_DIR" in at.info[0].value


def test_label_conflicts_have_a_gallery_of_their_own(open_page, lay):
    lay(
        manifest=False,
        conflicts=(TwinPair("Training/glioma/x.png", "Training/notumor/y.png", 0.97, False),),
    )
    at = open_page(PAGE)
    assert {m.label: m.value for m in at.metric}["Label conflicts"] == "1"
    at.segmented_control(key="pairs").set_value("conflicts").run()
    assert list(at.dataframe[-1].value["second"]) == ["Training/notumor/y.png"]


def test_pairs_can_leave_out_exact_copies(open_page, lay):
    lay(manifest=False)
    at = open_page(PAGE)
    assert len(at.dataframe[-1].value) == 2
    at.toggle(key="pairs_near").set_value(True).run()
    assert list(at.dataframe[-1].value["first"]) == [ACROSS.first]


def test_no_twins_no_gallery(open_page, lay):
    lay(manifest=False, twins_across=(), test_images=0)
    at = open_page(PAGE)
    assert at.success
    assert not at.warning


def test_the_gallery_shows_pictures_where_the_data_are(open_page, lay, folders, monkeypatch):
    lay(manifest=False)
    for pair in (ACROSS, EXACT):
        for name in (pair.first, pair.second):
            path = folders / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.tile(np.arange(64, dtype=np.uint8), (64, 1)))
    monkeypatch.setenv("GLIALENS_DATA_DIR", str(folders / "data"))
    at = open_page(PAGE)
    assert len(at.image) == 2
    (folders / "data" / EXACT.second).unlink()
    at.number_input(key="pair_number").set_value(2).run()
    assert any("isn't there any more" in w.value for w in at.warning)


@pytest.mark.parametrize("name", ["manifest.csv", "audit.json"])
def test_a_broken_file_is_one_sentence(open_page, lay, folders, name):
    lay()
    (folders / "weights" / name).write_text("[1")
    at = open_page(PAGE)
    assert len(at.error) == 1
    assert "Received:" in at.error[0].value


def test_locate_stays_inside_the_folder(tmp_path):
    (tmp_path / "data" / "set").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "data" / "set" / "a.png").write_bytes(b"x")
    assert locate(tmp_path / "data", "set", "a.png") == tmp_path / "data" / "set" / "a.png"
    assert locate(tmp_path / "data", "set", "../secret.png") is None
    assert locate(tmp_path / "data", "..", "secret.png") is None
    assert locate(None, "set", "a.png") is None


@pytest.fixture
def data(folders, monkeypatch):
    """A data folder with two datasets of phantoms, and things that are none."""
    for name in ("one", "two"):
        write_phantom_dataset(folders / "data" / name, 6, seed=len(name + name[0]), layout="flat",
                              size=48)  # fmt: skip
    (folders / "data" / "loose").mkdir()
    (folders / "data" / "notes.txt").write_text("x")
    monkeypatch.setenv("GLIALENS_DATA_DIR", str(folders / "data"))
    get_settings.cache_clear()
    return folders / "data"


def until_made(name, seconds=120):
    def ended():
        return next(m for m in split_job.made_splits() if m.name == name).state != "running"

    wait_until(ended, seconds)


def said_by(at):
    return "\n".join(box.value for kind in ("error", "info", "markdown", "caption")
                     for box in getattr(at, kind)).replace("\\", "")  # fmt: skip


def test_examples_of_every_class_are_drawn_anew(open_page, folders, data, texts):
    rows = [
        ManifestRow(f"one/{label}/phantom-{k:04d}.png", label, f"{label}{k}", "train", "one")
        for label in ("glioma", "notumor")
        for k in range(6)
    ]
    write_manifest(folders / "weights" / "manifest.csv", rows, data)
    at = open_page(PAGE)
    first = [str(image.proto) for image in at.image]
    assert len(first) == 8
    assert first[0].count("48") >= 2
    at.number_input(key="example_draw").set_value(2).run()
    assert [str(image.proto) for image in at.image] != first
    at.selectbox(key="example_split").set_value("test").run()
    assert "no slices in this split" in said_by(at)


def test_a_clean_split_is_made_and_its_manifest_offered(open_page, data, folders):
    shipped = folders / "weights" / "manifest.csv"
    rows = [ManifestRow("one/glioma/phantom-0000.png", "glioma", "g", "train", "one")]
    write_manifest(shipped, rows, data)
    before = shipped.read_bytes()
    at = open_page(PAGE)
    assert at.multiselect(key="split_folders").options == ["one", "two"]
    at.multiselect(key="split_folders").set_value([data / "one", data / "two"])
    for key, value in (("train", 50), ("val", 25), ("test", 25)):
        at.number_input(key=f"split_{key}").set_value(value)
    at.number_input(key="split_seed").set_value(3)
    at.text_input(key="split_name").set_value("mine")
    click(at, "Split")
    until_made("mine")
    at.run()
    (made,) = split_job.made_splits()
    manifest = read_manifest(made.manifest)
    assert {row.source for row in manifest.rows} == {"one", "two"}
    meta = json.loads((made.folder / "manifest.meta.json").read_text())
    assert (meta["seed"], meta["fractions"]) == (3, [0.5, 0.25, 0.25])
    assert f"{len(manifest.rows)} slices in" in said_by(at)
    assert {b.label for b in at.get("download_button")} == {"Manifest (CSV)", "Sidecar (JSON)"}
    assert shipped.read_bytes() == before
    at.text_input(key="split_name").set_value("mine")
    click(at, "Split")
    assert "needs a new name" in said_by(at)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"split_train": 80}, "three numbers from 0 (train above 0) that sum to 1"),
        ({"split_name": "../weights"}, "A name has 1 to 64 letters"),
        ({"split_seed": 2**32}, "A seed lies in 0 to 4294967295"),
        ({"split_folders": []}, "one or more datasets"),
    ],
)
def test_a_bad_split_form_gets_the_sentence_of_its_rule(open_page, data, changes, sentence):
    at = open_page(PAGE)
    kinds = {"split_name": "text_input", "split_folders": "multiselect"}
    for key, value in changes.items():
        getattr(at, kinds.get(key, "number_input"))(key=key).set_value(value)
    click(at, "Split")
    assert sentence in said_by(at)
    assert split_job.made_splits() == []


def test_a_split_that_fails_says_why_and_can_be_cleared(open_page, data):
    at = open_page(PAGE)
    at.text_input(key="split_name").set_value("doomed")
    for file in (data / "one").rglob("*.png"):
        file.write_bytes(b"")
    click(at, "Split")
    until_made("doomed")
    at.run()
    assert "**doomed** was not made." in said_by(at)
    click(at, "Clear doomed")
    assert split_job.made_splits() == []


def test_without_data_a_practice_dataset_can_be_drawn(open_page, folders, monkeypatch):
    monkeypatch.setattr(split_job, "_PRACTICE_PER_CLASS", 2)
    at = click(open_page(PAGE), "Draw a practice dataset (synthetic)")
    assert at.multiselect(key="split_folders").options == ["Practice dataset (synthetic)"]
    (folder,) = split_job.dataset_folders()
    assert folder.name == "phantoms-synthetic"
    kept = (folder / "boxes.csv").stat().st_mtime_ns
    assert split_job.draw_practice() == folder
    assert (folder / "boxes.csv").stat().st_mtime_ns == kept


def test_a_folder_that_is_not_offered_is_refused(data, tmp_path):
    with pytest.raises(DatasetError, match=r"datasets of the data folder. Received: loose"):
        split_job.start_split([data / "loose"], (0.7, 0.15, 0.15), 0, "x")
