"""Cold starts: commands, imports, the first answer, the dashboard's first paint."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.service_load import free_port
from benchmarks.timing import interleave, paired_ratio, summary
from core.data.phantom import draw_phantom
from core.imaging.overlay import to_grey_rgb, to_png
from core.models.registry import statuses

ROOT = Path(__file__).resolve().parents[1]
_FLOOR = "python -c pass"
_WAIT = 120.0


def run(words: Sequence[str], runtime: str = "tensorflow") -> None:
    """Run Python with words and wait for its end."""
    subprocess.run(  # noqa: S603
        [sys.executable, *words],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=os.environ | {"GLIALENS_RUNTIME": runtime},
    )


def commands(rounds: int) -> list[dict[str, Any]]:
    """Time fresh processes in turn; the floor is an empty one."""
    ready = [status.name for status in statuses() if status.ready]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "phantom.png"
        file.write_bytes(to_png(to_grey_rgb(draw_phantom(0).slice.pixels)))
        words = {
            _FLOOR: ["-c", "pass"],
            "python -m core --help": ["-m", "core", "--help"],
            "python -m core models": ["-m", "core", "models"],
            "import core.inference": ["-c", "import core.inference"],
            "import streamlit": ["-c", "import streamlit"],
            "import keras": ["-c", "import keras"],
        } | {
            f"python -m core predict --model {name} FILE": [
                "-m", "core", "predict", "--model", name, "--format", "jsonl", str(file),
            ]
            for name in ready
        }  # fmt: skip
        cases = {name: lambda w=w: run(w) for name, w in words.items()}
        predict = "python -m core predict --model cnn FILE"
        if predict in cases and find_spec("onnxruntime"):
            words_of_cnn = words[predict]
            cases[f"{predict}, ONNX Runtime"] = lambda: run(words_of_cnn, "onnxruntime")
        seconds = interleave(cases, rounds, warm=1)
    floor = seconds[_FLOOR]
    return [
        {"command": name, **summary(values), "ratio_to_empty_python": paired_ratio(values, floor)}
        for name, values in seconds.items()
    ]


def first_paint(rounds: int) -> dict[str, Any]:
    """Time the dashboard from the start of its process to its first heading in a browser.

    The browser runs already. Without Playwright or Chromium only the server is timed.
    """
    served: list[float] = []
    painted: list[float] = []
    with browser() as (page, reason):
        for _ in range(rounds):
            ready, drawn = _paint(page)
            served.append(ready)
            if drawn is not None:
                painted.append(drawn)
    return {
        "server_answers": summary(served),
        "first_heading": summary(painted) if painted else None,
        "not_painted_because": reason,
    }


def _paint(page: Any) -> tuple[float, float | None]:
    began = time.perf_counter()
    with dashboard() as url:
        ready = time.perf_counter() - began
        if page is None:
            return ready, None
        page.goto(url, wait_until="commit")
        page.wait_for_selector("h1", timeout=1000 * _WAIT)
        return ready, time.perf_counter() - began


@contextmanager
def dashboard() -> Iterator[str]:
    """Start the dashboard, yield its address as soon as it answers, and stop it."""
    port = free_port()
    began = time.perf_counter()
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "core", "app", "--headless", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://localhost:{port}"
        while True:
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):  # noqa: S310
                    break
            except (urllib.error.URLError, OSError):
                if time.perf_counter() - began > _WAIT or server.poll() is not None:
                    raise SystemExit("The dashboard did not start.") from None
                time.sleep(0.01)
        yield url
    finally:
        # The command's child is the server proper; both are in a group of their own.
        os.killpg(server.pid, 15)
        server.wait(timeout=30)


@contextmanager
def browser() -> Iterator[tuple[Any, str]]:
    """Yield a page of Chromium, or None and the reason."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        yield None, "Playwright isn't installed."
        return
    from docs.make_screenshots import FLAGS, chromium

    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        except Error as error:
            opened, why = None, f"Chromium can't be started: {str(error).splitlines()[0]}"
        if opened is None:
            yield None, why
            return
        page = opened.new_page()
        page.goto("about:blank")
        yield page, ""
        opened.close()
