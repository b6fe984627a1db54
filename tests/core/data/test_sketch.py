from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from core.data.fingerprint import take_fingerprints
from core.data.phantom import draw_phantom
from core.data.sketch import sketch
from core.data.twins import correlations, find_twins


def thumbs_of(kind, rng):
    if kind == "noise":
        return rng.integers(0, 256, (12, 2, 48, 48)).astype(np.uint8)
    drawn = [np.rint(draw_phantom(seed, 48).slice.pixels * 255) for seed in range(6)]
    shades = [np.clip(picture * 0.9 + rng.normal(0, 4, (48, 48)), 0, 255) for picture in drawn]
    return np.stack([np.stack([p, p[::-1]]) for p in (*drawn, *shades)]).astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "phantoms"])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.95, 0.98])
def test_no_pair_above_the_threshold_is_ruled_out(kind, threshold):
    thumbs = thumbs_of(kind, np.random.default_rng(0))
    first, second = np.array(list(combinations(range(len(thumbs)), 2))).T
    kept = sketch(thumbs).may_exceed(first, second, threshold)
    above = correlations(thumbs, first, second) > threshold
    assert not (above & ~kept).any()
    if threshold == 0.98:
        assert not kept.all()


def test_a_low_frequency_is_kept_whole_and_a_flat_thumbnail_is_nothing():
    wave = np.cos((np.arange(48) + 0.5) * np.pi / 48)
    picture = np.rint(128 + 100 * np.add.outer(wave, wave) / 2)
    thumbs = np.stack([np.stack([picture] * 2), np.full((2, 48, 48), 9.0)]).astype(np.uint8)
    found = sketch(thumbs)
    np.testing.assert_allclose((found.low[0] ** 2).sum(axis=-1), 1.0, atol=1e-3)
    assert (found.rest[0] < 0.03).all()
    assert not found.low[1].any()
    assert not found.rest[1].any()
    pairs = np.array([0]), np.array([1])
    assert not found.may_exceed(*pairs, 0.1)[0]


def test_the_search_finds_what_it_finds_without_sketches(tmp_path, monkeypatch):
    images = {}
    for seed in range(5):
        pixels = np.rint(draw_phantom(seed, 64).slice.pixels * 255)
        images[f"a{seed}"] = pixels.astype(np.uint8)
        images[f"b{seed}"] = np.rint(pixels * 0.8 + 3 * (seed % 2)).astype(np.uint8)
    for name, picture in images.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    prints = take_fingerprints(tmp_path, [f"{name}.png" for name in images])
    for threshold in (0.5, 0.9, 0.98):
        found = find_twins(prints, threshold, radius=32)
        with monkeypatch.context() as patch:
            patch.setattr("core.data.sketch._SLACK", 99.0)
            expected = find_twins(prints, threshold, radius=32)
        assert len(expected.first) >= 5
        for name in ("first", "second", "correlation", "exact"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
