import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import DISCLAIMER, __version__, cli
from core.errors import UnreadableError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def command(monkeypatch):
    """Put a command of one's own in place of `models`."""

    def put(run):
        monkeypatch.setattr("core.commands.models.run", run)

    return put


def raising(error):
    def run(arguments):
        raise error

    return run


def test_the_overview_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(name in text for name in cli.COMMANDS)
    assert DISCLAIMER in text


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_help(name, capsys):
    assert cli.main([name, "--help"]) == 0
    assert f"python -m core {name}" in capsys.readouterr().out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"glialens {__version__}\n"


@pytest.mark.parametrize(
    "words", [[], ["no-such-command"], ["models", "--no-such-flag"], ["audit"], ["train"]]
)
def test_wrong_usage_is_2(words, capsys):
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("usage: ")
    assert "error: " in captured.err
    assert captured.out == ""


def test_an_error_is_one_sentence_and_1(command, capsys):
    command(raising(UnreadableError("A rule. Received: a thing.")))
    assert cli.main(["models"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "error: A rule. Received: a thing.\n"
    assert captured.out == ""


def test_what_is_not_foreseen_is_not_hidden(command):
    command(raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        cli.main(["models"])


def test_ctrl_c_is_130(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert cli.main(["models"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_sigterm_is_ctrl_c_and_the_handler_is_put_back(command):
    before = signal.getsignal(signal.SIGTERM)

    def run(arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
        return 0

    command(run)
    assert cli.main(["models"]) == 130
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_leaves_no_traceback(tmp_path):
    code = (
        "import sys, core.commands.models as m\n"
        "def run(arguments):\n"
        "    for number in range(100_000): print('record', number)\n"
        "m.run = run\n"
        "from core.cli import main; sys.exit(main(['models']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"record 0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == cli.PIPE_CLOSED


def test_a_wrong_setting_is_a_sentence(monkeypatch, capsys):
    from core.settings import get_settings

    monkeypatch.setenv("GLIALENS_THRESHOLD", "7")
    get_settings.cache_clear()
    try:
        assert cli.main(["models"]) == 1
    finally:
        get_settings.cache_clear()
    assert "GLIALENS_THRESHOLD is not valid" in capsys.readouterr().err


def test_models_says_why_one_is_not_ready(tmp_path, monkeypatch, capsys):
    from core.settings import get_settings

    monkeypatch.setenv("GLIALENS_WEIGHTS_DIR", str(tmp_path))
    get_settings.cache_clear()
    try:
        assert cli.main(["models"]) == 0
        table = capsys.readouterr().out
        assert cli.main(["models", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
    finally:
        get_settings.cache_clear()
    assert "not ready: " in table
    cnn = next(row for row in found if row["name"] == "cnn")
    assert cnn["ready"] is False
    assert cnn["card"] is None
    assert "no card.json" in cnn["reason"]


def test_models_shows_a_card(weights, capsys):
    assert cli.main(["models", "--json"]) == 0
    cnn = next(row for row in json.loads(capsys.readouterr().out) if row["name"] == "cnn")
    assert cnn["ready"] is True
    assert cnn["input_size"] == 32
    assert cnn["card"]["init"] == "random weights, for tests alone"
