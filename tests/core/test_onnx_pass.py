import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from core.engines.worker import number_format
from core.errors import MissingPackageError, ModelNotReadyError
from core.gate import WARNING, Gate, write_gate
from core.inference import load_predictor
from core.onnx_pass import LIMIT, OnnxPass, pass_file
from core.settings import PROJECT_ROOT, get_settings

needed = ("onnxruntime", "tf2onnx", "onnx")
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, needed)), reason="needs requirements-onnxruntime.txt"
)
IMAGES = np.random.default_rng(0).standard_normal((3, 32, 32, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def onnx(weights, runs, monkeypatch):
    """The settings, asking for ONNX Runtime, with a folder for what it opens."""
    monkeypatch.setenv("GLIALENS_RUNTIME", "onnxruntime")
    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(runs))
    get_settings.cache_clear()
    return weights


@pytest.fixture
def phantom():
    from core.data.phantom import draw_phantom

    return draw_phantom(3).slice


def in_tensorflow(monkeypatch, name="cnn", weights=None):
    with monkeypatch.context() as patch:
        patch.setenv("GLIALENS_RUNTIME", "tensorflow")
        get_settings.cache_clear()
        predictor = load_predictor(name, weights)
    get_settings.cache_clear()
    return predictor


def test_the_answers_are_those_of_tensorflow(onnx, phantom, monkeypatch):
    mine, theirs = load_predictor("cnn"), in_tensorflow(monkeypatch)
    assert mine.layer == theirs.layer == "features"
    assert (mine.precision, theirs.precision) == ("float32, onnxruntime", "float32")
    for found, expected in zip(mine.maps(IMAGES), theirs.maps(IMAGES), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(mine.logits(IMAGES), theirs.logits(IMAGES), rtol=1e-4, atol=1e-5)
    answer, expected = mine.analyse(phantom), theirs.analyse(phantom)
    assert answer.prediction.predicted == expected.prediction.predicted
    assert answer.lesion_map.shape == phantom.pixels.shape


def test_the_gate_judges_the_same_features(onnx, phantom, monkeypatch, tmp_path):
    import shutil

    from core.explain.features import depths

    model = in_tensorflow(monkeypatch).model
    width = depths(model).shape[-1]
    shutil.copytree(onnx / "cnn", tmp_path / "cnn")
    gate = Gate(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), 0.0)
    card = json.loads((tmp_path / "cnn" / "card.json").read_text())
    card["gate"] = write_gate(gate, tmp_path / "cnn")
    (tmp_path / "cnn" / "card.json").write_text(json.dumps(card))
    mine, theirs = load_predictor("cnn", tmp_path), in_tensorflow(monkeypatch, weights=tmp_path)
    assert WARNING in mine.analyse(phantom).prediction.warnings
    assert WARNING in mine.predict([phantom])[0].warnings
    for found, expected in zip(mine._forward(IMAGES), theirs._forward(IMAGES), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_neither_tensorflow_nor_keras_is_loaded_once_the_file_is_there(onnx, phantom_files):
    load_predictor("cnn")
    words = ["predict", "--model", "cnn", "--format", "jsonl", str(phantom_files[0])]
    code = (
        "import sys\n"
        "from core.cli import main\n"
        f"assert main({words!r}) == 0\n"
        "sys.exit(', '.join({'tensorflow', 'keras'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "cnn"


def test_other_explanations_build_the_model_when_they_are_asked_for(onnx, phantom):
    predictor = load_predictor("cnn")
    assert "model" not in vars(predictor)
    cam = predictor.explain(phantom, "grad-cam++").cam
    assert cam.shape == phantom.pixels.shape
    assert "features" in {layer.name for layer in predictor.model.layers}


def test_a_large_network_keeps_tensorflow(onnx, tmp_path):
    import shutil

    shutil.copytree(onnx / "cnn", tmp_path / "cnn")
    card = json.loads((tmp_path / "cnn" / "card.json").read_text())
    (tmp_path / "cnn" / "card.json").write_text(json.dumps(card | {"parameters": LIMIT + 1}))
    assert "model" in vars(load_predictor("cnn", tmp_path))


def test_other_weights_have_another_file(onnx):
    card = load_predictor("cnn").card
    assert pass_file(card, True) != pass_file(card, False)
    from dataclasses import replace

    assert pass_file(replace(card, sha256="0" * 64), True) != pass_file(card, True)


def test_without_the_package_it_says_what_to_install(onnx, monkeypatch):
    monkeypatch.setattr("core.packages.find_spec", lambda name: None)
    with pytest.raises(
        MissingPackageError,
        match=r"requirements-onnxruntime\.txt` installs\. Received: no package 'onnxruntime'",
    ):
        load_predictor("cnn")


def test_a_damaged_file_says_how_to_mend_it(tmp_path):
    file = tmp_path / "cnn-0.onnx"
    file.write_bytes(b"no graph")
    with pytest.raises(
        ModelNotReadyError, match=r"remove it, .* Received: cnn-0\.onnx, which ONNX"
    ):
        OnnxPass(file)


def test_damaged_weights_are_refused_though_the_file_is_there(onnx, tmp_path):
    import shutil

    load_predictor("cnn")
    shutil.copytree(onnx / "cnn", tmp_path / "cnn")
    (tmp_path / "cnn" / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(ModelNotReadyError, match="must have the SHA-256"):
        load_predictor("cnn", tmp_path)


def test_workers_of_a_cluster_have_to_compute_with_the_same(onnx):
    assert number_format() == "float32, onnxruntime"
