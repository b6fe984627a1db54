import ast

import pytest
import streamlit as st
from streamlit.config import get_option, set_option
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from core import DISCLAIMER
from core.settings import PROJECT_ROOT as ROOT
from ui import sign_in
from ui.shell import PAGES

AUTH = {"redirect_uri": "http://localhost:8501/oauth2callback", "cookie_secret": "x"}
SCRIPTS = [script for script, _, _ in PAGES]


def opened(script=None, user=None, secrets=None, **params):
    at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    if secrets is not None:
        at.secrets.update(secrets)
    at.user = user or {}
    for key, value in params.items():
        at.query_params[key] = value
    if script not in (None, "streamlit_app.py"):
        at.switch_page(script)
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("script", SCRIPTS)
def test_nobody_sees_a_screen_without_signing_in(script, predictor):
    at = opened(script, secrets={"auth": AUTH}, sample="phantom-1")
    assert [button.label for button in at.button] == ["Sign in"]
    assert any("people who have signed in" in box.value for box in at.info)
    assert any(DISCLAIMER in caption.value for caption in at.caption)
    assert not at.selectbox
    assert not at.get("page_link")
    assert not at.get("file_uploader")
    assert predictor.asked == 0


@pytest.mark.parametrize("user", [{"is_logged_in": False}, {"is_logged_in": "yes"}, {"name": "A"}])
def test_only_a_true_flag_opens_the_door(user):
    at = opened(user=user, secrets={"auth": AUTH})
    assert [button.label for button in at.button] == ["Sign in"]


def test_an_empty_section_keeps_the_door_shut():
    assert [button.label for button in opened(secrets={"auth": {}}).button] == ["Sign in"]


def test_who_signed_in_sees_the_screen_their_name_and_the_way_out(predictor):
    user = {"is_logged_in": True, "name": "*Ada* <b>"}
    at = opened("pages/1_Diagnose.py", user, {"auth": AUTH}, sample="phantom-1")
    assert predictor.asked == 1
    said = [caption.value for caption in at.sidebar.caption]
    assert "Signed in as \\*Ada\\* \\<b\\>." in said
    assert [button.label for button in at.sidebar.button] == ["Sign out"]


@pytest.mark.parametrize("secrets", [None, {"database": "x"}])
def test_without_a_section_nobody_is_asked(secrets, predictor):
    at = opened("pages/1_Diagnose.py", secrets=secrets, sample="phantom-1")
    assert predictor.asked == 1
    assert not {"Sign in", "Sign out"} & {button.label for button in at.button}


@pytest.mark.parametrize(("label", "call"), [("Sign in", "login"), ("Sign out", "logout")])
def test_the_buttons_call_streamlit(monkeypatch, label, call):
    called = []
    monkeypatch.setattr(st, call, lambda: called.append(call))
    at = opened(user={"is_logged_in": label == "Sign out"}, secrets={"auth": AUTH})
    next(button for button in at.button if button.label == label).click().run()
    assert called == [call]


@pytest.fixture
def secrets_file(tmp_path, monkeypatch):
    """A secrets.toml that is read as a server would read it."""
    before, file = get_option("secrets.files"), tmp_path / "secrets.toml"
    set_option("secrets.files", [str(file)])
    monkeypatch.setattr(st, "secrets", Secrets())
    yield file
    set_option("secrets.files", before)


def test_secrets_that_cannot_be_read_keep_the_door_shut(secrets_file, texts):
    secrets_file.write_text("[auth\ncookie_secret = 'SECRET'")
    at = opened()
    assert "Received: a broken file; it may ask for signing in" in at.error[0].value
    assert not at.button
    assert "SECRET" not in texts(at)


@pytest.mark.parametrize(
    ("text", "asked"), [("", False), ("[other]\na = 1", False), ("[auth]\nclient_id = 'x'", True)]
)
def test_a_file_decides(secrets_file, text, asked):
    assert sign_in.required() is False
    secrets_file.write_text(text)
    assert sign_in.required() is asked


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_page_begins_with_the_gate(script):
    body = ast.parse((ROOT / script).read_text(encoding="utf-8")).body
    work = next(
        node
        for node in body[1:]
        if not isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)
    )
    assert ast.unparse(work).startswith("shell.begin("), "nothing is done before the gate"
