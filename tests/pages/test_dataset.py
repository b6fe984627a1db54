import json

import cv2
import numpy as np
import pytest

from core.data.audit_report import AuditReport, TwinPair
from core.data.manifest import ManifestRow, write_manifest
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
    assert list(table["Split"]) == ["train", "val", "test"]
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
