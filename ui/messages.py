"""Collect the sentences of the code into the catalogues: `python -m ui.messages`.

New sentences come in without a translation, gone ones go, changed ones count as new: a
guess at a medical sentence is worse than English.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po

from core.files import replacing
from ui.catalogues import DEFAULT, KEPT, LANGUAGES, catalogue_file

ROOT: Final = Path(__file__).resolve().parents[1]
_ROOMS: Final = ("streamlit_app.py", "pages", "ui", "core")
_MARKS: Final = {"_": None, "ngettext": (1, 2), "mark": None}
_HEADER: Final = "# The sentences of GliaLens; `make messages` brings in new ones."
# Dates and addresses that nobody fills in would differ at every run.
_NOISE: Final = ('"POT-', '"PO-', '"Report-', '"Last-', '"Language-Team', '"Project-', '"Gen')


def sources() -> Iterator[Path]:
    """Yield every file of code that may hold sentences, in order."""
    for name in _ROOMS:
        place = ROOT / name
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def collect() -> Catalog:
    """Return every sentence of the code, with the files it stands in."""
    found = Catalog(fuzzy=False)
    for path in sources():
        where = path.relative_to(ROOT).as_posix()
        with path.open("rb") as file:
            for line, function, words, notes in extract_python(file, _MARKS, ["Note:"], {}):
                texts = [w for w in ((words,) if isinstance(words, str) else words or ()) if w]
                if not texts:
                    continue
                found.add(
                    (texts[0], texts[1]) if function == "ngettext" else texts[0],
                    locations=[(where, line)],
                    flags=[KEPT] if function == "mark" else [],
                    auto_comments=list(notes or ()),
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
            auto_comments=message.auto_comments,
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
