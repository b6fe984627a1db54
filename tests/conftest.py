import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

from core.settings import get_settings

ROOT = Path(__file__).resolve().parents[1]


# Answers in bfloat16 differ in the third digit; tests must say the same on every processor.
os.environ.setdefault("GLIALENS_PRECISION", "float32")


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests decode and train out of the project's own `runs`, in one folder for all."""
    if "GLIALENS_RUNS_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="glialens-tests-")
        os.environ["GLIALENS_RUNS_DIR"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give every test the same random networks: Keras draws its seeds from `random`."""
    random.seed(0)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """A weights folder whose `cnn` is 32 px small and random: it answers, but knows nothing."""
    from core.files import write_json
    from core.labels import CLASSES
    from core.models import registry
    from core.models.weights import save_weights

    folder = tmp_path_factory.mktemp("weights")
    model = registry.build("cnn", 32, CLASSES)
    sha256 = save_weights(model, folder / "cnn" / "weights.safetensors")
    card = {
        "name": "cnn",
        "architecture": "cnn",
        "input_size": 32,
        "labels": list(CLASSES),
        "temperature": 1.5,
        "threshold": 0.7,
        "sha256": sha256,
        "init": "random weights, for tests alone",
        "trained_on": {},
        "metrics": {},
        "command": "tests/conftest.py",
        "version": "0",
        "created": "2026-01-01T00:00:00+00:00",
        "license": "MIT",
    }
    write_json(folder / "cnn" / "card.json", card)
    return folder


@pytest.fixture
def weights(tiny_weights, monkeypatch):
    """The settings, pointing at `tiny_weights`."""
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tiny_weights))
    get_settings.cache_clear()
    yield tiny_weights
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def phantom_files(tmp_path):
    """Three PNG files of drawn slices, two of them with a lesion."""
    from core.data.phantom import draw_phantom
    from core.imaging.overlay import to_grey_rgb, to_png

    files = []
    for seed, lesion in enumerate(("glioma", "meningioma", None)):
        file = tmp_path / "phantoms" / f"phantom-{seed}.png"
        file.parent.mkdir(exist_ok=True)
        pixels = draw_phantom(seed, size=96, lesion=lesion).slice.pixels
        file.write_bytes(to_png(to_grey_rgb(pixels)))
        files.append(file)
    return files


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real MRI slices; tests that need it skip where it is absent."""
    named = os.environ.get("GLIALENS_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs real MRI slices: name their folder with GLIALENS_TEST_DATA")
    return folder
