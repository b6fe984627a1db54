import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import COMMANDS, build_parser

ROOT = Path(__file__).resolve().parents[2]
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
    "hadolint"
)


@pytest.mark.skipif(HADOLINT is None, reason="needs hadolint")
def test_the_dockerfile_is_clean():
    found = subprocess.run(
        [HADOLINT, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_the_image_runs_without_rights_and_copies_only_what_exists():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copies
    assert all((ROOT / path).exists() for path in copies)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copies)
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER 10001"]
    assert lines.index("USER 10001") < next(n for n, s in enumerate(lines) if s.startswith("CMD"))


def test_the_commands_of_the_containers_exist():
    import json

    import yaml

    dockerfile = (ROOT / "Dockerfile").read_text()
    command = json.loads(dockerfile.rsplit("\nCMD ", 1)[1])
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    dashboard = shlex.split(compose["services"]["dashboard"]["command"])
    for words in (command, dashboard):
        assert words[:3] == ["python", "-m", "core"]
        assert words[3] in COMMANDS
        build_parser(words[3]).parse_args(words[3:])
    assert compose["services"]["database"]["profiles"] == ["postgres"]


def test_the_proxy_leads_to_services_that_nobody_else_reaches():
    import re

    import yaml

    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    sites = (ROOT / "Caddyfile").read_text().split("\n:")[1:]
    found = {}
    for site in sites:
        port = site.split(" ", 1)[0]
        name, inner = re.search(r"dynamic a (\S+) (\d+)", site).groups()
        found[name] = re.search(r"lb_policy (\S+)", site)[1]
        assert f"{port}:{port}" in services["proxy"]["ports"]
        assert services[name]["expose"] == [inner]
        # A published port can't be shared by replicas.
        assert "ports" not in services[name]
    assert found == {"service": "least_conn", "dashboard": "cookie"}


@pytest.mark.skipif(shutil.which("caddy") is None, reason="needs caddy")
def test_caddy_takes_the_proxys_file():
    done = subprocess.run(
        ["caddy", "validate", "--config", "Caddyfile", "--adapter", "caddyfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
