import numpy as np
import pytest
from PIL import Image

from core.data.boxes import read_boxes
from core.data.phantom import draw_phantom, phantom_volume, write_phantom_dataset
from core.errors import DatasetError


def test_a_seed_gives_the_same_slice_and_another_seed_another():
    first, again, other = draw_phantom(5), draw_phantom(5), draw_phantom(6)
    assert np.array_equal(first.slice.pixels, again.slice.pixels)
    assert np.abs(first.slice.pixels - other.slice.pixels).mean() > 0.02
    assert first.slice.shape == (256, 256)


def test_it_says_that_it_is_synthetic():
    assert any("Synthetic" in note for note in draw_phantom(1).slice.notes)
    assert all(any("Synthetic" in n for n in s.notes) for s in phantom_volume(1, 2, 32))


@pytest.mark.parametrize("kind", ["glioma", "meningioma", "pituitary"])
def test_the_box_holds_what_the_lesion_added(kind):
    for seed in range(5):
        phantom = draw_phantom(seed, 128, kind)
        x, y, width, height = phantom.box
        # A kind of its own keeps the random numbers in step up to the lesion.
        plain = draw_phantom(seed, 128).slice.pixels
        rows, columns = np.nonzero(phantom.slice.pixels - plain > 0.2)
        assert phantom.label == kind
        assert len(rows) > 20
        inside = (np.abs((columns + 0.5) / 128 - x) <= width / 2 + 0.02) & (
            np.abs((rows + 0.5) / 128 - y) <= height / 2 + 0.02
        )
        assert inside.mean() > 0.98


def test_without_a_lesion_there_is_no_box():
    for lesion in (None, False, "notumor"):
        phantom = draw_phantom(1, 64, lesion)
        assert (phantom.box, phantom.label) == (None, "notumor")
    assert draw_phantom(1, 64, True).label == "glioma"


def test_a_volume_shrinks_towards_base_and_vertex():
    slices = phantom_volume(2, 5, 64)
    areas = [(s.pixels > 0.2).sum() for s in slices]
    assert [s.index for s in slices] == [0, 1, 2, 3, 4]
    assert areas[2] == max(areas)
    assert areas[0] < areas[1] < areas[2] > areas[3] > areas[4]


def test_a_dataset_is_written_with_its_boxes(tmp_path):
    root = write_phantom_dataset(tmp_path / "set", 2, 1, "flat", ("glioma", "notumor"), 40)
    files = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.png"))
    assert files == [f"{c}/phantom-000{k}.png" for c in ("glioma", "notumor") for k in (0, 1)]
    assert Image.open(root / files[0]).size == (40, 40)
    boxes = read_boxes(root / "boxes.csv")
    assert sorted(boxes) == files[:2]


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"at least 32 pixels wide. Received: 8"):
        draw_phantom(1, 8)
    with pytest.raises(DatasetError, match="at least 1 slice"):
        phantom_volume(1, 0)
    with pytest.raises(DatasetError, match=r"Training/Testing.*Received: 'other'"):
        write_phantom_dataset(tmp_path, 1, layout="other")
