import json
import shutil
from contextlib import ExitStack, contextmanager

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from api.settings import ServiceSettings
from core.cli import main
from core.settings import get_settings
from tests.hostile.pictures import encoded, grey
from tests.waiting import wait_until


@contextmanager
def serving(**settings):
    app = create_app(ServiceSettings(rate_limit=0, **settings))
    with TestClient(app) as client:
        wait_until(lambda: app.state.service.loaded)
        yield client


@pytest.fixture(scope="module")
def service(tiny_weights):
    """One service for all cases of a module: it must still answer after each of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("API_KEYS", "CORS_ORIGINS", "MODELS", "DEFAULT_MODEL"):
            patch.delenv(f"GLIALENS_{name}", raising=False)
        patch.setenv("GLIALENS_WEIGHTS_DIR", str(tiny_weights))
        get_settings.cache_clear()
        with serving(cache_entries=0) as client:
            yield client
    get_settings.cache_clear()


@pytest.fixture
def make_service(weights):
    """Start services with settings of their own."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(serving(**settings))


@pytest.fixture
def command(weights, capsys):
    """Run a command in this process; returns its exit code, the lines of stdout, and stderr."""

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out.splitlines(), err

    return run


@pytest.fixture
def predict(command):
    """Let the small model read paths; returns the exit code and the records."""

    def run(*paths):
        code, lines, _ = command("predict", "--model", "cnn", "--format", "jsonl", *paths)
        return code, [json.loads(line) for line in lines]

    return run


@pytest.fixture
def own_weights(service, weights, tmp_path, monkeypatch):
    """A copy of the small model that a test may damage; the settings point at it."""
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(folder))
    get_settings.cache_clear()
    yield folder
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(weights))
    get_settings.cache_clear()
    answer = service.post("/predict", files={"file": encoded(grey())})
    assert answer.status_code == 200, "a model that was repaired doesn't answer"
