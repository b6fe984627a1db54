import numpy as np
import pytest

from core.training.augment import lesion_target
from core.training.lesions import mirror_over, paste, random_patch_box


def head(value=110, lesion=None):
    rows, columns = np.mgrid[0:96, 0:96]
    image = np.where((rows - 48) ** 2 + (columns - 48) ** 2 < 42**2, value, 0).astype(np.uint8)
    image = np.where(image, image + (rows % 5).astype(np.uint8), 0).astype(np.uint8)
    if lesion:
        x, y, radius = lesion
        image[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = 240
    return image


BOX = (30 / 96, 48 / 96, 16 / 96, 16 / 96)


def test_a_pasted_lesion_changes_the_inside_of_its_new_box_alone():
    donor, recipient = head(lesion=(30, 48, 8)), head(80)
    for seed in range(10):
        result = paste(donor, BOX, recipient, np.random.default_rng(seed))
        assert result is not None
        image, (x, y, width, height), _ = result
        changed = np.abs(image.astype(int) - recipient.astype(int)) > 12
        assert changed.any()
        rows, columns = np.nonzero(changed)
        assert abs(columns.mean() / 96 - x) < width
        assert abs(rows.mean() / 96 - y) < height
        assert changed.mean() < 0.12


@pytest.mark.parametrize("upright", [True, False])
def test_a_long_lesion_is_turned_whole_and_its_target_with_it(upright):
    donor, recipient = head(), head(80)
    rows, columns = np.mgrid[0:96, 0:96]
    across, down = (5, 14) if upright else (14, 5)
    donor[((rows - 48) / down) ** 2 + ((columns - 40) / across) ** 2 < 1] = 240
    box = (40 / 96, 48 / 96, 2 * across / 96, 2 * down / 96)
    turned = 0
    for seed in range(20):
        image, place, turn = paste(donor, box, recipient, np.random.default_rng(seed))
        changed = np.abs(image.astype(int) - recipient.astype(int)) > 25
        target = lesion_target(place, turn, 96, 48)
        seen = changed.reshape(48, 2, 48, 2).mean(axis=(1, 3))
        assert (target * seen).sum() > 0.7 * max(target.sum(), seen.sum())
        y, x = np.nonzero(changed)
        # The long axis of what was pasted, against the angle of the turn.
        spread = np.cov(np.stack([x - x.mean(), y - y.mean()]))
        long = np.linalg.eigh(spread)[1][:, 1]
        expected = turn[:, :2] @ ([0, 1] if upright else [1, 0])
        assert abs(long @ expected) > np.cos(np.deg2rad(3))
        turned += abs(turn[0, 1]) > np.sin(np.deg2rad(20))
    assert turned > 5


def test_shrunk_lesions_are_a_third_of_their_size_at_the_least():
    donor, recipient = head(lesion=(30, 48, 8)), head(80)

    def sizes(small):
        results = [paste(donor, BOX, recipient, np.random.default_rng(k), small) for k in range(60)]
        return [96 * min(box[2:]) for _, box, _ in results]

    assert min(sizes(0.0)) >= 0.6 * 16 - 1e-6
    assert 16 / 3 <= min(sizes(1.0)) < 7
    assert max(sizes(1.0)) <= 1.14 * 16


def test_pasting_leaves_donor_and_recipient_alone():
    donor, recipient = head(lesion=(30, 48, 8)), head(80)
    before = donor.copy(), recipient.copy()
    paste(donor, BOX, recipient, np.random.default_rng(0))
    np.testing.assert_array_equal(donor, before[0])
    np.testing.assert_array_equal(recipient, before[1])


def test_nothing_is_pasted_into_an_empty_slice():
    assert paste(head(lesion=(30, 48, 8)), BOX, np.zeros((96, 96), np.uint8), rng()) is None
    assert random_patch_box(np.zeros((96, 96), np.uint8), rng()) is None


def rng():
    return np.random.default_rng(0)


def test_mirroring_removes_an_off_centre_lesion():
    image = head(lesion=(30, 48, 8))
    healed = mirror_over(image, BOX, rng())
    assert healed is not None
    assert image.max() > 200
    assert healed[40:56, 22:38].max() < 130


def test_mirroring_refuses_a_lesion_on_the_midline():
    assert mirror_over(head(lesion=(48, 48, 8)), (0.5, 0.5, 0.17, 0.17), rng()) is None


def test_mirroring_refuses_a_slice_that_is_not_symmetric():
    image = head(lesion=(30, 48, 8))
    image[:, 50:] = 0
    assert mirror_over(image, BOX, rng()) is None
