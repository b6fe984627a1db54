"""The two pictures of a report: the slice, and the slice under its map."""

from io import BytesIO
from typing import Final

from PIL import Image

from core.errors import OutputError
from core.imaging.overlay import overlay, to_grey_rgb
from core.labels import describe
from core.pdf.sheet import MARGIN, MIDDLE, WIDTH, Sheet
from core.types import Analysis, Slice
from core.wording import _

_LARGEST_SIDE: Final = 1024
_PICTURE: Final = 64.0
_GAP: Final = 8.0
_METHODS: Final = {"grad-cam": "Grad-CAM"}


def read_map(analysis: Analysis, slice_: Slice, overlay_png: bytes | None) -> Image.Image | None:
    """Return the overlay, or the predicted class's own map drawn with an outline, or None.

    Raises:
        OutputError: If the overlay can't be read as PNG.
    """
    if overlay_png is not None:
        try:
            with Image.open(BytesIO(overlay_png), formats=["PNG"]) as picture:
                return _small(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise OutputError(
                "The overlay of a report must be a PNG picture. "
                f"Received: {len(overlay_png)} bytes that can't be read as one."
            ) from error
    explanation = analysis.explanations.get(analysis.prediction.predicted)
    if explanation is None:
        return None
    drawn = overlay(slice_.pixels, explanation.cam, threshold=0.2, contour=True)
    return _small(Image.fromarray(drawn))


def _small(picture: Image.Image) -> Image.Image:
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    return picture


def draw_pictures(
    sheet: Sheet,
    analysis: Analysis,
    slice_: Slice,
    mapped: Image.Image | None,
    explained: str | None,
    synthetic: bool,
) -> None:
    """Draw the section with the slice, its map beside it, and what a map says.

    Args:
        sheet: Where to draw.
        analysis: What the model says of the slice.
        slice_: The decoded slice.
        mapped: The map over the slice; None for a model without one.
        explained: What the map shows; the predicted class by default.
        synthetic: Whether the captions call the slice synthetic.
    """
    height, width = slice_.shape
    scale = _PICTURE / max(height, width)
    shown = (width * scale, height * scale)
    mark = _(" (synthetic)") if synthetic else ""
    sheet.heading(_("What the model saw"), shown[1] + 15)
    top = sheet.get_y() + 1
    column = (WIDTH - _GAP) / 2
    grey = _small(Image.fromarray(to_grey_rgb(slice_.pixels)[:, :, 0]))
    label = explained or analysis.prediction.predicted
    name = describe(label).name
    read = _("The slice as it was read")
    pictures = [(grey, read + mark, read)]
    if mapped is not None:
        pictures.append(
            (
                mapped,
                _("Where the model looked for: {label}").format(label=name) + mark,
                _("Map over the slice: {label}").format(label=name),
            )
        )
    for index, (picture, caption, alt) in enumerate(pictures):
        left = MARGIN + index * (column + _GAP)
        inset = (column - shown[0]) / 2
        sheet.image(picture, left + inset, top, shown[0], shown[1], alt_text=sheet.safe(alt))
        sheet.set_xy(left, top + shown[1] + 1)
        sheet.ink(8.5, bold=True)
        sheet.cell(column, 4.5, sheet.fitted(caption, column), align="C")
    sheet.set_xy(MARGIN, top + shown[1] + 6)
    sheet.ink(8.5, colour=MIDDLE)
    explanation = analysis.explanations.get(label)
    if mapped is None:
        sheet.paragraph(_("This model gives no map of where it looked."), 4.2)
        return
    method = ""
    if explanation is not None:
        method = f" ({_METHODS.get(explanation.method, explanation.method)}, {explanation.layer})"
    sheet.paragraph(
        _(
            "The marked places spoke most for this answer{method}. The map says where the model "
            "looked, not why, and is no outline of a lesion. Left and right are the picture's."
        ).format(method=method),
        4.2,
    )
