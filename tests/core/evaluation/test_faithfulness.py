import numpy as np
import pytest

from core.evaluation.faithfulness import (
    Curve,
    Faithfulness,
    MapScore,
    baselines,
    changed,
    compare,
    edge_map,
    imputed,
    pixel_order,
    score_map,
)
from core.evaluation.imputation import impute

EVERYWHERE = np.ones((16, 16), bool)


def spot(at, size=16, side=4):
    image = np.zeros((size, size), np.float32)
    image[at[0] : at[0] + side, at[1] : at[1] + side] = 1.0
    return image


def looks_at(mask):
    """A model whose probability of class 1 is the mean of the pixels under a mask."""

    def score(images):
        p = np.clip(images[:, mask > 0].mean(axis=1), 0, 1)
        return np.stack([1 - p, p], axis=1)

    return score


def test_the_area_is_the_mean_height_of_the_curve():
    curve = Curve((0.0, 0.5, 1.0), (1.0, 0.5, 0.0))
    assert curve.area == pytest.approx(0.5)
    assert Curve((0.0, 0.25, 1.0), (1.0, 0.0, 0.0)).area == pytest.approx(0.125)
    assert Curve((0.2, 0.6), (0.3, 0.5)).area == pytest.approx(0.4)
    assert curve.at(0.25) == pytest.approx(0.75)


def test_the_warmest_pixels_come_first_and_only_those_of_the_region():
    values = np.array([[0.1, 0.9], [0.5, 0.7]], np.float32)
    region = np.array([[True, True], [True, False]])
    assert pixel_order(values, region).tolist() == [1, 2, 0]


def test_ties_come_in_a_random_order_that_the_seed_fixes():
    flat, region = np.zeros((8, 8), np.float32), np.ones((8, 8), bool)
    assert pixel_order(flat, region, 1).tolist() == pixel_order(flat, region, 1).tolist()
    assert pixel_order(flat, region, 1).tolist() != pixel_order(flat, region, 2).tolist()
    assert sorted(pixel_order(flat, region, 1)) == list(range(64))


def test_changed_takes_the_first_pixels_from_the_other_image():
    base, other = np.zeros((2, 2), np.float32), np.full((2, 2), 5, np.float32)
    images = changed(base, other, np.array([3, 0, 1, 2]), (0.0, 0.5, 1.0))
    assert images.tolist() == [[[0, 0], [0, 0]], [[5, 0], [0, 5]], [[5, 5], [5, 5]]]
    assert not base.any()


def test_imputation_of_one_pixel_is_the_weighted_mean_of_its_neighbours():
    image = np.arange(9, dtype=np.float32).reshape(3, 3) ** 2
    hidden = np.zeros((3, 3), bool)
    hidden[1, 1] = True
    beside, across = 1 + 9 + 25 + 49, 0 + 4 + 36 + 64
    found = impute(image, hidden, noise=0.0)
    assert found[1, 1] == pytest.approx(beside / 6 + across / 12, rel=1e-4)
    np.testing.assert_array_equal(found[~hidden], image[~hidden])
    # In a corner the weights 1/6, 1/6 and 1/12 are scaled to a sum of 1.
    corner = np.zeros((3, 3), bool)
    corner[0, 0] = True
    expected = (image[0, 1] / 6 + image[1, 0] / 6 + image[1, 1] / 12) / (5 / 12)
    assert impute(image, corner, noise=0.0)[0, 0] == pytest.approx(expected, rel=1e-4)


def test_imputation_of_two_neighbours_solves_for_both():
    image = np.array([[3.0, 0.0, 0.0, 9.0]], np.float32)
    hidden = np.array([[False, True, True, False]])
    # In one row each pixel is the mean of its two neighbours: the line through the known ones.
    np.testing.assert_allclose(impute(image, hidden, noise=0.0), [[3, 5, 7, 9]], rtol=1e-4)


def test_imputation_follows_a_slope_and_adds_little_noise():
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    hidden = np.zeros((32, 32), bool)
    hidden[10:20, 10:20] = True
    np.testing.assert_allclose(impute(ramp, hidden, noise=0.0), ramp, atol=2e-3)
    noise = impute(ramp, hidden) - impute(ramp, hidden, noise=0.0)
    assert noise[hidden].std() == pytest.approx(0.01, rel=0.3)
    assert not noise[~hidden].any()
    np.testing.assert_array_equal(impute(ramp, hidden, seed=3), impute(ramp, hidden, seed=3))


def test_an_image_hidden_whole_is_its_mean():
    found = impute(spot((0, 0)), EVERYWHERE, noise=0.0)
    np.testing.assert_allclose(found, 1 / 16, atol=1e-6)


def test_nothing_hidden_changes_nothing():
    image = spot((2, 3))
    np.testing.assert_array_equal(impute(image, np.zeros((16, 16), bool)), image)


def test_a_map_of_what_the_model_uses_beats_chance():
    image = spot((6, 6))
    truth = spot((6, 6))
    score = looks_at(truth)
    base = baselines(image, EVERYWHERE, score, 1, seed=0)
    found = compare(score_map(truth, image, EVERYWHERE, score, 1), base)
    # 16 of 256 pixels matter: after a tenth of the pixels all of them are gone, or all there.
    assert found.map.deletion.values[0] == pytest.approx(1.0)
    assert found.map.deletion.values[1] == pytest.approx(0.0)
    assert found.map.deletion.area == pytest.approx(0.05)
    assert found.map.insertion.values[1] == pytest.approx(1.0)
    assert found.random.deletion.area == pytest.approx(0.5, abs=0.15)
    assert found.map.gap > found.random.gap
    assert found.map.road > 0.2
    assert abs(found.random.road) < 0.1


def test_a_map_of_something_else_is_no_better_than_chance():
    image = spot((6, 6))
    score = looks_at(spot((6, 6)))
    base = baselines(image, EVERYWHERE, score, 1)
    found = compare(score_map(spot((0, 12)), image, EVERYWHERE, score, 1), base)
    assert found.verdict == "random"
    assert "no better than chance" in found.sentence("Glioma")


def flat_curve(value):
    return Curve((0.0, 0.5, 1.0), (value,) * 3)


def with_road(value):
    most = Curve((0.0, 0.3, 0.9), (0.9, 0.4, 0.1))
    area = most.area + 2 * value
    least = Curve((0.0, 0.9), (area, area))
    found = MapScore(flat_curve(0.2), flat_curve(0.7), most, least)
    assert found.road == pytest.approx(value)
    assert found.gap == pytest.approx(0.5)
    return found


@pytest.mark.parametrize(
    ("road", "verdict", "words"),
    [
        (0.30, "faithful", "beats chance and an edge detector"),
        (0.12, "edges", "knows nothing of the model, does as well"),
        (0.03, "random", "no better than chance"),
    ],
)
def test_the_sentence_follows_the_numbers(road, verdict, words):
    found = Faithfulness(with_road(road), with_road(0.0), with_road(0.1))
    assert found.verdict == verdict
    sentence = found.sentence("Glioma")
    assert words in sentence
    assert "probability of Glioma from 90% to 40%" in sentence
    assert found.to_dict()["verdict"] == verdict
    assert found.to_dict()["map"]["road"] == pytest.approx(road)


def test_pixels_outside_the_region_are_never_changed():
    image = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    region = spot((4, 4), side=8) > 0
    seen = []

    def score(images):
        seen.append(images)
        return np.full((len(images), 2), 0.5)

    score_map(image, image, region, score, 0)
    images = np.concatenate(seen)
    assert len(images) == 11 + 11 + 6 + 6
    assert (images[:, ~region] == image[~region]).all()
    assert (images[:, region] != image[region]).any()


def test_the_model_is_asked_in_batches():
    sizes = []

    def score(images):
        sizes.append(len(images))
        return np.full((len(images), 2), 0.5)

    baselines(spot((1, 1)), EVERYWHERE, score, 0, orders=2)
    assert max(sizes) <= 32


def test_edges_are_warm_where_grey_changes():
    step = np.zeros((16, 16), np.float32)
    step[:, 8:] = 1.0
    found = edge_map(step)
    assert found.argmax(axis=1).tolist() in ([7] * 16, [8] * 16)
    assert found[:, 0].max() == pytest.approx(0, abs=1e-5)


def test_imputed_gives_one_image_per_share():
    image = spot((4, 4))
    images = imputed(image, np.arange(256), (0.0, 0.5))
    np.testing.assert_array_equal(images[0], image)
    assert (images[1].ravel()[128:] == image.ravel()[128:]).all()


def test_bad_input_is_told_the_rule():
    image = spot((0, 0))
    score = looks_at(image)
    with pytest.raises(ValueError, match=r"of one shape\. Received: \(3, 3\)"):
        score_map(np.ones((3, 3), np.float32), image, EVERYWHERE, score, 0)
    with pytest.raises(ValueError, match=r"region holds pixels\. Received: 0 pixels"):
        score_map(image, image, ~EVERYWHERE, score, 0)
    with pytest.raises(ValueError, match="A map is finite"):
        score_map(np.full_like(image, np.nan), image, EVERYWHERE, score, 0)
    with pytest.raises(ValueError, match="2-D and of one shape"):
        impute(image, EVERYWHERE[:4])
