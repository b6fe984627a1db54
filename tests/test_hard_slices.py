import numpy as np
import pytest

from benchmarks import hard_slices
from core.errors import DatasetError
from core.evaluation.side_by_side import StoredPredictions

LABELS = ("glioma", "notumor")
PATHS = (
    "tcga-lgg/glioma/A_1_flair.jpg",
    "tcga-lgg/glioma/A_1_t1post.jpg",
    "tcga-lgg/glioma/B_1_t1post.jpg",
    "tcga-lgg/notumor/A_2_t1post.jpg",
    "elsewhere/notumor/C_t1post.jpg",
)


@pytest.fixture
def stored():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9], [0.7, 0.3]])
    sources = tuple(path.split("/")[0] for path in PATHS)
    return StoredPredictions(LABELS, PATHS, sources, PATHS, np.array([0, 0, 0, 1, 1]), p)


def test_the_rows_divide_the_tumours_by_sequence_and_size(stored):
    masks = hard_slices.slices(stored, {PATHS[0]: 0.1, PATHS[1]: 0.1, PATHS[2]: 0.15})
    assert [np.flatnonzero(mask).tolist() for mask in masks.values()] == [
        [0, 1, 2, 3, 4],
        [4],
        [0, 4],
        [3],
        [0],
        [0],
        [],
        [1, 2],
        [1],
        [2],
    ]


def test_the_side_of_a_box_is_the_root_of_its_area(tmp_path):
    (tmp_path / "tcga-lgg").mkdir()
    text = "file,x_center,y_center,width,height\nglioma/a.jpg,0.5,0.5,0.4,0.1\n"
    (tmp_path / "tcga-lgg" / "boxes.csv").write_text(text)
    assert hard_slices.box_sides(tmp_path) == pytest.approx({"tcga-lgg/glioma/a.jpg": 0.2})


def test_shares_of_the_published_models_are_read_and_written(tmp_path, stored):
    (tmp_path / "data" / "tcga-lgg").mkdir(parents=True)
    (tmp_path / "data" / "tcga-lgg" / "boxes.csv").write_text(
        "file,x_center,y_center,width,height\nglioma/A_1_flair.jpg,0.5,0.5,0.1,0.1\n"
    )
    head = "path,source,group,label,p_glioma,p_notumor"
    rows = [
        f"{path},{source},{path},{LABELS[y]},{p[0]},{p[1]}"
        for path, source, y, p in zip(
            stored.paths, stored.sources, stored.y, stored.probabilities, strict=True
        )
    ]
    for name in hard_slices.MODELS:
        (tmp_path / "weights" / name).mkdir(parents=True)
        (tmp_path / "weights" / name / "predictions.csv").write_text("\n".join([head, *rows]))
    document = tmp_path / "page.md"
    document.write_text("\n".join(["before", *hard_slices.MARKERS, "after"]))
    words = ["--root", str(tmp_path / "data"), "--weights", str(tmp_path / "weights")]
    hard_slices.main([*words, "--document", str(document), "--write"])
    lines = document.read_text().splitlines()
    line = next(x for x in lines if x.startswith("| all slices |"))
    assert [cell[:6] for cell in line.strip("| ").split(" | ")] == ["all sl", "5"] + ["0.600 "] * 3
    assert (lines[0], lines[-1]) == ("before", "after")
    document.write_text("no place for it")
    with pytest.raises(DatasetError, match="Received: another"):
        hard_slices.main([*words, "--document", str(document), "--write"])
