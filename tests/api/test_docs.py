import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "service.md").read_text(encoding="utf-8")


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture
def live(make_server, phantom_files, tmp_path):
    url, _ = make_server()
    Image.open(phantom_files[0]).save(tmp_path / "slice.jpg", quality=95)
    shutil.copy(phantom_files[1], tmp_path / "other.png")

    def run(command, text):
        return subprocess.run(
            [*command, text.replace("http://localhost:8000", url)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    return run


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_examples(live):
    single, batch = (text for text in examples("bash") if text.startswith("curl"))
    assert json.loads(live(["sh", "-c"], single))["predicted_class"]
    assert json.loads(live(["sh", "-c"], batch))["answered"] == 2


def test_the_python_example(live):
    (text,) = examples("python")
    assert live([sys.executable, "-c"], text).strip()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_javascript_example(live):
    (text,) = examples("javascript")
    out = live(["node", "--input-type=module", "-e"], text)
    assert out.strip() in {"glioma", "meningioma", "notumor", "pituitary"}


def test_every_setting_is_documented():
    from api.settings import ServiceSettings

    for name in ServiceSettings.model_fields:
        shown = f"GLIALENS_{name.upper()}"
        tail = name.upper().removeprefix("MAX_BATCH")
        assert shown in DOCS or f"`{tail}`" in DOCS or f"`_{tail.lstrip('_')}`" in DOCS, shown
