"""The sheet that a report is drawn on: fonts, safe text, header and footer, a few shapes."""

import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from core import DISCLAIMER, __version__
from core.wording import _, told

Ink = tuple[int, int, int]
# Four greys and one dark blue: told apart by lightness, so grey print loses nothing.
BLACK: Final[Ink] = (20, 20, 20)
DARK: Final[Ink] = (31, 60, 97)
MIDDLE: Final[Ink] = (95, 95, 95)
LIGHT: Final[Ink] = (190, 190, 190)
PALE: Final[Ink] = (243, 243, 243)

MARGIN: Final = 18.0
WIDTH: Final = 210.0 - 2 * MARGIN
_FOOTER: Final = 18.0
_FONTS: Final = Path(__file__).resolve().parent / "fonts"
_FAMILY: Final = "sans"
_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"
_LONGEST: Final = 600


class Sheet(FPDF):
    """An A4 document whose every page ends with the disclaimer.

    Args:
        created: Date and time of the document, aware of its zone; all that differs between two
            documents of the same content.
    """

    def __init__(self, created: datetime) -> None:
        super().__init__(format="A4")
        self.set_margins(MARGIN, 14.0)
        self.c_margin = 0.0
        self.set_auto_page_break(True, _FOOTER + 3)
        self.add_font(_FAMILY, "", _FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(_FAMILY, "B", _FONTS / "DejaVuSansCondensed-Bold.ttf")
        self._drawable: frozenset[int] = frozenset.intersection(
            *(frozenset(f.cmap) for f in self.fonts.values() if isinstance(f, TTFFont))
        )
        self.set_creation_date(created)
        self.set_title(_("GliaLens report"))
        self.set_creator(f"GliaLens {__version__}")
        # The code of the catalogue's own language.
        self.set_lang(_("en"))
        self.ink()

    def footer(self) -> None:
        """Draw the disclaimer and the page number; called by fpdf2 for each page."""
        self.set_y(-_FOOTER)
        self.set_draw_color(*LIGHT)
        self.set_line_width(0.2)
        self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())
        self.ln(1.5)
        self.ink(7.5, bold=True)
        self.multi_cell(
            WIDTH, 3.6, told(DISCLAIMER), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ink(7.5, colour=MIDDLE)
        page = _("page {page} of {pages}").format(page=self.page_no(), pages="{nb}")
        self.cell(WIDTH, 4, f"GliaLens {__version__} · {page}")

    def ink(self, size: float = 9.5, *, bold: bool = False, colour: Ink = BLACK) -> None:
        """Choose size in points, weight and colour of the text that follows."""
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(*colour)

    def safe(self, text: str) -> str:
        """Return text on one line that the font can draw.

        Control and direction marks are dropped; what the font lacks becomes U+FFFD; more than
        600 characters are cut.
        """
        composed = unicodedata.normalize("NFC", " ".join(text.split()))
        drawn = "".join(
            ch if ord(ch) in self._drawable else _UNKNOWN
            for ch in composed
            if unicodedata.category(ch)[0] != "C"
        )
        return drawn if len(drawn) <= _LONGEST else drawn[: _LONGEST - 1] + "…"

    def fitted(self, text: str, width: float) -> str:
        """Return safe text, cut with an ellipsis to a width in millimetres."""
        text = self.safe(text)
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text.rstrip() + "…"

    def paragraph(self, text: str, height: float = 4.8, width: float = WIDTH) -> None:
        """Write safe text, wrapped at a width in millimetres, and go below it."""
        self.multi_cell(
            width, height, self.safe(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def heading(self, text: str, following: float) -> None:
        """Write a section's heading on the page where `following` millimetres still fit."""
        if self.get_y() + 9 + following > self.page_break_trigger:
            self.add_page()
        else:
            self.ln(3)
        self.ink(11, bold=True, colour=DARK)
        self.paragraph(text, 6)
        self.ink()

    def height_of(self, text: str, width: float, line: float) -> float:
        """Return the height in millimetres of safe text, wrapped, in the present font."""
        height = self.multi_cell(width, line, text, align="L", dry_run=True, output="HEIGHT")
        return float(height)  # type: ignore[arg-type]
