from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from core.data.manifest import ManifestRow
from core.data.pool import Pool
from core.training.augment import AugmentConfig, augment, chained, lesion_target, random_affine
from core.training.batches import UNKNOWN, TrainingBatches
from core.training.mixing import Mixing

STILL = AugmentConfig(rotation=0, scale=0, shift=0, flip=0, style=0, invert=0)
PLAIN = Mixing(balance=1.0, paste=0.0, sham=0.0, mirror=0.0)


def test_a_batch_is_a_function_of_seed_epoch_and_step(tiny_pool):
    first = TrainingBatches(tiny_pool, 6, 2, seed=3).batch(4, 2)
    again = TrainingBatches(tiny_pool, 6, 2, seed=3).batch(4, 2)
    other = TrainingBatches(tiny_pool, 6, 2, seed=3).batch(5, 2)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.lesion, again.lesion)
    assert not np.array_equal(first.images, other.images)


def test_an_epoch_draws_classes_and_sources_equally(tiny_pool):
    drawn = TrainingBatches(tiny_pool, 6, 2, mixing=PLAIN).draw(0)
    counts = Counter((tiny_pool.rows[i].label, tiny_pool.rows[i].source) for i in drawn)
    assert len(drawn) == 36
    assert all(count == 6 for count in counts.values())


def test_without_a_box_to_paste_from_no_class_is_drawn_more_often(tiny_pool):
    paste = Mixing(paste=0.35)
    boxed = TrainingBatches(tiny_pool, 36, 2, mixing=paste).draw(0)
    none = replace(tiny_pool, boxes=(None,) * len(tiny_pool.rows))
    plain = TrainingBatches(none, 36, 2, mixing=paste).draw(0)
    assert Counter(tiny_pool.rows[i].label for i in boxed)["notumor"] > 12
    assert set(Counter(tiny_pool.rows[i].label for i in plain).values()) == {12}


def test_only_training_slices_are_drawn(tiny_pool):
    batches = TrainingBatches(tiny_pool, 6, 2)
    splits = {tiny_pool.rows[i].split for epoch in range(5) for i in batches.draw(epoch)}
    assert splits == {"train"}


def test_without_pasting_labels_and_known_places_are_right(tiny_pool):
    batches = TrainingBatches(tiny_pool, 36, 2, STILL, PLAIN)
    drawn = batches.draw(0)
    batch = batches.batch(0, 0)
    assert batch.images.shape == (36, 32, 32, 1)
    for position, allowed, lesion in zip(drawn, batch.allowed, batch.lesion, strict=True):
        label = tiny_pool.rows[position].label
        assert tiny_pool.labels[int(allowed.argmax())] == label
        assert allowed.sum() == 1
        if label == "notumor":
            assert not lesion.any()
        elif label == "glioma":
            assert lesion.max() > 0
            assert lesion[0, 0] == lesion.max()
        else:
            assert (lesion == UNKNOWN).all()


def test_a_pasted_lesion_is_some_tumour_with_a_known_place(tiny_pool):
    batches = TrainingBatches(tiny_pool, 36, 4, STILL, Mixing(paste=1.0, sham=0.0, mirror=0.0))
    batch = batches.batch(0, 0)
    some = [a for a in batch.allowed if a.sum() == 2]
    notumor = tiny_pool.labels.index("notumor")
    assert some
    assert all(allowed[notumor] == 0 for allowed in some)
    pairs = zip(batch.allowed, batch.lesion, strict=True)
    places = [lesion.max() for allowed, lesion in pairs if allowed.sum() == 2]
    assert min(places) > 0


@pytest.fixture
def answers(tiny_pool):
    """One row a slice, by which it is known again."""
    rows = np.arange(1, 1 + len(tiny_pool.rows), dtype=np.float32)
    return np.tile(rows[:, np.newaxis], (1, len(tiny_pool.labels)))


def test_answers_stand_behind_the_allowed_classes_of_their_slices(tiny_pool, answers):
    batches = TrainingBatches(tiny_pool, 6, 2, mixing=PLAIN, answers=answers)
    drawn = batches.draw(1)
    for step in range(batches.steps):
        batch = batches.batch(1, step)
        positions = drawn[6 * step : 6 * step + 6]
        np.testing.assert_array_equal(batch.answers, answers[positions])
        _, target, _ = batches.arrays(1)(step)
        np.testing.assert_array_equal(target, np.hstack([batch.allowed, batch.answers]))


def test_without_answers_the_target_is_the_allowed_classes(tiny_pool):
    batches = TrainingBatches(tiny_pool, 6, 2)
    _, target, _ = batches.arrays(0)(0)
    np.testing.assert_array_equal(target, batches.batch(0, 0).allowed)


def test_no_answer_is_left_where_a_lesion_was_moved_in_or_out(tiny_pool, answers):
    mixing = Mixing(paste=1.0, sham=0.0, mirror=1.0)
    batches = TrainingBatches(tiny_pool, 36, 4, STILL, mixing, answers=answers)
    drawn, batch = batches.draw(0), batches.batch(0, 0)
    kept = batch.answers.any(axis=1)
    label = [tiny_pool.labels.index(tiny_pool.rows[i].label) for i in drawn]
    moved = (batch.allowed.sum(axis=1) > 1) | (batch.allowed[range(36), label] == 0)
    assert moved.any()
    assert not moved.all()
    np.testing.assert_array_equal(kept, ~moved)
    np.testing.assert_array_equal(batch.answers[kept], answers[drawn[kept]])


def test_lesion_target_follows_the_pixels():
    rng = np.random.default_rng(5)
    image = np.zeros((64, 64), np.uint8)
    image[16:24, 40:48] = 255
    box = (44 / 64, 20 / 64, 8 / 64, 8 / 64)
    for _ in range(20):
        config = AugmentConfig(style=0.0, invert=0.0)
        state = rng.bit_generator.state
        matrix = random_affine(64, rng, config)
        rng.bit_generator.state = state
        moved, same = augment(image, rng, config)
        np.testing.assert_array_equal(matrix, same)
        target = lesion_target(box, matrix, 64, 8)
        coarse = moved.reshape(8, 8, 8, 8).mean(axis=(1, 3))
        if coarse.max() > 0.05:
            assert np.corrcoef(target.ravel(), coarse.ravel())[0, 1] > 0.9


def test_a_lesion_between_all_points_is_in_the_cell_of_its_centre():
    still = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    # Points lie at 1.5, 5.5, 9.5, ...; this lesion of two pixels lies between four of them.
    tiny = (11.5 / 64, 35.5 / 64, 2 / 64, 2 / 64)
    target = lesion_target(tiny, still, 64, 4)
    assert np.argwhere(target).tolist() == [[2, 0]]
    assert target[2, 0] == 1 / 16
    moved = np.array([[1, 0, 16], [0, 1, 0]], np.float32)
    assert np.argwhere(lesion_target(tiny, moved, 64, 4)).tolist() == [[2, 1]]
    away = np.array([[1, 0, 60], [0, 1, 0]], np.float32)
    assert not lesion_target(tiny, away, 64, 4).any()


def test_matrices_are_chained_in_their_order():
    rng = np.random.default_rng(0)
    first, then = (random_affine(64, rng, AugmentConfig()) for _ in range(2))
    point = first @ (10.0, 20.0, 1.0)
    np.testing.assert_allclose(
        chained(first, then) @ (10.0, 20.0, 1.0), then @ (*point, 1.0), rtol=1e-5
    )


def test_a_pasted_lesion_is_known_where_its_patch_and_its_slice_were_turned_to():
    rows, columns = np.mgrid[0:64, 0:64]
    plain = np.where((rows - 32) ** 2 + (columns - 32) ** 2 < 28**2, 100, 0).astype(np.uint8)
    long = ((rows - 32) / 3) ** 2 + ((columns - 32) / 10) ** 2 < 1
    pool = Pool(
        np.stack([plain, np.where(long, 240, plain).astype(np.uint8)]),
        tuple(ManifestRow(f"{k}.png", label, k, "train", "one") for k, label in enumerate("ab")),
        (None, (0.5, 0.5, 20 / 64, 6 / 64)),
        ("glioma", "notumor"),
        np.array([1, 0]),
    )
    config = AugmentConfig(rotation=40, scale=0, shift=0.1, style=0, invert=0)
    batches = TrainingBatches(pool, 40, 32, config, Mixing(paste=1.0, sham=0, mirror=0))
    batch = batches.batch(0, 0, np.zeros(40, np.int64))
    for image, lesion in zip(batch.images[..., 0], batch.lesion[..., 0], strict=True):
        tissue = np.median(image[image > image.mean()])
        seen = (np.abs(image - tissue) > 0.15).reshape(32, 2, 32, 2).mean(axis=(1, 3))
        assert (seen * lesion).sum() > 0.7 * lesion.sum()


def test_no_box_means_no_lesion_anywhere():
    matrix = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    assert not lesion_target(None, matrix, 64, 4).any()


def test_style_without_strength_changes_nothing():
    image = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
    moved, _ = augment(image, np.random.default_rng(1), STILL)
    np.testing.assert_allclose(moved * 255, image, atol=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_styles_stay_finite(seed):
    image = np.random.default_rng(seed).integers(0, 255, (32, 32)).astype(np.uint8)
    moved, _ = augment(image, np.random.default_rng(seed), AugmentConfig(invert=0.5))
    assert np.isfinite(moved).all()
    assert moved.shape == (32, 32)
