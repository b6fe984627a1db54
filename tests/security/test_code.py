"""What the code never does: run what it reads, load pickles, show a stranger's text as HTML."""

import ast
from pathlib import Path

import pytest

from core.settings import PROJECT_ROOT

ROOMS = ("core", "api", "ui", "pages")
FILES = sorted(
    [PROJECT_ROOT / "streamlit_app.py"]
    + [file for room in ROOMS for file in (PROJECT_ROOT / room).rglob("*.py")]
)
MODULES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal",
    "jsonpickle", "telnetlib", "xmlrpc",
}  # fmt: skip
CALLS = {
    "eval", "exec", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
    "torch.load", "enable_unsafe_deserialization", "model_from_json", "model_from_config",
    "st.html", "components.html", "components.v1.html", "Markup",
}  # fmt: skip
ENDINGS = ("load_model", "enable_unsafe_deserialization", "to_pickle", "read_pickle")


def found_in(text):
    """Return what a source text does that it must not, with its lines."""
    wrong = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        wrong += [(node.lineno, name) for name in names if name.split(".")[0] in MODULES]
        if isinstance(node, ast.Call):
            wrong += [(node.lineno, fault) for fault in faults_of(node)]
    return wrong


def faults_of(call):
    name = ast.unparse(call.func)
    given = {
        keyword.arg: getattr(keyword.value, "value", keyword.value) for keyword in call.keywords
    }
    last = name.rsplit(".", 1)[-1]
    if name in CALLS or (last in ENDINGS and given.get("safe_mode") is not True):
        yield name
    arrays = ("np.load", "numpy.load", "np.save", "numpy.save")
    if name in arrays and given.get("allow_pickle") is not False:
        yield f"{name} without allow_pickle=False"
    if given.get("allow_pickle") is True:
        yield "allow_pickle=True"
    for key in ("unsafe_allow_html", "unsafe_allow_javascript", "shell"):
        if key in given and given[key] is not False:
            yield f"{key}={given[key]}"
    if given.get("verify") is False:
        yield "verify=False"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PROJECT_ROOT).as_posix())
def test_nothing_runs_loads_or_shows_what_strangers_send(file: Path):
    assert found_in(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import joblib.numpy_pickle",
        "from shelve import open",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "np.load(file, allow_pickle=flag)",
        "np.save(file, values)",
        "keras.models.load_model(path)",
        "keras.saving.load_model(path, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization()",
        "yaml.load(text)",
        "eval(text)",
        "exec(text)",
        "st.markdown(text, unsafe_allow_html=True)",
        "st.markdown(text, unsafe_allow_html=flag)",
        "st.html(text)",
        "components.html(text)",
        "subprocess.run(words, shell=True)",
        "httpx2.get(url, verify=False)",
        "frame.to_pickle(path)",
    ],
)
def test_the_check_would_notice(text):
    assert found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "np.load(file, allow_pickle=False)",
        "keras.models.load_model(path, safe_mode=True)",
        "st.markdown(text, unsafe_allow_html=False)",
        "model.evaluate(x)",
        "re.compile(text)",
    ],
)
def test_the_check_leaves_the_rest_alone(text):
    assert found_in(text) == []
