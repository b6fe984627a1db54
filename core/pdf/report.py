"""The report on one slice: warnings first, then the answer, the pictures, the model's record."""

from datetime import UTC, datetime
from typing import Final

import numpy as np
from fpdf.fonts import FontFace

from core.data.phantom import SYNTHETIC
from core.gate import WARNING
from core.labels import describe
from core.models.card import Card
from core.pdf.facts import FIGURE_COLUMNS, card_rows, figure_rows
from core.pdf.pictures import draw_pictures, read_map
from core.pdf.sheet import BLACK, DARK, LIGHT, MARGIN, MIDDLE, PALE, WIDTH, Sheet
from core.reading import no_diagnosis, percent, read_plainly, why_not_accepted
from core.types import Analysis, Prediction, Slice
from core.wording import _, ngettext, told

_MOST_BARS: Final = 10
_NAMES: Final = 38.0
_WHITE: Final = (255, 255, 255)


def write_report(
    analysis: Analysis,
    slice_: Slice,
    overlay_png: bytes | None,
    card: Card | None,
    *,
    explained: str | None = None,
    synthetic: bool = False,
    created: datetime | None = None,
) -> bytes:
    """Write the report on one slice.

    No name, file name or tag of the slice is written; the picture itself and the digest of
    its pixels are. The same arguments with the same `created` give the same bytes.

    Args:
        analysis: What the model says of the slice.
        slice_: The decoded slice.
        overlay_png: The picture with its map, a PNG; without it the predicted class's own map
            is drawn with an outline, and a model without a map gets none.
        card: The model's card; None for an ensemble, whose record isn't on one card.
        explained: What the overlay shows: a class key or another short name; the predicted
            class by default.
        synthetic: Whether the slice was drawn; known from the slice's notes too.
        created: Date and time on the report; now without it.

    Returns:
        The bytes of a PDF file, A4.

    Raises:
        OutputError: If the overlay can't be read as PNG.
    """
    created = (created or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    synthetic = synthetic or SYNTHETIC in slice_.notes
    sheet = Sheet(created)
    sheet.add_page()
    _title(sheet, analysis.prediction, slice_, created)
    _warnings(sheet, analysis.prediction, slice_, synthetic)
    _answer(sheet, analysis, slice_)
    mapped = read_map(analysis, slice_, overlay_png)
    draw_pictures(sheet, analysis, slice_, mapped, explained, synthetic)
    _probabilities(sheet, analysis.prediction, card)
    _model(sheet, analysis.prediction, card)
    return bytes(sheet.output())


def _title(sheet: Sheet, prediction: Prediction, slice_: Slice, created: datetime) -> None:
    sheet.ink(17, bold=True, colour=DARK)
    sheet.cell(WIDTH / 2, 8, _("GliaLens report"))
    sheet.ink(9.5)
    sheet.cell(WIDTH / 2, 8, f"{created:%Y-%m-%d %H:%M} UTC", align="R")
    sheet.ln(8)
    sheet.ink(8.5, colour=MIDDLE)
    sheet.paragraph(
        _(
            "One MRI slice of {width} × {height} pixels, read by the model {model}. Pixels' "
            "SHA-256 {digest}…; no name, file name or patient data is kept in this report."
        ).format(
            width=slice_.shape[1],
            height=slice_.shape[0],
            model=prediction.model,
            digest=slice_.sha256[:16],
        ),
        4.2,
    )
    sheet.ln(2)


def _warnings(sheet: Sheet, prediction: Prediction, slice_: Slice, synthetic: bool) -> None:
    texts = [*slice_.notes, *prediction.warnings]
    if prediction.in_domain is False:
        # The answer gives it as the reason of no diagnosis.
        texts = [text for text in texts if text != WARNING]
    if synthetic:
        meaning = _("What a model says of it means nothing.")
        texts = [text for text in texts if text != SYNTHETIC]
        texts = [f"{told(SYNTHETIC)} {meaning}", *texts]
    texts = [sheet.safe(told(text)) for text in dict.fromkeys(texts) if text.strip()]
    if not texts:
        return
    sheet.ink(10, bold=True)
    sheet.paragraph(_("⚠ Read this first"), 6)
    for text in texts:
        sheet.ink(9.5)
        height = sheet.height_of(text, WIDTH - 8, 4.8) + 3
        if sheet.get_y() + height > sheet.page_break_trigger:
            sheet.add_page()
        top = sheet.get_y()
        sheet.set_fill_color(*PALE)
        sheet.rect(MARGIN, top, WIDTH, height, style="F")
        sheet.set_fill_color(*BLACK)
        sheet.rect(MARGIN, top, 1.4, height, style="F")
        sheet.set_xy(MARGIN + 5, top + 1.5)
        sheet.paragraph(text, 4.8, WIDTH - 8)
        sheet.set_y(top + height + 1)
    sheet.ln(2)


def _answer(sheet: Sheet, analysis: Analysis, slice_: Slice) -> None:
    prediction = analysis.prediction
    label = describe(prediction.predicted)
    reason = why_not_accepted(prediction)
    strange = prediction.in_domain is False
    badge = _("✓ Accepted") if reason is None else _("✗ Not accepted")
    sheet.ink(10, bold=True)
    badge_width = sheet.get_string_width(badge) + 6
    top = sheet.get_y()
    sheet.set_xy(MARGIN + WIDTH - badge_width, top + 1)
    sheet.set_draw_color(*BLACK)
    sheet.set_line_width(0.5 if reason is None else 0.3)
    sheet.cell(badge_width, 7, badge, border=1, align="C")
    sheet.set_xy(MARGIN, top)
    sheet.ink(16, bold=True, colour=BLACK if reason is None else MIDDLE)
    room = WIDTH - badge_width - 35
    answer = f"{sheet.fitted(label.name, room)} · {percent(prediction.confidence)}"
    sheet.cell(WIDTH, 9, no_diagnosis() if strange else answer)
    sheet.set_xy(MARGIN, top + 10)
    sheet.ink(10.5)
    if strange:
        sheet.paragraph(reason or "", 5.2)
        sheet.ink(9.5, colour=MIDDLE)
        sheet.paragraph(read_plainly(analysis))
        return
    sheet.paragraph(read_plainly(analysis, slice_.pixels), 5.2)
    sheet.ink(9.5, colour=MIDDLE)
    why = reason or _(
        "Accepted: {confidence} reaches the {threshold} that an answer needs. That means sure "
        "enough to be shown, not right."
    ).format(confidence=percent(prediction.confidence), threshold=percent(prediction.threshold))
    sheet.paragraph(why)
    sheet.paragraph(_("{label}: {sentence}").format(label=label.name, sentence=label.sentence))


def _probabilities(sheet: Sheet, prediction: Prediction, card: Card | None) -> None:
    order = np.argsort(-prediction.probabilities, kind="stable").tolist()
    shown, rest = order[:_MOST_BARS], order[_MOST_BARS:]
    row, name_width, figure_width = 6.2, 46.0, 22.0
    strange = prediction.in_domain is False
    full = WIDTH - name_width - figure_width
    sheet.heading(_("Calibrated probabilities"), row * len(shown) + 12)
    top = sheet.get_y() + 4
    for index, position in enumerate(shown):
        y = top + index * row
        share = float(prediction.probabilities[position])
        first = index == 0 and not strange
        sheet.ink(9.5, bold=first)
        sheet.set_xy(MARGIN, y)
        name = describe(prediction.labels[position]).name
        sheet.cell(name_width, row, sheet.fitted(name, name_width - 2))
        sheet.set_fill_color(*PALE)
        sheet.rect(MARGIN + name_width, y + 1, full, row - 2, style="F")
        sheet.set_fill_color(*(DARK if first else LIGHT))
        sheet.rect(MARGIN + name_width, y + 1, max(0.2, full * share), row - 2, style="F")
        sheet.set_xy(MARGIN + name_width + full, y)
        sheet.cell(figure_width, row, percent(share, 1), align="R")
    x = MARGIN + name_width + full * prediction.threshold
    bottom = top + row * len(shown)
    # A white rim keeps the line visible on a dark bar.
    for colour, thickness, gap in ((_WHITE, 0.9, 0.0), (BLACK, 0.35, 0.8)):
        sheet.set_draw_color(*colour)
        sheet.set_line_width(thickness)
        sheet.set_dash_pattern(dash=1.2 if gap else 0, gap=gap)
        sheet.line(x, top - 0.5, x, bottom + 0.5)
    sheet.set_dash_pattern()
    sheet.ink(7.5, colour=BLACK)
    text = _("accepted from {threshold}").format(threshold=percent(prediction.threshold))
    half = sheet.get_string_width(text) / 2 + 1
    sheet.set_xy(min(max(x - half, MARGIN), MARGIN + WIDTH - 2 * half), top - 4)
    sheet.cell(2 * half, 3.5, text, align="C")
    sheet.set_xy(MARGIN, bottom + 1)
    sheet.ink(9.5)
    if rest:
        others = float(prediction.probabilities[rest].sum())
        sheet.paragraph(
            ngettext(
                "{count} more class: {share}.", "{count} more classes together: {share}.", len(rest)
            ).format(count=len(rest), share=percent(others, 1))
        )
    if strange:
        sheet.paragraph(_("Grey: these probabilities don't count, for the reason given."))
        return
    members = prediction.prediction_set or (prediction.predicted,)
    names = ", ".join(describe(key).name for key in members)
    sheet.paragraph(_("Prediction set: {labels}.").format(labels=names))
    if card is not None and card.conformal_quantile is not None:
        sheet.ink(8.5, colour=MIDDLE)
        sheet.paragraph(
            _(
                "On slices like those of the validation split, such sets hold the true class "
                "about 95 times in 100."
            ),
            4.2,
        )


def _model(sheet: Sheet, prediction: Prediction, card: Card | None) -> None:
    if card is None:
        sheet.heading(_("The model's record"), 10)
        sheet.paragraph(
            _(
                "'{model}' has no card of its own; its figures are those of its members' cards."
            ).format(model=prediction.model)
        )
        return
    about = [(name, sheet.safe(text)) for name, text in card_rows(card)]
    rows = [tuple(sheet.safe(cell) for cell in row) for row in figure_rows(card.metrics)]
    sheet.ink(8.5)
    height = sum(sheet.height_of(text, WIDTH - _NAMES, 4.4) for _, text in about)
    sheet.heading(_("The model's record"), height + 6.0 * (len(rows) + 1))
    for name, text in about:
        sheet.ink(8.5, bold=True)
        sheet.cell(_NAMES, 4.4, name)
        sheet.ink(8.5)
        sheet.paragraph(text, 4.4, WIDTH - _NAMES)
    sheet.ln(2)
    if not rows:
        sheet.paragraph(_("The card holds no measured figures."), 4.4)
        return
    sheet.set_draw_color(*LIGHT)
    sheet.set_line_width(0.2)
    # fpdf2 takes any other fill colour in force as the background of a table's cells.
    sheet.set_fill_color(0)
    with sheet.table(
        col_widths=(56, 48, 20, 34, 16),
        line_height=4.4,
        text_align=("LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT"),
        borders_layout="HORIZONTAL_LINES",
        headings_style=FontFace(emphasis="BOLD"),
        padding=0.4,
    ) as table:
        for cells in (tuple(map(told, FIGURE_COLUMNS)), *rows):
            line = table.row()
            for cell in cells:
                line.cell(cell)
