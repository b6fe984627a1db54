import json
from types import SimpleNamespace

import numpy as np
import pytest

from core.data.manifest import read_manifest
from core.data.pool import load_pool
from core.errors import DatasetError, ModelNotReadyError
from core.gate import (
    ACCEPTANCE,
    FILE,
    Gate,
    fit,
    fit_gate,
    inverted,
    read_gate,
    turned,
    with_threshold,
    write_gate,
)
from core.inference import load_folder
from core.models.card import parse_card
from tests.core.training.conftest import tiny_manifest  # noqa: F401


def by_hand(threshold=0.0):
    """Features around (1, 0), twice as wide along the first as along the second."""
    return Gate(np.array([1, 0], np.float32), np.array([[0.5, 0], [0, 1]], np.float32), threshold)


def cloud(seed, count=400):
    spread = np.array([3.0, 1.0, 0.2])
    return np.random.default_rng(seed).normal([5, 0, -1], spread, (count, 3)).astype(np.float32)


def test_the_distance_is_what_the_hand_computes():
    features = np.array([[1, 0], [3, 0], [1, 2], [-3, 2]], np.float32)
    expected = np.sqrt([0, (1 + 0) / 2, (0 + 4) / 2, (4 + 4) / 2])
    np.testing.assert_allclose(by_hand().distances(features), expected, atol=1e-6)


def test_the_threshold_itself_is_accepted():
    features = np.array([[1, 0], [-3, 2]], np.float32)
    assert by_hand(2.0).accepts(features).tolist() == [True, True]
    assert by_hand(1.9).accepts(features).tolist() == [True, False]


def test_the_fit_is_the_mahalanobis_distance_of_a_direct_computation():
    values = cloud(0)
    inverse = np.linalg.inv(np.cov(values.T, ddof=0))
    other = np.random.default_rng(1).normal(0, 3, (20, 3)).astype(np.float32)
    away = other - values.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, inverse, away) / 3)
    np.testing.assert_allclose(fit(values).distances(other), expected, rtol=1e-3)
    # By construction the mean square over what was fitted is one.
    assert np.mean(fit(values).distances(values) ** 2) == pytest.approx(1.0, rel=1e-3)


def test_what_is_unlike_the_training_features_is_refused():
    gate = with_threshold(fit(cloud(0)), cloud(1))
    assert gate.accepts(cloud(2)).mean() > 0.9
    # Far along a narrow direction is stranger than as far along a wide one.
    strange = np.array([[5, 0, 1], [5, 6, -1], [30, 0, -1]], np.float32)
    assert not gate.accepts(strange).any()
    assert gate.accepts(np.array([[7, 0, -1]], np.float32)).all()


@pytest.mark.parametrize("acceptance", [0.5, 0.9, 0.95])
def test_no_less_than_the_wanted_share_is_accepted(acceptance):
    validation = cloud(3, 97)
    gate = with_threshold(fit(cloud(0)), validation, acceptance)
    share = gate.accepts(validation).mean()
    assert acceptance <= share < acceptance + 2 / 97
    assert gate.acceptance == pytest.approx(share)


def test_features_that_never_vary_do_no_harm():
    values = cloud(0)
    still = np.concatenate((values, np.full((len(values), 2), 7.0, np.float32)), axis=1)
    gate = with_threshold(fit(still), still)
    assert np.isfinite(gate.distances(still)).all()
    assert gate.acceptance == pytest.approx(ACCEPTANCE, abs=0.01)


def test_bad_input_is_told_the_rule():
    values = cloud(0)
    with pytest.raises(DatasetError, match=r"two slices or more\. Received: 1 slices"):
        fit(values[:1])
    with pytest.raises(DatasetError, match=r"finite features"):
        fit(np.full_like(values, np.nan))
    gate = fit(values)
    with pytest.raises(DatasetError, match=r"Received: 0 slices, 0\.97"):
        with_threshold(gate, values[:0])
    with pytest.raises(DatasetError, match=r"between 0 and 1\. Received: 400 slices, 1\.0"):
        with_threshold(gate, values, 1.0)


def card_with(tiny_weights, entry):
    raw = json.loads((tiny_weights / "cnn" / "card.json").read_text())
    return parse_card(raw if entry is None else {**raw, "gate": entry})


def test_a_gate_comes_back_as_it_was_written(tiny_weights, tmp_path):
    values = cloud(0)
    gate = with_threshold(fit(values), values)
    entry = write_gate(gate, tmp_path)
    assert set(entry) == {"sha256", "threshold", "acceptance"}
    again = read_gate(tmp_path, card_with(tiny_weights, entry))
    np.testing.assert_array_equal(again.distances(values), gate.distances(values))
    assert again.threshold == pytest.approx(gate.threshold, abs=1e-5)
    assert again.acceptance == pytest.approx(gate.acceptance, abs=1e-5)


def test_a_written_threshold_keeps_the_slice_that_it_was_taken_from(tiny_weights, tmp_path):
    # Its seventh digit would be rounded away downwards.
    gate = by_hand(threshold=1.2345674)
    again = read_gate(tmp_path, card_with(tiny_weights, write_gate(gate, tmp_path)))
    assert gate.threshold <= again.threshold == pytest.approx(gate.threshold, abs=1e-6)


def test_a_card_without_a_gate_has_none(tiny_weights, tmp_path):
    assert read_gate(tmp_path, card_with(tiny_weights, None)) is None


def test_a_missing_or_other_gate_is_refused(tiny_weights, tmp_path):
    entry = write_gate(by_hand(), tmp_path)
    card = card_with(tiny_weights, entry)
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(data[:-1] + b"x")
    with pytest.raises(ModelNotReadyError, match="SHA-256 that the card names"):
        read_gate(tmp_path, card)
    (tmp_path / FILE).unlink()
    with pytest.raises(ModelNotReadyError, match=r"whole gate\.safetensors beside it"):
        read_gate(tmp_path, card)
    (tmp_path / FILE).write_bytes(data)
    broken = card_with(tiny_weights, {"sha256": entry["sha256"]})
    with pytest.raises(ModelNotReadyError, match="Received: KeyError"):
        read_gate(tmp_path, broken)


def test_a_published_model_gets_its_gate_from_the_pool(tiny_weights, tiny_manifest, tmp_path):  # noqa: F811
    predictor = load_folder(tiny_weights / "cnn")
    pool = load_pool(read_manifest(tiny_manifest), 32, tmp_path, predictor.labels)
    steps = []
    gate = fit_gate(predictor, pool, 0.7, lambda *step: steps.append(step))
    # 36 to train, as they are, turned and inverted, and 9 to validate.
    assert steps[-1] == (117, 117, "gate")
    assert gate.whitener.shape == (416, 416)
    assert 0.7 <= gate.acceptance <= 0.9


def test_turned_and_inverted_copies_are_what_their_names_say():
    image = np.full((32, 32), 10, np.uint8)
    image[4:12, 12:20] = 200
    copies = turned(np.stack([image] * 10))
    for number, quarters in ((0, 1), (2, 3), (4, 2)):
        np.testing.assert_allclose(copies[number], np.rot90(image, quarters), atol=1)
    assert np.ptp(copies[1].astype(int)) > 100
    np.testing.assert_array_equal(copies[9], copies[0])
    assert (copies[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 10).all()
    dark = inverted(np.stack([image] * 5))
    np.testing.assert_array_equal(dark[0], 255 - image)
    sizes = [(245.0 - copy).sum() for copy in dark]
    scales = np.array([1, 0.9375, 0.875, 0.8125, 0.75])
    np.testing.assert_allclose(sizes, sizes[0] * scales**2, rtol=0.05)


def test_without_a_training_split_there_is_no_gate(tiny_weights):
    predictor = load_folder(tiny_weights / "cnn")
    nothing = np.zeros(0, np.int64)
    pool = SimpleNamespace(
        where=lambda split: nothing, images=np.zeros((0, 32, 32), np.uint8), targets=nothing
    )
    with pytest.raises(DatasetError, match="Received: 0 slices"):
        fit_gate(predictor, pool)
