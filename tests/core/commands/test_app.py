import argparse
import tomllib

import pytest

from core.commands import app
from core.settings import DASHBOARD_BATCH_MB, PROJECT_ROOT, get_settings


@pytest.fixture
def started(monkeypatch):
    """Words of the command that the dashboard is started with."""
    words = []

    def run(command, **_options):
        words.extend(command)
        return argparse.Namespace(returncode=0)

    monkeypatch.setattr(app.subprocess, "run", run)
    get_settings.cache_clear()
    yield words
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.parametrize(("each", "server"), [(20, 256), (256, 256), (500, 500)])
def test_the_server_takes_what_its_largest_field_takes(started, monkeypatch, each, server):
    monkeypatch.setenv("GLIALENS_MAX_UPLOAD_MB", str(each))
    parser = argparse.ArgumentParser()
    app.add_arguments(parser)
    assert app.run(parser.parse_args(["--headless"])) == 0
    assert started[started.index("--server.maxUploadSize") + 1] == str(server)


def test_streamlit_alone_takes_a_whole_batch():
    config = tomllib.loads((PROJECT_ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["maxUploadSize"] == DASHBOARD_BATCH_MB
