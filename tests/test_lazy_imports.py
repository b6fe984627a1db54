import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"tensorflow", "keras", "tf_keras_vis", "kagglehub", "distributed"}
NUMERIC = {"numpy", "cv2", "scipy", "pandas", "PIL"}


def loaded_by(code, tmp_path):
    """Run code in a fresh interpreter and return the names of the modules it loaded."""
    code = (
        f"import sys\ntry:\n    exec({code!r})\n"
        "except SystemExit as stop:\n    assert not stop.code\n"
        "import json\nprint('\\n' + json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "", "GLIALENS_WEIGHTS_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def as_command(*words):
    return (
        f"import runpy, sys; sys.argv = ['core', *{list(words)!r}]; "
        "runpy.run_module('core', run_name='__main__')"
    )


@pytest.mark.parametrize(
    "code",
    [
        as_command("models"),
        as_command("models", "--json"),
        as_command("train", "--help"),
        as_command("predict", "--help"),
        "import core.models.registry",
        "import core.inference",
        "import core.imaging.inputs",
        "import core.evaluation.report",
        "import core.training.launch, core.training.watch, core.data.split_job",
    ],
)
def test_listing_and_help_load_no_framework(code, tmp_path):
    assert not loaded_by(code, tmp_path) & HEAVY


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_the_overview_loads_no_numbers_either(words, tmp_path):
    assert not loaded_by(as_command(*words), tmp_path) & (HEAVY | NUMERIC)


def test_the_check_would_notice(tmp_path):
    assert loaded_by("import numpy", tmp_path) & NUMERIC


def test_the_home_page_loads_no_framework(tmp_path):
    pytest.importorskip("streamlit")
    code = (
        "from streamlit.testing.v1 import AppTest; "
        "at = AppTest.from_file('streamlit_app.py', default_timeout=60).run(); "
        "assert not at.exception, at.exception"
    )
    assert not loaded_by(code, tmp_path) & HEAVY


def imports(path):
    """Yield (line, module) of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


@pytest.mark.parametrize(
    ("room", "banned"),
    [
        ("core", {"streamlit", "fastapi", "starlette", "ui", "api", "pages"}),
        ("ui", {"fastapi", "api", "pages"}),
        ("api", {"streamlit", "ui", "pages"}),
        ("core/imaging", HEAVY),
        ("core/evaluation", HEAVY),
    ],
)
def test_dependencies_point_one_way(room, banned):
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, module in imports(path)
        if module.split(".")[0] in banned
    ]
    assert not found
