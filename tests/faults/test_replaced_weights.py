"""Weights are published anew while others ask for answers."""

import json
import shutil
import threading

import numpy as np
import pytest

from core import inference
from core.errors import ModelNotReadyError
from core.files import exchange
from core.inference import get_predictor, load_folder
from core.publish import _swap
from core.settings import get_settings
from tests.core.cases.made import slice_of


@pytest.fixture
def folders(tiny_weights, tmp_path, monkeypatch):
    """A weights folder to serve from, and two whole models: other weights, other temperature."""
    from core.labels import CLASSES
    from core.models import registry
    from core.models.weights import save_weights

    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tmp_path / "weights"))
    get_settings.cache_clear()
    models = []
    for number in range(2):
        model = tmp_path / f"model-{number}"
        shutil.copytree(tiny_weights / "cnn", model)
        card = json.loads((model / "card.json").read_text())
        network = registry.build("cnn", 32, CLASSES)
        card["sha256"] = save_weights(network, model / "weights.safetensors")
        card["temperature"] = 1.0 + number
        (model / "card.json").write_text(json.dumps(card))
        models.append(model)
    shutil.copytree(models[0], tmp_path / "weights" / "cnn")
    yield tmp_path / "weights" / "cnn", models
    get_settings.cache_clear()


def replace(served, model):
    fresh = served.with_name(".fresh")
    shutil.copytree(model, fresh)
    _swap(fresh, served)


def slices():
    rng = np.random.default_rng(0)
    return [type(slice_of())(rng.random((40, 40), dtype=np.float32)) for _ in range(3)]


def test_every_answer_is_the_old_ones_or_the_new_ones(folders):
    served, models = folders
    asked = slices()
    wanted = [[p.probabilities for p in load_folder(m).predict(asked)] for m in models]
    assert not np.allclose(wanted[0], wanted[1], atol=1e-3)
    given, faults, over = [], [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                answers = get_predictor("cnn").predict(asked)
            except ModelNotReadyError as error:
                faults.append(str(error))
                return
            given.append([p.probabilities for p in answers])

    def until_answered(which):
        while not faults and not (given and np.allclose(given[-1], wanted[which], atol=1e-5)):
            over.wait(0.01)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for which in (0, 1, 0, 1):
            replace(served, models[which])
            until_answered(which)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert faults == []
    for answer in given:
        assert any(np.allclose(answer, known, atol=1e-5) for known in wanted), "a mixture"
    assert sorted(p.name for p in served.parent.iterdir()) == ["cnn"]


@pytest.mark.parametrize("reads", [1, 2])
def test_published_while_its_files_are_read(folders, monkeypatch, reads):
    served, models = folders
    left = [reads]
    real = inference.read_card

    def read_and_publish(folder):
        card = real(folder)
        left[0] -= 1
        if left[0] == 0:
            # Between the card and the weights.
            replace(served, models[1])
        return card

    monkeypatch.setattr(inference, "read_card", read_and_publish)
    answer = get_predictor("cnn")
    assert answer.card.temperature == 2.0
    assert answer.card.sha256 == real(served).sha256


def test_the_same_weights_with_another_temperature_are_taken_up(folders):
    served, models = folders
    assert get_predictor("cnn").card.temperature == 1.0
    card = json.loads((models[0] / "card.json").read_text())
    (models[0] / "card.json").write_text(json.dumps({**card, "temperature": 3.0}))
    replace(served, models[0])
    assert get_predictor("cnn").card.temperature == 3.0


def test_damaged_weights_are_said_at_once(folders):
    served, _ = folders
    (served / "weights.safetensors").write_bytes(b"another file")
    with pytest.raises(ModelNotReadyError, match=r"SHA-256 that their card names"):
        get_predictor("cnn")


def test_names_are_exchanged_or_nothing_is_done(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    swapped = exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "file").read_text() == ("b" if swapped else "a")
    assert exchange(tmp_path / "a", tmp_path / "missing") is False
    assert (tmp_path / "a").is_dir()


def test_without_an_exchange_the_folder_is_replaced_all_the_same(folders, monkeypatch):
    served, models = folders
    monkeypatch.setattr("core.publish.exchange", lambda *_: False)
    replace(served, models[1])
    assert load_folder(served).card.temperature == 2.0
    assert sorted(p.name for p in served.parent.iterdir()) == ["cnn"]
