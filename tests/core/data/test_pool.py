import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.data import pool as pool_module
from core.data.manifest import Manifest, ManifestRow
from core.data.pool import given_boxes, load_pool
from core.errors import DatasetError
from core.imaging.decode import decode_image
from core.imaging.preprocess import prepare


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for number, label in enumerate(["notumor", "glioma", "glioma"]):
        pixels = np.zeros((40, 60), np.uint8)
        pixels[5:35, 10:50] = rng.integers(80, 200, (30, 40))
        path = tmp_path / "set" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        split = "train" if number else "val"
        rows.append(ManifestRow(f"set/{label}/{number}.png", label, f"g{number}", split, "set"))
    (tmp_path / "set" / "boxes.csv").write_text(
        "file,x_center,y_center,width,height\nglioma/1.png,0.5,0.5,0.2,0.2\n"
    )
    return Manifest(tuple(rows), tmp_path, "0" * 64)


def test_a_pool_holds_what_prepare_returns(manifest, tmp_path):
    pool = load_pool(manifest, 32, tmp_path / "cache")
    assert pool.labels == ("glioma", "notumor")
    assert pool.targets.tolist() == [1, 0, 0]
    assert pool.where("train").tolist() == [1, 2]
    for image, row in zip(pool.images, manifest.rows, strict=True):
        data = (manifest.root / row.path).read_bytes()
        np.testing.assert_array_equal(image, prepare(decode_image(data).pixels, 32)[0])


def test_boxes_are_moved_into_the_model_input(manifest, tmp_path):
    pool = load_pool(manifest, 32, tmp_path / "cache")
    assert pool.boxes[0] is None
    box = pool.boxes[1]
    assert box is not None
    assert box[:2] == pytest.approx((0.5, 0.5), abs=0.05)
    # The crop is about 42 of 60 pixels wide, so the box grows by that much.
    assert box[2] == pytest.approx(0.2 * 60 / 42, rel=0.15)


def test_a_second_load_decodes_nothing(manifest, tmp_path, monkeypatch):
    first = np.array(load_pool(manifest, 32, tmp_path / "cache").images)
    monkeypatch.setattr(pool_module, "decode_image", lambda *_: 1 / 0)
    np.testing.assert_array_equal(load_pool(manifest, 32, tmp_path / "cache").images, first)


def test_another_root_and_another_picture_are_decoded_anew(manifest, tmp_path):
    first = np.array(load_pool(manifest, 32, tmp_path / "cache").images)
    other = shutil.copytree(tmp_path / "set", tmp_path / "other" / "set")
    inverted = other / "glioma" / "1.png"
    Image.fromarray(255 - np.asarray(Image.open(inverted))).save(inverted)
    moved = replace(manifest, root=tmp_path / "other")
    found = load_pool(moved, 32, tmp_path / "cache").images
    assert [bool((a == b).all()) for a, b in zip(found, first, strict=True)] == [True, False, True]
    shutil.copy(inverted, manifest.root / manifest.rows[1].path)
    np.testing.assert_array_equal(load_pool(manifest, 32, tmp_path / "cache").images, found)


def test_a_changed_picture_takes_the_old_slices_place_on_the_disk(manifest, tmp_path):
    load_pool(manifest, 32, tmp_path / "cache")
    load_pool(manifest, 48, tmp_path / "cache")
    before = {file.name for file in (tmp_path / "cache").iterdir()}
    os.utime(manifest.root / manifest.rows[0].path, (0, 0))
    load_pool(manifest, 32, tmp_path / "cache")
    after = {file.name for file in (tmp_path / "cache").iterdir()}
    assert (len(before), len(after), len(before & after)) == (4, 4, 2)
    assert load_pool(manifest, 48, tmp_path / "cache").size == 48


def test_files_that_have_gone_are_named_although_a_cache_is_there(manifest, tmp_path):
    load_pool(manifest, 32, tmp_path / "cache")
    (manifest.root / manifest.rows[2].path).unlink()
    with pytest.raises(DatasetError, match=r"1 of 3 missing, first 'set/glioma/2.png'"):
        load_pool(manifest, 32, tmp_path / "cache")


def test_missing_files_are_named(manifest, tmp_path):
    (manifest.root / manifest.rows[2].path).unlink()
    with pytest.raises(DatasetError, match=r"2.png"):
        load_pool(manifest, 32, tmp_path / "cache")


def test_a_broken_file_is_named_and_leaves_no_cache(manifest, tmp_path):
    (manifest.root / manifest.rows[2].path).write_bytes(b"")
    with pytest.raises(DatasetError, match=r"can be read. Received: set/glioma/2.png"):
        load_pool(manifest, 32, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_labels_that_a_model_lacks_are_refused(manifest, tmp_path):
    with pytest.raises(DatasetError, match=r"among meningioma, notumor. Received: glioma"):
        load_pool(manifest, 32, tmp_path / "cache", ("meningioma", "notumor"))


def test_a_given_box_file_counts_from_its_own_folder(manifest, tmp_path):
    file = tmp_path / "set" / "mine.csv"
    file.write_text("file,x_center,y_center,width,height\nglioma/2.png,0.5,0.4,0.2,0.1\n")
    assert given_boxes(manifest, [file]) == {"set/glioma/2.png": (0.5, 0.4, 0.2, 0.1)}


def test_a_box_file_of_other_images_is_refused(manifest, tmp_path):
    file = tmp_path / "elsewhere.csv"
    file.write_text("file,x_center,y_center,width,height\nother.png,0.5,0.4,0.2,0.1\n")
    with pytest.raises(DatasetError, match=r"none of whose images"):
        given_boxes(manifest, [file])
