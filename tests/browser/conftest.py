import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "make_screenshots.py"


@pytest.fixture(scope="session")
def tools():
    """The screenshot script's own ways to start the app and to drive Chromium."""
    pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
    spec = importlib.util.spec_from_file_location("make_screenshots", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def chromium(tools):
    """A running Chromium; skipped with the reason where there is none."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=tools.chromium(), args=tools.FLAGS)
        except Error as error:
            pytest.skip(f"Chromium can't be started: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def app(tools):
    """Address of the app on the weights that ship."""
    with tools.running_app(timeout=180) as url:
        yield url


@pytest.fixture
def open_tab(chromium, tools, app):
    """Open a page in a fresh browser context and wait until it is drawn."""
    contexts = []

    def open_tab(path="/", width=1280, height=900, theme="light", url=None):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            accept_downloads=True,
        )
        context.set_default_timeout(120_000)
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto((url or app) + path)
        tools.settle(page)
        return page

    yield open_tab
    for context in contexts:
        context.close()


@pytest.fixture
def ready_model():
    """Name of a ready model; skipped where no weights are published."""
    from core.models.registry import statuses

    ready = [status.name for status in statuses() if status.ready]
    if not ready:
        pytest.skip("no model is published in weights/ yet")
    return ready[0]
