"""Collect the sentences of the code into the catalogues: `python -m ui.messages`.

New sentences come in without a translation, gone ones go, changed ones count as new: a
guess at a medical sentence is worse than English.
"""

import ast
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from core.files import replacing
from ui.catalogues import DEFAULT, KEPT, LANGUAGES, catalogue_file

ROOT: Final = Path(__file__).resolve().parents[1]
_ROOMS: Final = ("streamlit_app.py", "pages", "ui", "core")
LOOKUPS: Final = {"_": 1, "mark": 1, "ngettext": 2}
"""How many literals each look-up takes."""
_HEADER: Final = "# The sentences of GliaLens; `make messages` brings in new ones."
# Dates and addresses that nobody fills in would differ at every run.
_NOISE: Final = ('"POT-', '"PO-', '"Report-', '"Last-', '"Language-Team', '"Project-', '"Gen')


def sources() -> Iterator[Path]:
    """Yield every file of code that may hold sentences, in order."""
    for name in _ROOMS:
        place = ROOT / name
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def lookups(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield every look-up of a sentence in a file: `_`, `ngettext` or `mark`, and its call.

    The syntax tree shows those within f-strings, too, which Python before 3.12 hides from
    Babel's own extraction.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in LOOKUPS:
            yield node.func.id, node


def texts_of(name: str, call: ast.Call) -> list[str] | None:
    """Return the sentence, or singular and plural, of a look-up; None if it isn't literal."""
    given = call.args[: LOOKUPS[name]]
    texts = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return texts if len(texts) == LOOKUPS[name] else None


def collect() -> Catalog:
    """Return every sentence of the code, with the files it stands in."""
    found = Catalog(fuzzy=False)
    for path in sources():
        where = path.relative_to(ROOT).as_posix()
        for name, call in lookups(path):
            texts = texts_of(name, call)
            if texts:
                found.add(
                    tuple(texts) if name == "ngettext" else texts[0],
                    locations=[(where, call.lineno)],
                    flags=[KEPT] if name == "mark" else [],
                )
    return found


def update(language: str) -> tuple[int, int]:
    """Bring a language's catalogue up to date with the code.

    Returns:
        How many sentences it has, and how many of them lack a translation.
    """
    path = catalogue_file(language)
    old = Catalog(locale=language)
    if path.is_file():
        with path.open("rb") as file:
            old = read_po(file, locale=language)
    new = Catalog(locale=language, project="GliaLens", fuzzy=False, header_comment=_HEADER)
    missing = 0
    for message in collect():
        if not message.id:
            continue
        known = old.get(message.id)
        string = known.string if known is not None else None
        missing += not (all(string) if isinstance(string, tuple | list) else string)
        new.add(
            message.id,
            string,
            locations=[(name, 1) for name in sorted({name for name, _ in message.locations})],
            flags=message.flags & {KEPT},
        )
    written = BytesIO()
    # Without line numbers a sentence that only moved doesn't change the file.
    write_po(written, new, width=100, sort_by_file=True, include_lineno=False)
    lines = written.getvalue().decode().splitlines(keepends=True)
    with replacing(path) as temporary:
        text = "".join(line for line in lines if not line.startswith(_NOISE))
        temporary.write_text(text, encoding="utf-8")
    return len(new), missing


def main() -> int:
    """Update every catalogue and tell what lacks a translation."""
    for language, name in LANGUAGES.items():
        if language != DEFAULT:
            total, missing = update(language)
            sys.stdout.write(f"{name}: {total} sentences, {missing} without a translation\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
