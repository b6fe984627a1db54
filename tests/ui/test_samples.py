import cv2
import numpy as np
import pytest

from core.errors import UnreadableError
from ui.samples import available, load


def picture(path, value=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((64, 64), value, np.uint8)
    pixels[20:40, 20:40] = 200
    cv2.imwrite(str(path), pixels)


def test_phantoms_where_no_folder_is_configured():
    samples = available(None)
    assert [s.id for s in samples][:2] == ["phantom-1", "phantom-2"]
    assert all(s.synthetic and "synthetic" in s.title for s in samples)
    assert load(samples[0]).shape == (256, 256)


def test_phantoms_where_the_folder_is_missing_or_empty(tmp_path):
    assert available(tmp_path / "gone")[0].synthetic
    assert available(tmp_path)[0].synthetic


@pytest.mark.parametrize("layout", ["", "Training/", "dataset/train/"])
def test_real_slices_of_flat_and_split_folders(tmp_path, layout):
    for number in range(4):
        picture(tmp_path / f"{layout}glioma" / f"{number}.png")
        picture(tmp_path / f"{layout}no_tumor" / f"{number}.png")
    samples = available(tmp_path, per_class=2)
    assert [s.id for s in samples] == ["glioma-1", "glioma-2", "notumor-1", "notumor-2"]
    assert not any(s.synthetic for s in samples)
    assert load(samples[0]).shape == (64, 64)


def test_the_test_split_is_preferred(tmp_path):
    picture(tmp_path / "Training" / "glioma" / "a.png")
    picture(tmp_path / "Testing" / "glioma" / "b.png")
    (only,) = available(tmp_path)
    assert only.path is not None
    assert only.path.name == "b.png"


@pytest.mark.parametrize("prefix", ["", "dataset/"])
def test_slices_of_the_manifests_test_split_come_first(tmp_path, prefix):
    root = tmp_path / "dataset"
    for name in ("a", "b"):
        picture(root / "Training" / "glioma" / f"{name}.png")
        picture(root / "Testing" / "glioma" / f"{name}.png")
    (only,) = available(root, [f"{prefix}Training/glioma/b.png"])
    assert only.path == root / "Training" / "glioma" / "b.png"
    assert only.held_out
    assert not available(root)[0].held_out


def test_a_sample_that_has_gone_is_named(tmp_path):
    picture(tmp_path / "glioma" / "a.png")
    (sample,) = available(tmp_path)
    (tmp_path / "glioma" / "a.png").unlink()
    with pytest.raises(UnreadableError, match=r"can be read\. Received: FileNotFoundError"):
        load(sample)
