import json
from importlib.util import find_spec

import numpy as np
import pytest

from core.cli import main
from core.errors import OutputError, UnknownModelError
from core.export import default_path, export

IMAGES = np.random.default_rng(0).standard_normal((3, 32, 32, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def logits(tiny_weights):
    """What the published network itself says, in float32."""
    from core.inference import load_predictor
    from core.settings import get_settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLIALENS_PRECISION", "float32")
        get_settings.cache_clear()
        predictor = load_predictor("cnn", tiny_weights)
    get_settings.cache_clear()
    return predictor.logits(IMAGES)


def test_a_keras_file_gives_the_same_logits(weights, logits, tmp_path, capsys):
    import keras

    path = tmp_path / "new" / "net.keras"
    assert main(["export", "cnn", "--out", str(path)]) == 0
    shown = capsys.readouterr()
    assert "glioma, meningioma, notumor, pituitary" in shown.out
    assert "core.models.head" in shown.err
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    np.testing.assert_allclose(model(IMAGES)["logits"], logits, rtol=1e-4, atol=1e-5)
    card = json.loads((tmp_path / "new" / "net.keras.card.json").read_text())
    assert card == json.loads((weights / "cnn" / "card.json").read_text())
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "net.keras",
        "net.keras.card.json",
    ]


def test_a_savedmodel_gives_the_same_logits_and_replaces_only_its_own_kind(
    weights, logits, tmp_path
):
    import tensorflow as tf

    path = tmp_path / "net"
    path.mkdir()
    (path / "thesis.txt").write_text("three years of work")
    with pytest.raises(OutputError, match=r"over an earlier one. Received: 'net', which holds"):
        export("cnn", "savedmodel", path)
    (path / "thesis.txt").rename(tmp_path / "thesis.txt")
    path.rmdir()
    for _ in range(2):
        export("cnn", "savedmodel", path)
        # Held by name: what it serves refers to the variables, but doesn't keep them.
        loaded = tf.saved_model.load(path)
        found = loaded.serve(tf.constant(IMAGES))
        np.testing.assert_allclose(found["logits"], logits, rtol=1e-4, atol=1e-5)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "net",
        "net.card.json",
        "thesis.txt",
    ]


@pytest.mark.skipif(
    not all(map(find_spec, ("tf2onnx", "onnx"))), reason="needs requirements-export.txt"
)
def test_an_onnx_file_gives_the_same_logits(weights, logits, tmp_path):
    from onnx.reference import ReferenceEvaluator

    path = tmp_path / "net.onnx"
    export("cnn", "onnx", path)
    session = ReferenceEvaluator(str(path))
    found = dict(
        zip(session.output_names, session.run(None, {session.input_names[0]: IMAGES}), strict=True)
    )
    [answer] = [value for value in found.values() if value.shape == logits.shape]
    np.testing.assert_allclose(answer, logits, rtol=1e-4, atol=1e-5)


def test_onnx_without_its_packages_says_what_to_install(weights, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("core.packages.find_spec", lambda name: None)
    path = tmp_path / "net.onnx"
    assert main(["export", "cnn", "--format", "onnx", "--out", str(path)]) == 1
    assert capsys.readouterr().err == (
        "error: The format 'onnx' needs what `pip install -r requirements-export.txt` installs. "
        "Received: no package 'tf2onnx'.\n"
    )
    assert not list(tmp_path.iterdir())


def test_an_export_that_fails_leaves_nothing(weights, tmp_path, monkeypatch):
    def fail(self, path, **_):
        path.mkdir()
        (path / "half").write_text("")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keras.Model.export", fail)
    with pytest.raises(OutputError, match=r"must be writable. Received: net, No space left"):
        export("cnn", "savedmodel", tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_an_unknown_model(weights, tmp_path, capsys):
    assert main(["export", "nonet", "--out", str(tmp_path / "x")]) == 1
    assert "The model is one of: " in capsys.readouterr().err
    with pytest.raises(UnknownModelError, match="Received: 'nonet'"):
        export("nonet", "keras", tmp_path / "x")


def test_default_paths():
    assert [str(default_path("cnn", form)) for form in ("keras", "savedmodel", "onnx")] == [
        "cnn.keras",
        "cnn-savedmodel",
        "cnn.onnx",
    ]
