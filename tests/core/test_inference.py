import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from core.data.phantom import draw_phantom
from core.errors import ModelNotReadyError, UnknownModelError
from core.gate import WARNING, Gate
from core.inference import Predictor, get_predictor, load_predictor
from core.settings import get_settings
from core.types import Slice


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return load_predictor("cnn", tiny_weights)


@pytest.fixture(scope="module")
def phantom():
    return draw_phantom(3, size=90, lesion="glioma").slice


@pytest.fixture
def own_copy(tiny_weights, tmp_path):
    shutil.copytree(tiny_weights / "cnn", tmp_path / "cnn")
    return tmp_path


def test_one_pass_gives_probabilities_and_a_map_of_every_class(predictor, phantom):
    analysis = predictor.analyse(phantom)
    prediction = analysis.prediction
    assert prediction.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert set(analysis.explanations) == set(predictor.labels)
    for explanation in analysis.explanations.values():
        assert explanation.cam.shape == phantom.shape
        assert explanation.cam.dtype == np.float32
        assert 0 <= explanation.cam.min() <= explanation.cam.max() <= 1
    assert analysis.lesion_map is not None
    assert analysis.lesion_map.shape == phantom.shape


def test_probabilities_are_the_softmax_of_logits_over_the_temperature(predictor, phantom):
    prediction = predictor.analyse(phantom).prediction
    scaled = np.exp(prediction.logits.astype(np.float64) / predictor.card.temperature)
    np.testing.assert_allclose(prediction.probabilities, scaled / scaled.sum(), rtol=1e-4)


def test_explaining_and_predicting_agree_alone_and_in_a_batch(predictor, phantom):
    other = draw_phantom(4, size=64).slice
    batch = predictor.predict([phantom, other, phantom], batch_size=2)
    alone = predictor.analyse(phantom).prediction
    for answer in (batch[0], batch[2]):
        np.testing.assert_allclose(answer.probabilities, alone.probabilities, atol=1e-5)
    assert not np.allclose(batch[1].probabilities, alone.probabilities, atol=1e-5)


def test_an_empty_batch_has_no_answers(predictor):
    assert predictor.predict([]) == []


def test_the_prediction_set_holds_every_class_within_the_quantile(predictor, phantom):
    raw = {**predictor.card.raw, "conformal": {"0.95": 0.9}}
    wide = Predictor(replace(predictor.card, raw=raw), predictor.model)
    prediction = wide.analyse(phantom).prediction
    expected = {
        label
        for label, p in zip(prediction.labels, prediction.probabilities, strict=True)
        if 1 - p <= 0.9
    } or {prediction.predicted}
    assert set(prediction.prediction_set) == expected
    assert prediction.prediction_set[0] == prediction.predicted


def test_notes_of_the_file_come_before_the_answer(predictor, phantom):
    noted = Slice(phantom.pixels, notes=("Read with a note.",))
    assert "Read with a note." in predictor.analyse(noted).prediction.warnings


def test_a_record_names_every_label_once(predictor, phantom):
    record = predictor.analyse(phantom).prediction.to_record()
    json.dumps(record)
    assert list(record["probabilities"]) == list(predictor.labels)
    assert record["confidence"] == max(record["probabilities"].values())


def test_the_same_weights_are_loaded_once(own_copy):
    assert get_predictor("cnn", own_copy) is get_predictor("cnn", own_copy)


def test_weights_with_another_hash_are_not_loaded(own_copy):
    path = own_copy / "cnn" / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelNotReadyError, match="SHA-256"):
        load_predictor("cnn", own_copy)


def test_weights_of_another_class_count_are_not_loaded(own_copy):
    path = own_copy / "cnn" / "card.json"
    card = json.loads(path.read_text())
    card["labels"].append("fifth")
    path.write_text(json.dumps(card))
    with pytest.raises(ModelNotReadyError, match=r"as its weights have, 4\. Received: 5\."):
        load_predictor("cnn", own_copy)


def test_an_unknown_model_is_refused(own_copy):
    with pytest.raises(UnknownModelError, match=r"Received: '\.\./cnn'"):
        get_predictor("../cnn", own_copy)


def test_a_model_without_weights_is_not_ready(tmp_path):
    with pytest.raises(ModelNotReadyError, match=r"no card\.json for 'cnn'"):
        get_predictor("cnn", tmp_path)


def _gate(predictor, threshold):
    from core.explain.features import depths

    width = depths(predictor.model).shape[-1]
    return Gate(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), threshold)


def test_a_slice_beyond_the_gate_is_answered_with_a_warning(predictor, phantom):
    strict = Predictor(predictor.card, predictor.model, gate=_gate(predictor, 0.0))
    (batched,) = strict.predict([phantom])
    for answer in (strict.analyse(phantom).prediction, batched):
        assert not answer.in_domain
        assert not answer.accepted
        assert WARNING in answer.warnings
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_slice_within_the_gate_gets_no_warning(predictor, phantom):
    open_ = Predictor(predictor.card, predictor.model, gate=_gate(predictor, np.inf))
    (batched,) = open_.predict([phantom])
    for answer in (open_.analyse(phantom).prediction, batched):
        assert answer.in_domain
        assert WARNING not in answer.warnings
    expected = predictor.predict([phantom])[0].probabilities
    np.testing.assert_allclose(batched.probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_inference_runs_in_the_format_of_the_settings(
    precision, tiny_weights, phantom, predictor, monkeypatch
):
    monkeypatch.setenv("GLIALENS_PRECISION", precision)
    get_settings.cache_clear()
    try:
        loaded = load_predictor("cnn", tiny_weights)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert loaded.model.get_layer("block1_conv1").dtype_policy.name == precision
    expected = predictor.predict([phantom])[0].probabilities
    np.testing.assert_allclose(loaded.predict([phantom])[0].probabilities, expected, atol=0.02)
