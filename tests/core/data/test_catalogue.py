import numpy as np
import pytest
from PIL import Image

from core.data.boxes import read_boxes
from core.data.catalogue import discover
from core.data.phantom import LAYOUTS, write_phantom_dataset
from core.errors import DatasetError


def put(path, value=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)


@pytest.mark.parametrize(
    ("layout", "splits"),
    [
        ("Training/Testing", {"train", "test"}),
        ("train/val/test", {"train", "val", "test"}),
        ("train/test", {"train", "test"}),
        ("flat", {None}),
    ],
)
def test_every_usual_layout_is_found(tmp_path, layout, splits):
    root = write_phantom_dataset(tmp_path / "set", 1, layout=layout, size=32)
    found = discover(root)
    assert found.source == "set"
    assert found.labels == ("glioma", "meningioma", "notumor", "pituitary")
    assert {image.shipped_split for image in found.images} == splits
    assert len(found.images) == 4 * len(LAYOUTS[layout])
    assert all((root / image.path).is_file() for image in found.images)
    assert [i.path for i in found.images] == sorted(i.path for i in found.images)


def test_val_may_be_called_valid_or_validation_and_case_does_not_matter(tmp_path):
    for name in ("TRAIN", "valid", "Test"):
        put(tmp_path / name / "x" / "1.png")
    assert [i.shipped_split for i in discover(tmp_path).images] == ["train", "test", "val"]


def test_class_names_are_free_and_known_ones_are_canonical(tmp_path):
    for name in ("brain_glioma", "brain_menin", "No Tumor", "Glioma_tumor"):
        put(tmp_path / name / "1.png")
    assert discover(tmp_path).labels == ("brain_glioma", "brain_menin", "glioma", "notumor")


def test_a_wrapping_folder_is_looked_through(tmp_path):
    put(tmp_path / "archive" / "Training" / "a" / "1.png")
    put(tmp_path / "archive" / "Testing" / "a" / "2.png")
    assert [(i.path, i.shipped_split) for i in discover(tmp_path).images] == [
        ("archive/Testing/a/2.png", "test"),
        ("archive/Training/a/1.png", "train"),
    ]


def test_one_flat_class_is_a_dataset(tmp_path):
    put(tmp_path / "tumor" / "1.PNG")
    assert [(i.path, i.label) for i in discover(tmp_path).images] == [("tumor/1.PNG", "tumor")]


def test_bad_files_are_listed_and_strangers_are_ignored(tmp_path):
    put(tmp_path / "a" / "good.png")
    (tmp_path / "a" / "empty.png").touch()
    (tmp_path / "a" / "text.jpg").write_text("hello")
    (tmp_path / "a" / "notes.txt").write_text("hello")
    (tmp_path / "a" / "._good.png").write_text("resource fork")
    put(tmp_path / ".hidden" / "1.png")
    (tmp_path / "boxes.csv").write_text("not,a,box,file")
    found = discover(tmp_path)
    assert [image.path for image in found.images] == ["a/good.png"]
    assert [(item.path, item.reason) for item in found.unreadable] == [
        ("a/empty.png", "The file is empty (0 bytes)."),
        ("a/text.jpg", "The file's content is not an image."),
    ]


def test_no_class_folders_is_refused_with_what_was_found(tmp_path):
    put(tmp_path / "loose.png")
    with pytest.raises(DatasetError, match=r"one folder of images per class.*loose\.png"):
        discover(tmp_path)
    with pytest.raises(DatasetError, match="not a folder"):
        discover(tmp_path / "loose.png")
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match=r"'none' with nothing in it"):
        discover(tmp_path / "none")


def test_boxes_are_read(tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text("file,x_center,y_center,width,height\na/1.jpg,0.5,0.25,0.1,1\n")
    assert read_boxes(file) == {"a/1.jpg": (0.5, 0.25, 0.1, 1.0)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,0.5,0.5,0.1", r"columns.*line 3"),
        ("a.jpg,0.5,0.5,0.1,x", r"columns.*line 3"),
        ("a.jpg,0.5,0.5,0.1,1.5", r"from 0 to 1.*line 3"),
        ("a.jpg,nan,0.5,0.1,0.1", r"from 0 to 1.*line 3"),
        ("a.jpg,0.5,0.5,0,0.1", r"above 0.*line 3"),
        ("ok.jpg,0.5,0.5,0.1,0.1", r"once.*'ok.jpg'.*line 3"),
    ],
)
def test_a_bad_box_row_is_named_by_its_line(tmp_path, row, message):
    file = tmp_path / "boxes.csv"
    file.write_text(f"file,x_center,y_center,width,height\nok.jpg,0.5,0.5,0.1,0.1\n{row}\n")
    with pytest.raises(DatasetError, match=message):
        read_boxes(file)


def test_a_box_file_without_its_header_is_refused(tmp_path):
    (tmp_path / "boxes.csv").write_text("a.jpg,0.5,0.5,0.1,0.1\n")
    with pytest.raises(DatasetError, match=r"line 1"):
        read_boxes(tmp_path / "boxes.csv")
    (tmp_path / "boxes.csv").write_text("")
    with pytest.raises(DatasetError, match="empty"):
        read_boxes(tmp_path / "boxes.csv")
    with pytest.raises(DatasetError, match="can't be read"):
        read_boxes(tmp_path / "none.csv")
