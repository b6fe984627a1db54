import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from streamlit.config import set_option
from streamlit.testing.v1 import AppTest

from core.compare import compare
from core.evaluation.inputs import EvaluationInputs, ExternalInputs, ShippedSplitInputs
from core.evaluation.localisation import LocalisationResult
from core.evaluation.report import build_report, write_report
from core.evaluation.storage import write_predictions
from core.imaging.quality import assess
from core.settings import get_settings
from core.types import Analysis, Explanation, Prediction
from tests.pages.stored import DIGEST, WEIGHTS, log  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("glioma", "meningioma", "notumor", "pituitary")
SLICES = 80


class FakePredictor:
    """Answers from the picture's brightness and counts how often it is asked."""

    def __init__(self, name="cnn", top=0.91, in_domain=True, warnings=(), wavers=False):
        self.name = name
        self.top = top
        self.in_domain = in_domain
        self.warnings = tuple(warnings)
        self.wavers = wavers
        self.asked = 0
        self.warmed = 0
        self.explained = []
        self.layer = "block5"
        self.predicted = 0
        self.labels = LABELS
        self.card = SimpleNamespace(name=name, sha256="0" * 64, input_size=32, temperature=1.0)

    def warm_up(self):
        self.warmed += 1

    def layers(self):
        return [
            SimpleNamespace(name="block4", shape=(20, 20, 160)),
            SimpleNamespace(name="block5", shape=(10, 10, 256)),
        ]

    def explain(self, slice_, method, target=None, layer=None):
        self.explained.append((method, target, layer))
        empty = np.zeros(slice_.shape, np.float32)
        return Explanation(target, empty, method, layer)

    def analyse(self, slice_):
        self.asked += 1
        rest = (1 - self.top) / 3
        probabilities = np.array([rest, self.top, rest, rest], np.float32)
        rows, columns = np.mgrid[0 : 1 : slice_.shape[0] * 1j, 0 : 1 : slice_.shape[1] * 1j]
        explanations = {}
        for position, label in enumerate(LABELS):
            far = (rows - 0.3) ** 2 + (columns - 0.3 - 0.1 * position) ** 2
            cam = np.exp(-far / 0.02).astype(np.float32)
            explanations[label] = Explanation(label, cam, "grad-cam", "block5")
        return Analysis(self._prediction(slice_, probabilities), explanations)

    def predict(self, slices):
        """Sees a glioma in slice 5 of any volume, and no tumour elsewhere."""
        self.predicted += len(slices)
        sick, well = (0.85, 0.05, 0.05, 0.05), (0.05, 0.05, 0.85, 0.05)
        return [
            self._prediction(s, np.array(sick if s.index == 5 else well, np.float32))
            for s in slices
        ]

    def logits(self, images):
        """Every other copy is a pituitary tumour if `wavers`, else all are a meningioma."""
        rows = np.tile(np.array([0.0, 3.0, 0.0, 0.0], np.float32), (len(images), 1))
        if self.wavers:
            rows[1::2] = (0.0, 0.0, 0.0, 3.0)
        return rows

    def _prediction(self, slice_, probabilities):
        return Prediction(
            self.name,
            LABELS,
            np.log(probabilities),
            probabilities,
            0.7,
            ("meningioma",),
            self.in_domain and assess(slice_).ok,
            self.warnings,
        )


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Empty folders for weights and runs, no data folder, and cold caches."""
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.delenv("GLIALENS_DATA_DIR", raising=False)
    (tmp_path / "weights").mkdir()
    (tmp_path / "runs").mkdir()
    # The shipped configuration hides tracebacks from visitors; a failing test should show them.
    set_option("client.showErrorDetails", "full")
    get_settings.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()
    yield tmp_path
    get_settings.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()


def card(name="cnn"):
    return {
        "name": name,
        "architecture": name,
        "input_size": 128,
        "labels": list(LABELS),
        "temperature": 1.3,
        "threshold": 0.7,
        "sha256": DIGEST,
        "init": "random",
        "trained_on": {"sources": {}},
        "metrics": {},
        "command": "train",
        "version": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
    }


def history(epochs=6):
    return [
        {
            "epoch": e,
            "loss": 1.2 / e,
            "accuracy": 1 - 0.5 / e,
            "val_loss": 1.3 / e + 0.02 * max(0, e - 4),
            "val_accuracy": 0.95 - 0.5 / e,
            "learning_rate": 5e-4,
            "seconds": 12.5,
        }
        for e in range(1, epochs + 1)
    ]


def report(full=True, seed=0):
    """A real report of a made-up model."""
    rng = np.random.default_rng(seed)

    def logits(y):
        return (rng.normal(size=(len(y), 4)) + 3 * np.eye(4)[y]).astype(np.float32)

    y, val_y = np.arange(120) % 4, np.arange(80) % 4
    sources = ["tcga-lgg" if k % 3 == 0 else "brain-tumor-mri" for k in range(120)]
    inputs = EvaluationInputs(
        labels=LABELS,
        y=y,
        logits=logits(y),
        groups=[f"g{k // 4}" for k in range(120)],
        sources=sources,
        paths=[f"{k}.png" for k in range(120)],
        split="test",
        model="cnn",
        validation_y=val_y,
        validation_logits=logits(val_y),
        external=ExternalInputs("br35h-external", logits(np.full(30, 2))) if full else None,
        localisation=[
            LocalisationResult(k % 3 > 0, 0.4, k % 4 == 0, f"g{k}", "glioma" if k else "pituitary")
            for k in range(20)
        ]
        if full
        else None,
        shipped=ShippedSplitInputs(np.arange(40) % 20 > 0, [f"s{k}" for k in range(40)], 17)
        if full
        else None,
    )
    return build_report(
        inputs,
        resamples=50,
        command="python -m core evaluate cnn",
        manifest={"sha256": "0" * 64, "name": "manifest.csv"},
    )


@pytest.fixture
def publish(folders):
    """Lay a published model into the weights folder: its card, history and report."""

    def publish(name="cnn", with_report=True, full=True):
        folder = folders / "weights" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "card.json").write_text(json.dumps(card(name)))
        (folder / "weights.safetensors").write_bytes(WEIGHTS)
        (folder / "history.json").write_text(json.dumps(history()))
        if with_report:
            write_report(folder / "report.json", report(full))
        return folder

    return publish


@pytest.fixture
def predict_with(publish, monkeypatch):
    """Publish a model whose predictor is a counting fake with the given answer."""

    def predict_with(**options):
        publish()
        fake = FakePredictor(**options)
        monkeypatch.setattr("core.inference.get_predictor", lambda *_: fake)
        return fake

    return predict_with


@pytest.fixture
def predictor(predict_with):
    """A published model whose predictor is the counting fake."""
    return predict_with()


@pytest.fixture
def open_page():
    """Open a page the way a browser does, with query parameters."""

    def open_page(script=None, **params):
        at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
        for key, value in params.items():
            at.query_params[key] = value
        if script is not None:
            at.switch_page(script)
        at.run()
        assert not at.exception, f"{at.exception[0].message} {at.exception[0].stack_trace}"
        return at

    return open_page


@pytest.fixture
def texts():
    """Return everything that a screen says, without the escapes of Markdown."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error")

    def texts(at):
        said = "\n".join(element.value for kind in kinds for element in getattr(at, kind))
        return said.replace("\\", "")

    return texts


@pytest.fixture
def lay_model(publish, folders):
    """A published model with a report and the predictions behind it, right most of the time."""

    def lay_model(name, seed=0, split="test"):
        folder = publish(name, with_report=False)
        if split != "test":
            folder = folder / split
        rng = np.random.default_rng(seed)
        y = np.arange(SLICES) % 4
        logits = (rng.normal(size=(SLICES, 4)) + 2 * np.eye(4)[y]).astype(np.float32)
        inputs = EvaluationInputs(
            labels=LABELS,
            y=y,
            logits=logits,
            groups=[f"g{k // 2}" for k in range(SLICES)],
            sources=["tcga-lgg" if k % 3 else "other" for k in range(SLICES)],
            paths=[f"set/{k}.png" for k in range(SLICES)],
            split=split,
            model=name,
            validation_y=y,
            validation_logits=logits,
            temperature=1.0,
        )
        report = build_report(
            inputs, resamples=20, command="c", manifest={"sha256": "0" * 64, "name": "m.csv"}
        )
        write_report(folder / "report.json", report)
        write_predictions(folder / "predictions.csv", inputs, 1.0)
        return report

    return lay_model


@pytest.fixture
def pair(lay_model, folders):
    """Two models and their comparison."""
    reports = {name: lay_model(name, seed) for seed, name in enumerate(("cnn", "vgg16"))}
    weights = folders / "weights"
    compare(weights_dir=weights, out=weights / "comparison.json", resamples=20)
    return reports


def table(at, column):
    """The one table that has a column."""
    (found,) = [d.value for d in at.dataframe if column in d.value.columns]
    return found
