"""The catalogues of sentences, one per language, as gettext translations.

English stands in the code. Every other language has one text file,
`ui/locale/<language>/LC_MESSAGES/glialens.po`; it is compiled in memory when the language
is first asked for, so that no compiled file can be forgotten.
"""

import gettext
import re
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

LANGUAGES: Final = {"en": "English", "fr": "Français"}
"""Each language's own name by code; the first is that of the code."""
DEFAULT: Final = next(iter(LANGUAGES))
KEPT: Final = "kept"
"""Flag of the sentences that `core.wording.mark` names."""

_LOCALE: Final = Path(__file__).parent / "locale"
_PLACE = re.compile(r"\\\{(\w+)\\\}")


class Catalogue(gettext.GNUTranslations):
    """A language's sentences.

    Args:
        compiled: The sentences in gettext's binary form.
        kept: English sentences that results and files hold, with their places to fill.
    """

    def __init__(self, compiled: BytesIO, kept: list[str]) -> None:
        super().__init__(compiled)
        places = sorted((text for text in kept if "{" in text), key=len, reverse=True)
        self._patterns = [(_pattern(text), text) for text in places]

    def told(self, text: str) -> str:
        """Return a finished English sentence in this language, or as it is if unknown."""
        whole = self.gettext(text) if text else text
        if whole != text:
            return whole
        for pattern, message in self._patterns:
            if (found := pattern.fullmatch(text)) is not None:
                places = {name: self.gettext(value) for name, value in found.groupdict().items()}
                return self.gettext(message).format(**places)
        return text


def _pattern(message: str) -> re.Pattern[str]:
    """Return what recognises a sentence once its places are filled."""
    return re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(message)), re.DOTALL)


def catalogue_file(language: str) -> Path:
    """Return the place of a language's catalogue."""
    return _LOCALE / language / "LC_MESSAGES" / "glialens.po"


@cache
def read_catalogue(language: str) -> Catalogue | None:
    """Read a language's catalogue once; None for English, which needs none.

    Raises:
        FileNotFoundError: If there is no such catalogue.
    """
    if language == DEFAULT:
        return None
    # English pays nothing for Babel.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with catalogue_file(language).open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return Catalogue(compiled, [str(m.id) for m in messages if m.id and KEPT in m.flags])
