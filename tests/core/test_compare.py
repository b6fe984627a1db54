import json
import shutil

import numpy as np
import pytest
from scipy.stats import binomtest

from core.cli import main
from core.compare import compare, measure_latency
from core.errors import DatasetError, ModelNotReadyError
from core.evaluation.inputs import EvaluationInputs
from core.evaluation.report import build_report
from core.evaluation.side_by_side import (
    common_paths,
    compare_pairs,
    ensemble_of,
    read_predictions,
    summarise_predictions,
)
from core.evaluation.storage import write_predictions, write_report
from core.files import write_json
from core.inference import load_folder
from core.labels import CLASSES
from core.models.card import read_card
from core.settings import get_settings
from tests.core.training.conftest import tiny_architecture, tiny_manifest  # noqa: F401

N = 60


def publish(weights, name, seed, manifest="a" * 64, labels=CLASSES, n=N):
    """Write what publishing leaves, with logits that are right about two times in three."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % len(labels)
    logits = rng.normal(size=(n, len(labels))) + 2.0 * np.eye(len(labels))[y]
    inputs = EvaluationInputs(
        labels=tuple(labels),
        y=y,
        logits=logits.astype(np.float32),
        groups=[f"g{i // 2}" for i in range(n)],
        sources=["tcga-lgg" if i % 3 else "other" for i in range(n)],
        paths=[f"s/{i}.png" for i in range(n)],
        split="test",
        model=name,
        validation_y=y,
        validation_logits=logits.astype(np.float32),
        temperature=1.25,
    )
    report = build_report(
        inputs, resamples=50, command="c", manifest={"sha256": manifest, "name": "m.csv"}
    )
    folder = weights / name
    write_report(folder / "report.json", report)
    write_predictions(folder / "predictions.csv", inputs, 1.25)
    return report


@pytest.fixture
def published(tiny_weights, tmp_path):
    """Two ready models, `cnn` and `vgg16`; the second's weights are never loaded here."""
    card = json.loads((tiny_weights / "cnn" / "card.json").read_text())
    for seed, name in enumerate(("cnn", "vgg16")):
        shutil.copytree(tiny_weights / "cnn", tmp_path / name)
        write_json(tmp_path / name / "card.json", {**card, "name": name, "parameters": 100})
        publish(tmp_path, name, seed)
    return tmp_path


def test_a_row_repeats_card_and_report(published):
    found = compare(weights_dir=published, resamples=50)
    report = json.loads((published / "cnn" / "report.json").read_text())
    row = found["models"]["cnn"]
    assert list(found["models"]) == ["cnn", "vgg16"]
    for key in ("accuracy", "macro", "per_class", "confusion", "per_source", "within_patient"):
        assert row[key] == report[key]
    assert row["calibration"]["ece"] == report["calibration"]["after"]["ece"]
    assert row["parameters"] == 100
    assert row["bytes"] == (published / "cnn" / "weights.safetensors").stat().st_size
    assert row["latency"] is None


def test_pairs_are_counted_on_the_same_images(published):
    (pair,) = compare(weights_dir=published, resamples=50)["pairs"]
    first, second = (read_predictions(published / m / "predictions.csv") for m in ("cnn", "vgg16"))
    only_first = int((first.correct & ~second.correct).sum())
    only_second = int((second.correct & ~first.correct).sum())
    assert (pair["n"], pair["only_first"], pair["only_second"]) == (N, only_first, only_second)
    expected = binomtest(only_first, only_first + only_second).pvalue
    assert pair["p_value"] == pytest.approx(expected, abs=1e-6)
    assert pair["accuracy_difference"]["value"] == pytest.approx(
        (only_first - only_second) / N, abs=1e-6
    )


def test_the_ensemble_is_the_mean_of_calibrated_probabilities(published):
    ensemble = compare(weights_dir=published, resamples=50)["ensemble"]
    first, second = (read_predictions(published / m / "predictions.csv") for m in ("cnn", "vgg16"))
    mean = (first.probabilities + second.probabilities) / 2
    assert ensemble["members"] == ["cnn", "vgg16"]
    assert ensemble["accuracy"]["value"] == pytest.approx(
        (mean.argmax(axis=1) == first.y).mean(), abs=1e-6
    )
    accepted = mean.max(axis=1) >= 0.7
    right = mean.argmax(axis=1) == first.y
    assert ensemble["threshold"]["accuracy"]["value"] == pytest.approx(
        right[accepted].mean(), abs=1e-6
    )
    assert ensemble["threshold"]["curve"][70]["coverage"] == pytest.approx(
        accepted.mean(), abs=1e-6
    )
    assert ensemble["parameters"] == 200
    assert ensemble["within_patient"]["n_tumour"] + ensemble["within_patient"]["n_notumour"] == 40
    assert ensemble["external"] is None


def test_figures_from_predictions_are_those_of_the_report(published):
    report = json.loads((published / "cnn" / "report.json").read_text())
    row = summarise_predictions(read_predictions(published / "cnn" / "predictions.csv"))
    assert row["accuracy"]["value"] == pytest.approx(report["accuracy"]["value"], abs=1e-6)
    assert row["macro"]["f1"]["value"] == pytest.approx(report["macro"]["f1"]["value"], abs=1e-6)
    assert row["calibration"]["ece"] == pytest.approx(
        report["calibration"]["after"]["ece"], abs=1e-4
    )


def test_other_orders_of_images_and_classes_are_aligned(published):
    stored = read_predictions(published / "cnn" / "predictions.csv")
    turned = stored.among(stored.paths[::-1], stored.labels[::-1])
    np.testing.assert_array_equal(turned.correct, stored.correct[::-1])
    # Stored probabilities have six digits; the ensemble's rows sum to 1 again.
    np.testing.assert_allclose(
        ensemble_of([stored, turned]).probabilities, stored.probabilities, atol=5e-6
    )
    (pair,) = compare_pairs({"a": stored, "b": turned}, resamples=10)
    assert pair["p_value"] == 1.0


def test_images_without_a_common_truth_are_refused(published):
    stored = read_predictions(published / "cnn" / "predictions.csv")
    text = (published / "vgg16" / "predictions.csv").read_text()
    (published / "vgg16" / "predictions.csv").write_text(
        text.replace("s/0.png,other,g0,glioma", "s/0.png,other,g0,pituitary")
    )
    with pytest.raises(DatasetError, match=r"one truth. Received: two classes for s/0.png"):
        common_paths([stored, read_predictions(published / "vgg16" / "predictions.csv")])
    with pytest.raises(DatasetError, match="none in common"):
        common_paths([stored.among(stored.paths[:2], CLASSES), stored.among(["s/9.png"], CLASSES)])


def test_a_model_of_another_manifest_is_named(published, tiny_manifest):  # noqa: F811
    with pytest.raises(DatasetError, match=r"measured on its manifest.*Received: cnn"):
        compare(weights_dir=published, manifest=tiny_manifest)
    publish(published, "vgg16", 1, manifest="b" * 64)
    (note,) = compare(weights_dir=published, resamples=10)["notes"]
    assert "different manifests" in note


def test_a_model_that_may_have_learned_from_what_it_was_measured_on_is_named(published):
    assert compare(weights_dir=published, resamples=10)["notes"] == []
    path = published / "vgg16" / "card.json"
    card = json.loads(path.read_text())
    card["trained_on"] = {"manifest_sha256": "c" * 64}
    card["calibrated_on"] = {"manifest_sha256": "a" * 64}
    write_json(path, card)
    (note,) = compare(weights_dir=published, resamples=10)["notes"]
    assert note.startswith("vgg16 was measured on another manifest than it learned from")
    found = read_card(path.parent)
    assert (found.learned_from, found.measured_on) == ("c" * 64, "a" * 64)


def test_models_of_other_classes_have_no_ensemble(published):
    publish(published, "vgg16", 1, labels=("a", "b"))
    found = compare(weights_dir=published, resamples=10)
    assert found["ensemble"] is None
    assert found["pairs"] == []
    assert found["notes"] == ["The ensemble needs models of the same classes."]


@pytest.mark.parametrize(
    "content", ["", "path,label\n", "path,source,group,label,p_a\n1,2,3,b,1\n"]
)
def test_a_broken_table_is_said(published, content):
    (published / "cnn" / "predictions.csv").write_text(content)
    with pytest.raises(DatasetError, match=r"predictions.csv is the table.*Received: 'cnn'"):
        compare(weights_dir=published)


def test_nothing_to_compare_is_said(tmp_path):
    with pytest.raises(ModelNotReadyError, match="at least one ready model"):
        compare(weights_dir=tmp_path)


def test_the_command_writes_and_prints(published, monkeypatch, capsys):
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(published))
    get_settings.cache_clear()
    try:
        assert main(["compare"]) == 0
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    written = json.loads((published / "comparison.json").read_text())
    out = capsys.readouterr().out
    assert f"{written['models']['vgg16']['accuracy']['value']:.4f}" in out
    assert f"{written['ensemble']['accuracy']['value']:.4f}" in out
    assert "McNemar p = " in out


def test_latency_is_measured_with_one_slice(tiny_weights):
    found = measure_latency(load_folder(tiny_weights / "cnn"), runs=2)
    assert found["predict_ms"] > 0
    assert found["explain_ms"] > 0
    assert (found["runs"], found["batch_size"]) == (2, 1)
