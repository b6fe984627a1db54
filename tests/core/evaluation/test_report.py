import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as oracle

from core.errors import DatasetError, OutputError
from core.evaluation.calibration import softmax
from core.evaluation.inputs import EvaluationInputs, ExternalInputs, ShippedSplitInputs
from core.evaluation.localisation import LocalisationResult
from core.evaluation.report import build_report, read_report, write_predictions, write_report

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
INTERVAL = {"value", "low", "high", "n"}
MANIFEST = {"sha256": "ab" * 32, "name": "manifest.csv"}


def draw(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=n)
    return y, (3 * rng.normal(size=(n, 4)) + 5 * np.eye(4)[y]).astype(np.float32)


@pytest.fixture(scope="module")
def inputs():
    y, logits = draw(240, 0)
    validation_y, validation_logits = draw(200, 1)
    sources = np.where(np.isin(y, (0, 2)) & (np.arange(240) % 2 == 0), "tcga-lgg", "figshare")
    return EvaluationInputs(
        labels=LABELS,
        y=y,
        logits=logits,
        groups=[f"{source}:{k // 4}" for k, source in enumerate(sources)],
        sources=sources.tolist(),
        paths=[f"images/{k}.jpg" for k in range(240)],
        split="test",
        model="cnn",
        validation_y=validation_y,
        validation_logits=validation_logits,
        external=ExternalInputs("br35h-external", draw(30, 2)[1]),
        localisation=[LocalisationResult(k % 3 > 0, 0.4, False, str(k)) for k in range(12)],
        lesion_localisation=[LocalisationResult(True, 0.6, False, str(k)) for k in range(12)],
        shipped=ShippedSplitInputs(np.arange(20) > 0, [str(k) for k in range(20)], 7),
    )


def build(inputs, **options):
    return build_report(inputs, command="evaluate cnn", manifest=MANIFEST, resamples=60, **options)


@pytest.fixture(scope="module")
def report(inputs):
    return build(inputs)


def test_outline(report):
    assert list(report) == [
        *("schema", "model", "created", "version", "command", "manifest", "split", "labels"),
        *("n", "n_groups", "accuracy", "macro", "per_class", "confusion", "per_source"),
        *("calibration", "threshold", "conformal", "curves", "external", "within_patient"),
        *("localisation", "shipped_split"),
    ]
    metrics = {"precision", "recall", "specificity", "f1", "roc_auc"}
    assert set(report["macro"]) == metrics
    assert set(report["per_class"]) == set(report["curves"]) == set(LABELS)
    for entry in report["per_class"].values():
        assert set(entry) == metrics | {"support"}
        assert all(set(entry[name]) == INTERVAL for name in metrics)
    for entry in report["per_source"].values():
        assert set(entry) == {"n", "n_groups", "accuracy", "macro_f1", "confusion"}
    assert set(report["threshold"]) == {"value", "coverage", "accuracy", "curve"}
    assert [row["nominal"] for row in report["conformal"]["levels"]] == [0.95, 0.99]
    assert set(report["external"]) == {
        *("name", "n_tumour", "n_notumour", "auroc", "found_at_decision"),
        *("found_at_95_specificity", "notumour_kept"),
    }
    assert set(report["within_patient"]) == {
        *("source", "n_patients", "n_tumour", "n_notumour", "auroc", "mean_patient_auroc"),
    }
    assert report["localisation"]["lesion_map"]["pointing"]["value"] == 1.0
    assert report["shipped_split"]["leaking"] is True
    assert report["shipped_split"]["n_seen_in_training"] == 7
    assert "inflated" in report["shipped_split"]["note"]


def test_values_match_scikit_learn(inputs, report):
    predicted = inputs.logits.argmax(axis=1)
    probabilities = softmax(inputs.logits, report["calibration"]["temperature"])
    assert report["confusion"] == oracle.confusion_matrix(inputs.y, predicted).tolist()
    close = {"abs": 1e-6}
    accuracy = oracle.accuracy_score(inputs.y, predicted)
    assert report["accuracy"]["value"] == pytest.approx(accuracy, **close)
    for metric, score in (
        ("precision", oracle.precision_score),
        ("recall", oracle.recall_score),
        ("f1", oracle.f1_score),
    ):
        macro = score(inputs.y, predicted, average="macro")
        assert report["macro"][metric]["value"] == pytest.approx(macro, **close)
        for label, value in zip(LABELS, score(inputs.y, predicted, average=None), strict=True):
            assert report["per_class"][label][metric]["value"] == pytest.approx(value, **close)
    area = oracle.roc_auc_score(inputs.y == 1, probabilities[:, 1])
    assert report["per_class"]["meningioma"]["roc_auc"]["value"] == pytest.approx(area, abs=1e-5)
    accepted = probabilities.max(axis=1) >= 0.7
    assert report["threshold"]["coverage"]["value"] == pytest.approx(accepted.mean(), **close)


def test_denominators(inputs, report):
    predicted, entry = inputs.logits.argmax(axis=1), report["per_class"]["glioma"]
    support = int((inputs.y == 0).sum())
    assert entry["support"] == entry["recall"]["n"] == support
    assert entry["precision"]["n"] == int((predicted == 0).sum())
    assert entry["specificity"]["n"] == 240 - support


def test_intervals_contain_their_values(report):
    for entry in [report["accuracy"], *report["macro"].values()]:
        assert 0 < entry["low"] < entry["value"] < entry["high"] < 1


def test_a_source_is_averaged_over_its_own_classes(inputs, report):
    mask = np.array(inputs.sources) == "tcga-lgg"
    predicted = inputs.logits.argmax(axis=1)
    own = oracle.f1_score(inputs.y[mask], predicted[mask], labels=[0, 2], average="macro")
    source = report["per_source"]["tcga-lgg"]
    assert source["macro_f1"]["value"] == pytest.approx(own, abs=1e-6)
    assert source["n"] == mask.sum()
    assert sum(entry["n"] for entry in report["per_source"].values()) == report["n"]


def test_same_inputs_same_report_other_seed_other_intervals(inputs, report):
    again, other = build(inputs), build(inputs, seed=1)
    assert {**again, "created": ""} == {**report, "created": ""}
    assert other["accuracy"]["value"] == report["accuracy"]["value"]
    assert other["macro"]["f1"] != report["macro"]["f1"]


def test_a_given_temperature_is_kept(inputs):
    assert build(replace(inputs, temperature=1.5))["calibration"]["temperature"] == 1.5


def test_optional_parts_are_null(inputs):
    bare = replace(inputs, external=None, localisation=None, shipped=None, sources=["x"] * 240)
    report = build(bare)
    for name in ("external", "within_patient", "localisation", "shipped_split"):
        assert report[name] is None


def test_a_class_without_images_is_null_not_nan(inputs):
    keep = inputs.y != 3
    some = replace(
        inputs,
        y=inputs.y[keep],
        logits=inputs.logits[keep],
        groups=[g for g, k in zip(inputs.groups, keep, strict=True) if k],
        sources=[s for s, k in zip(inputs.sources, keep, strict=True) if k],
        paths=[p for p, k in zip(inputs.paths, keep, strict=True) if k],
    )
    report = build(some)
    assert report["per_class"]["pituitary"]["recall"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
    }
    assert report["per_class"]["pituitary"]["roc_auc"]["value"] is None
    assert report["curves"]["pituitary"]["roc"] == {"fpr": [], "tpr": []}
    assert report["macro"]["recall"]["value"] > 0.5
    json.dumps(report, allow_nan=False)


def test_a_class_that_is_never_predicted_has_precision_zero(inputs):
    logits = inputs.logits.copy()
    logits[:, 1] -= 100
    entry = build(replace(inputs, logits=logits))["per_class"]["meningioma"]
    assert entry["precision"]["value"] == entry["recall"]["value"] == 0.0
    assert entry["precision"]["n"] == 0


def test_external_slices_can_be_set_against_one_source(inputs):
    external = replace(inputs.external, notumour_sources=["figshare"])
    report = build(replace(inputs, external=external))
    expected = ((inputs.y == 2) & (np.array(inputs.sources) == "figshare")).sum()
    assert report["external"]["n_notumour"] == expected
    with pytest.raises(DatasetError, match="tumour-free images in the test split"):
        build(replace(inputs, external=replace(external, notumour_sources=["none"])))


def test_written_reports_read_back(tmp_path, report):
    path = tmp_path / "runs" / "report.json"
    write_report(path, report)
    assert read_report(path) == report
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(schema=2), "schema 1.*Received: 2"),
        (lambda r: r.pop("macro"), "Received: one without macro"),
        (lambda r: r.update(n="many"), "n is of type int. Received: str"),
        (lambda r: r.update(external=[]), "external is of type dict or null. Received: list"),
        (lambda r: r["per_class"].pop("glioma"), "one entry per label"),
        (lambda r: r["confusion"].pop(), r"per label \(4\). Received: 3 rows"),
        (lambda r: r["accuracy"].pop("low"), "accuracy has high, low, n, value"),
    ],
)
def test_broken_reports_are_refused(tmp_path, report, change, message):
    broken = json.loads(json.dumps(report))
    change(broken)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(DatasetError, match=message):
        read_report(path)
    with pytest.raises(DatasetError, match=message):
        write_report(tmp_path / "other.json", broken)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is a JSON file"),
        (b"{", "is a JSON file"),
        (b"[1]", "a JSON object. Received: list"),
        (b"\xff\xfe\x00", "readable text file"),
        (b"[" * 200_000, "is a JSON file"),
    ],
)
def test_files_that_are_no_reports_are_refused(tmp_path, content, message):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_report(path)


def test_a_missing_report_says_what_writes_it(tmp_path):
    with pytest.raises(DatasetError, match="`evaluate` writes it"):
        read_report(tmp_path / "report.json")
    with pytest.raises(DatasetError, match="readable text file"):
        read_report(tmp_path)


def test_an_unwritable_place_is_one_sentence(tmp_path, report):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="must be writable"):
        write_report(tmp_path / "file" / "report.json", report)


def test_predictions_have_one_row_per_image(tmp_path, inputs, report):
    path = tmp_path / "predictions.csv"
    temperature = report["calibration"]["temperature"]
    write_predictions(path, inputs, temperature)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        *("path", "source", "group", "label", "predicted", "confidence"),
        *(f"p_{label}" for label in LABELS),
    ]
    assert len(rows) == 240
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert right == pytest.approx(report["accuracy"]["value"], abs=1e-6)
    expected = softmax(inputs.logits[17], temperature)
    for label, p in zip(LABELS, expected, strict=True):
        assert rows[17][f"p_{label}"] == f"{p:.6f}"
    assert rows[17]["path"] == "images/17.jpg"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("labels", ("a",), "at least two classes"),
        ("logits", np.zeros((240, 3), np.float32), r"images, 4\). Received: \(240, 3\)"),
        ("logits", np.zeros((9, 4), np.float32), r"one row per image \(240\)"),
        ("logits", np.full((240, 4), np.nan, np.float32), "Received: 960 that are not finite"),
        ("y", np.full(240, 4), "class indices from 0 to 3"),
        ("groups", ["a"], "one group. Received: 240 images, 1 groups"),
        ("validation_y", np.empty(0, int), "validation split needs at least one image"),
        ("external", ExternalInputs("x", np.empty((0, 4), np.float32)), "external set needs"),
        ("shipped", ShippedSplitInputs(np.empty(0, bool), [], 0), "shipped split has at least"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, field, value, message):
    with pytest.raises(DatasetError, match=message):
        replace(inputs, **{field: value})


def test_wrong_options_are_refused(inputs):
    with pytest.raises(DatasetError, match=r"threshold lies between 0 and 1. Received: 70"):
        build(inputs, threshold=70)
    with pytest.raises(DatasetError, match=r"Received: \['name'\]"):
        build_report(inputs, command="", manifest={"name": "m"})
