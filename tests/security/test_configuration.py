"""Settings that protect: of Streamlit, of the service, and where both must agree."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest

from api.settings import ServiceSettings
from core.batch.sources import MAX_BYTES
from core.imaging.limits import default_limits
from core.settings import PROJECT_ROOT, Settings, get_settings

CONFIG = tomllib.loads((PROJECT_ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
FIELDS = {"file_uploader", "chat_input", "camera_input", "audio_input"}


def test_streamlit_guards_against_requests_from_other_sites():
    assert CONFIG["server"]["enableXsrfProtection"] is True
    assert CONFIG["server"]["enableCORS"] is True
    assert "corsAllowedOrigins" not in CONFIG["server"]


def test_streamlit_shows_no_traceback_and_gathers_nothing():
    assert CONFIG["client"]["showErrorDetails"] == "none"
    assert CONFIG["browser"]["gatherUsageStats"] is False


def test_no_command_switches_the_guards_off():
    for place in ("core/commands/app.py", "compose.yaml", "Dockerfile", "Makefile"):
        text = (PROJECT_ROOT / place).read_text(encoding="utf-8")
        assert not re.search("xsrf|cors", text, re.IGNORECASE), place


def test_the_service_is_closed_to_other_sites_unless_told():
    assert ServiceSettings.model_fields["cors_origins"].default == ()


def upload_fields():
    """Return every field for files, as (file, call)."""
    for file in sorted((PROJECT_ROOT / "ui").glob("*.py")) + sorted(
        (PROJECT_ROOT / "pages").glob("*.py")
    ):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                takes_files = node.func.attr != "chat_input" or any(
                    keyword.arg == "accept_file" for keyword in node.keywords
                )
                if node.func.attr in FIELDS and takes_files:
                    yield file, node


def test_every_field_for_files_has_a_limit_of_its_own():
    fields = list(upload_fields())
    assert len(fields) >= 3
    for file, call in fields:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert "max_upload_size" in given, f"{file.name}:{call.lineno}"
        if file.name == "uploads.py":
            assert given["max_upload_size"] == "limit"


@pytest.mark.parametrize("megabytes", [20, 7])
def test_dashboard_service_and_readers_share_the_limit_of_a_file(monkeypatch, megabytes):
    monkeypatch.setenv("GLIALENS_MAX_UPLOAD_MB", str(megabytes))
    get_settings.cache_clear()
    assert default_limits().max_bytes == megabytes * 2**20
    for place in ("ui/uploads.py", "api/gate.py"):
        assert "get_settings().max_upload_mb" in (PROJECT_ROOT / place).read_text(encoding="utf-8")
    get_settings.cache_clear()


def test_the_server_takes_what_the_largest_field_and_the_service_take():
    largest = CONFIG["server"]["maxUploadSize"]
    assert Settings.model_fields["max_upload_mb"].default <= largest
    assert ServiceSettings.model_fields["max_batch_mb"].default <= largest
    assert largest * 2**20 >= MAX_BYTES


def test_secrets_never_reach_git():
    ignored = (PROJECT_ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".streamlit/secrets.toml" in ignored
    assert not (PROJECT_ROOT / ".env").exists()


def test_secrets_come_from_the_environment_and_stay_out_of_sight(monkeypatch):
    monkeypatch.setenv("GLIALENS_API_KEYS", "top-secret")
    monkeypatch.setenv("GLIALENS_DATABASE_URL", "postgresql://user:top-secret@host/db")
    assert ServiceSettings().api_keys == ("top-secret",)
    assert "top-secret" not in repr(Settings())


def test_bandit_finds_nothing_that_is_not_justified():
    pytest.importorskip("bandit", reason="needs the development extras")
    command = [sys.executable, "-m", "bandit", "-q", "-c", "pyproject.toml", "-r"]
    command += ["core", "api", "ui", "pages", "streamlit_app.py"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
