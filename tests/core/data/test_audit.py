import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.audit import audit, render
from core.data.phantom import draw_phantom
from core.errors import DatasetError


def grey(seed):
    return np.rint(draw_phantom(seed, 64).slice.pixels * 255).astype(np.uint8)


def put(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "set"
    for k in range(4):
        put(root / "Training" / "glioma" / f"{k}.png", grey(k))
        put(root / "Testing" / "glioma" / f"{k}.png", grey(100 + k))
    put(root / "Testing" / "glioma" / "copy.png", grey(0))
    put(root / "Testing" / "glioma" / "near.png", np.rint(grey(1) * 0.85).astype(np.uint8))
    put(root / "Training" / "notumor" / "near.png", np.rint(grey(2) * 0.85).astype(np.uint8))
    (root / "Training" / "notumor" / "empty.png").touch()
    return root


def test_everything_planted_is_found(root):
    report = audit(root)
    assert report.source == "set"
    assert (report.images, report.distinct) == (11, 10)
    assert report.counts == {"test": {"glioma": 6}, "train": {"glioma": 4, "notumor": 1}}
    assert report.sizes == {"64 x 64": 11}
    assert report.modes == {"L": 11}
    assert [item.path for item in report.unreadable] == ["Training/notumor/empty.png"]
    assert report.duplicate_groups == (("Testing/glioma/copy.png", "Training/glioma/0.png"),)
    assert [(p.first, p.second, p.exact) for p in report.twins_across] == [
        ("Testing/glioma/copy.png", "Training/glioma/0.png", True),
        ("Testing/glioma/near.png", "Training/glioma/1.png", False),
    ]
    within = [(p.first, p.second) for p in report.twins_within]
    assert within == [("Training/glioma/2.png", "Training/notumor/near.png")]
    assert report.conflicts == report.twins_within
    assert (report.test_images, report.test_exact, report.test_twins) == (6, 1, 2)
    assert report.leaking_share == pytest.approx(1 / 3)


def test_the_report_is_json_without_absolute_paths(root):
    record = audit(root).to_dict()
    text = json.dumps(record, allow_nan=False)
    assert str(root.parent) not in text
    assert record["exact_duplicates"] == 1
    assert record["test"] == {
        "images": 6,
        "exact_in_train": 1,
        "twin_in_train": 2,
        "share": 0.3333,
    }
    assert record["twins_across"][0] == {
        "first": "Testing/glioma/copy.png",
        "second": "Training/glioma/0.png",
        "correlation": 1.0,
        "exact": True,
    }


def test_the_text_names_counts_pairs_and_the_leak(root):
    text = render(audit(root))
    assert text.startswith("set: 11 images, 10 different pictures\n")
    assert "2 of 6 test images (33.3%) have a twin in training, 1 of them an exact copy" in text
    assert "identical  Testing/glioma/copy.png  =  Training/glioma/0.png" in text
    assert "Training/notumor/empty.png: The file is empty (0 bytes)." in text
    row = next(line for line in text.splitlines() if line.startswith("train"))
    assert row.split() == ["train", "4", "1", "5"]


def test_many_copies_of_one_picture_stay_countable(tmp_path):
    for k in range(60):
        put(tmp_path / "set" / "Training" / "x" / f"{k}.png", grey(0))
        put(tmp_path / "set" / "Testing" / "x" / f"{k}.png", grey(0))
    report = audit(tmp_path / "set")
    assert report.distinct == 1
    assert (report.test_images, report.test_exact, report.test_twins) == (60, 60, 60)
    assert len(report.duplicate_groups[0]) == 120
    assert len(report.twins_across) <= 50 * 49 / 2


def test_a_flat_dataset_has_no_leak_to_report(tmp_path):
    put(tmp_path / "set" / "x" / "1.png", grey(0))
    report = audit(tmp_path / "set")
    assert report.counts == {"all": {"x": 1}}
    assert report.leaking_share is None
    assert "Leak" not in render(report)


def test_a_dataset_without_a_readable_image_is_refused(tmp_path):
    (tmp_path / "set" / "x").mkdir(parents=True)
    (tmp_path / "set" / "x" / "1.png").touch()
    with pytest.raises(DatasetError, match=r"1 unreadable files, first 'x/1\.png'"):
        audit(tmp_path / "set")


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(900)
def test_the_known_leak_of_the_real_data_is_found():
    data = Path(os.environ.get("GLIALENS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not (data / "brain-tumor-mri").is_dir():
        pytest.skip("needs the real data beside the project")
    report = audit(data / "brain-tumor-mri")
    assert (report.images, report.distinct) == (6416, 6022)
    assert (report.test_images, report.test_exact) == (1207, 197)
    assert 0.32 <= report.leaking_share <= 0.38
    assert 40 <= len(report.suspected_not_mri) <= 90
