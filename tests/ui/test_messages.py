import ast
import re
import string
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from ui import messages
from ui.catalogues import DEFAULT, KEPT, LANGUAGES, catalogue_file, read_catalogue

ROOT = Path(__file__).resolve().parents[2]
FILES = [path for path in messages.sources() if path.name not in ("wording.py", "messages.py")]
SCREENS = [path for path in FILES if path.relative_to(ROOT).parts[0] != "core"]
OTHERS = [language for language in LANGUAGES if language != DEFAULT]


def shown(path):
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(call):
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


@cache
def sentences():
    """Return every message of the code and whether files keep it."""
    return {key_of(m): KEPT in m.flags for m in messages.collect() if m.id}


def key_of(message):
    return tuple(message.id) if isinstance(message.id, list | tuple) else message.id


@cache
def translations(language):
    with catalogue_file(language).open("rb") as file:
        return {key_of(m): m for m in read_po(file, locale=language) if m.id}


def places(text):
    return sorted({field for _, field, _, _ in string.Formatter().parse(text) if field is not None})


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_missing(language):
    known = translations(language)
    missing = [
        key
        for key in sentences()
        if key not in known
        or not (all(known[key].string) if isinstance(key, tuple) else known[key].string)
    ]
    assert not missing, "`make messages` adds them to the catalogue; then translate them"


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_left_over(language):
    left = set(translations(language)) - set(sentences())
    assert not left, "`make messages` removes them"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_fill_the_same_places(language):
    wrong = []
    for key, message in translations(language).items():
        texts = message.string if isinstance(key, tuple) else [message.string]
        # A singular may say "one"; the plural names what it counts.
        source = places(key[1] if isinstance(key, tuple) else key)
        if places(texts[-1]) != source or any(set(places(t)) - set(source) for t in texts):
            wrong.append(key)
    assert not wrong


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_code_and_emphasis(language):
    wrong = []
    for key, message in translations(language).items():
        texts = message.string if isinstance(key, tuple) else [message.string]
        source = key[1] if isinstance(key, tuple) else key
        for text in texts:
            same = all(text.count(sign) == source.count(sign) for sign in ("`", "**", "\n- "))
            code = re.findall(r"`[^`]+`|:material/\w+:", source)
            if not same or any(piece not in text for piece in code):
                wrong.append(key)
    assert not wrong


def test_french_spacing_keeps_signs_on_their_line():
    loose = re.compile(r"\w(?: ?[;!?%»]| :)(?:\s|$)")
    wrong = [
        text
        for message in translations("fr").values()
        for text in (message.string if isinstance(message.string, tuple) else [message.string])
        if loose.search(re.sub(r"`[^`]*`", "", text))
    ]
    assert not wrong, "a no-break space stands before ; : ! ? % and »"


@pytest.mark.parametrize("language", OTHERS)
def test_kept_sentences_are_flagged(language):
    kept = {key for key, is_kept in sentences().items() if is_kept}
    assert {key for key, m in translations(language).items() if KEPT in m.flags} == kept


def test_look_ups_take_literals_alone():
    wrong = [
        f"{shown(path)}:{call.lineno}"
        for path in FILES
        for name, call in messages.lookups(path)
        if messages.texts_of(name, call) is None
    ]
    assert not wrong


def test_look_ups_are_found_wherever_they_stand(tmp_path):
    file = tmp_path / "page.py"
    file.write_text(
        'x = f"**{_("Models")}**"\ny = _(name)\nngettext("a", "b", n)\n'.replace(
            '_("Models")', "_('Models')"
        )
    )
    found = [messages.texts_of(name, call) for name, call in messages.lookups(file)]
    assert sorted(map(str, found)) == ["None", "['Models']", "['a', 'b']"]


class AtImport(ast.NodeVisitor):
    """Find `_` and `ngettext` outside functions, where no session has a language yet."""

    def __init__(self):
        self.lines = []

    def visit_FunctionDef(self, node):
        for default in (*node.args.defaults, *node.args.kw_defaults, *node.decorator_list):
            if default is not None:
                self.visit(default)

    def visit_Lambda(self, node):
        pass

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext", "told"):
            self.lines.append(node.lineno)
        self.generic_visit(node)


def test_nothing_is_translated_at_import():
    wrong = []
    for path in FILES:
        # A page's module is run anew for each session.
        if path.name == "streamlit_app.py" or path.parent.name == "pages":
            continue
        finder = AtImport()
        finder.visit(parsed(path))
        wrong += [f"{shown(path)}:{line}" for line in finder.lines]
    assert not wrong, "call it inside a function; a constant takes `core.wording.mark`"


def test_no_function_hides_the_look_up():
    wrong = []
    for path in FILES:
        for function in ast.walk(parsed(path)):
            if not isinstance(function, ast.FunctionDef):
                continue
            stored = [
                node
                for node in ast.walk(function)
                if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
            ]
            inner = {
                id(name)
                for node in ast.walk(function)
                if isinstance(node, ast.comprehension)
                for name in ast.walk(node.target)
            }
            asked = any(
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "_"
                for node in ast.walk(function)
            )
            if asked and any(id(node) not in inner for node in stored):
                wrong.append(f"{shown(path)}:{function.lineno}")
    assert not wrong, "a variable `_` hides the look-up"


WORDED = {"_", "ngettext", "told", "describe", "percent", "place", "read_plainly", "number"}


def test_nothing_cached_holds_words():
    wrong = [
        f"{shown(path)}:{function.lineno}"
        for path in FILES
        for function in ast.walk(parsed(path))
        if isinstance(function, ast.FunctionDef)
        and any("cache" in ast.unparse(d) for d in function.decorator_list)
        and any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in WORDED
            for node in ast.walk(function)
        )
    ]
    assert not wrong, "a cache is shared by sessions of several languages"


CALLS = {
    "altair_chart", "area_chart", "audio_input", "badge", "button", "camera_input", "caption",
    "chat_input", "checkbox", "color_picker", "data_editor", "dataframe", "date_input",
    "datetime_input", "download_button", "error", "expander", "feedback", "file_uploader",
    "form_submit_button", "header", "image", "info", "link_button", "markdown", "menu_button",
    "metric", "multiselect", "number_input", "page_link", "pills", "plotly_chart", "popover",
    "progress", "radio", "segmented_control", "select_slider", "selectbox", "slider", "spinner",
    "status", "subheader", "success", "table", "tabs", "text", "text_area", "text_input",
    "time_input", "title", "toast", "toggle", "warning", "write",
    "Column", "CheckboxColumn", "DateColumn", "DatetimeColumn", "ImageColumn", "LineChartColumn",
    "LinkColumn", "ListColumn", "NumberColumn", "ProgressColumn", "SelectboxColumn", "TextColumn",
    "begin", "dialog", "metric_row",
}  # fmt: skip
WORDS = {"alt", "body", "caption", "help", "label", "lead", "message", "placeholder", "text",
         "title", "value_text"}  # fmt: skip
NAMES = {"GliaLens", "English", "Français", "Grad", "CAM", "DICOM", "PNG", "SHA"}


def literals(node):
    """Yield the texts that are written out in an expression, beside those looked up."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(v.value for v in node.values if isinstance(v, ast.Constant))
    elif isinstance(node, ast.BinOp):
        yield from literals(node.left)
        yield from literals(node.right)
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            yield from literals(element)
    elif isinstance(node, ast.Call) and name_of(node) in ("format", "join"):
        yield from literals(node.func.value)


def has_words(text):
    plain = re.sub(r":material/\w+:|:\w+\[|`[^`]*`|https?://\S+|\w+(?:/\w+)?\.py|%\w", " ", text)
    return any(word not in NAMES for word in re.findall(r"[A-Za-z]{2,}", plain))


@pytest.mark.parametrize("path", SCREENS, ids=shown)
def test_what_a_screen_says_is_looked_up(path):
    wrong = []
    for call in ast.walk(parsed(path)):
        if not isinstance(call, ast.Call) or name_of(call) not in CALLS:
            continue
        given = [*call.args[:1], *(k.value for k in call.keywords if k.arg in WORDS)]
        said = [text for node in given for text in literals(node) if has_words(text)]
        wrong += [f"{shown(path)}:{call.lineno} {text!r}" for text in said]
    assert not wrong


def test_the_check_of_screens_would_notice():
    call = ast.parse("st.caption(f'{n} slices' + x)").body[0].value
    assert [t for t in literals(call.args[0]) if has_words(t)] == [" slices"]
    call = ast.parse("st.caption(_('{n} slices').format(n=n))").body[0].value
    assert not list(literals(call.args[0]))


def test_every_page_of_the_navigation_has_a_name_in_each_language():
    from ui.shell import PAGES

    for language in OTHERS:
        catalogue = read_catalogue(language)
        for _, title, _ in PAGES:
            assert title in translations(language)
            assert catalogue.told(title)
