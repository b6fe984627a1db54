import json
import shutil
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
import uvicorn
from fastapi.testclient import TestClient

from api.main import create_app
from api.settings import ServiceSettings
from core.models import registry
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No setting of the machine reaches a test."""
    for name in ("API_KEYS", "API_KEY", "CORS_ORIGINS", "MODELS", "DEFAULT_MODEL", "RATE_LIMIT"):
        monkeypatch.delenv(f"GLIALENS_{name}", raising=False)


@pytest.fixture
def make_client(weights):
    """Start services with settings of their own, their models loaded."""
    with ExitStack() as stack:

        def make(loaded=True, raises=True, **settings):
            app = create_app(ServiceSettings(**settings))
            client = TestClient(app, raise_server_exceptions=raises)
            stack.enter_context(client)
            if loaded:
                wait_until(lambda: app.state.service.loaded)
            return client

        yield make


@pytest.fixture
def client(make_client):
    """A service as it is without any setting."""
    return make_client()


@pytest.fixture
def make_server(weights):
    """Start services that listen on a real port; returns the address and the app."""
    running = []

    def make(**settings):
        app = create_app(ServiceSettings(**settings))
        # Configuring logging would close absl's handler, and with it the captured stderr.
        config = uvicorn.Config(
            app,
            port=0,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        wait_until(lambda: server.started and app.state.service.loaded)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}", app

    yield make
    for server, thread in running:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def png(phantom_files):
    """The bytes of a drawn slice with a lesion."""
    return phantom_files[0].read_bytes()


@pytest.fixture
def second_model(weights, tmp_path, monkeypatch):
    """A registry and a weights folder with one more model, `tiny`, which is the same but cooler."""
    folder = tmp_path / "two"
    shutil.copytree(weights, folder)
    shutil.copytree(folder / "cnn", folder / "tiny")
    card = json.loads((folder / "tiny" / "card.json").read_text())
    card |= {"name": "tiny", "temperature": 0.1}
    (folder / "tiny" / "card.json").write_text(json.dumps(card))
    monkeypatch.setitem(registry.MODELS, "tiny", replace(registry.MODELS["cnn"], name="tiny"))
    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(folder))
    from core.settings import get_settings

    get_settings.cache_clear()
    return folder
