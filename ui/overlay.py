"""The overlay of the Diagnose screen: its controls redraw pictures and compute no map."""

from dataclasses import dataclass

import streamlit as st

from core import figures
from core.explain.region import hot_region
from core.imaging.overlay import (
    COLOUR_MAPS,
    colour_table,
    isolines,
    outline,
    overlay,
    to_grey_rgb,
    to_png,
    wipe,
)
from core.reading import percent
from core.types import ByteArray, FloatArray, Slice
from ui import window
from ui.errors import plain
from ui.language import _

_BESIDE, _WIPE, _ZOOM = "beside", "wipe", "zoom"
_HEAT, _LINES = "heat", "lines"
_BAR = {
    "scrollZoom": True,
    "displaylogo": False,
    "displayModeBar": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],
}


@dataclass(frozen=True, eq=False)
class Laid:
    """What is laid over the slice.

    Attributes:
        cam: float32 of the slice's shape, in 0 to 1.
        title: Method and class for a person.
        alt: What the picture shows, for those who don't see it.
        file_name: Name of the download.
        synthetic: Whether the slice is drawn by GliaLens.
    """

    cam: FloatArray
    title: str
    alt: str
    file_name: str
    synthetic: bool


@st.fragment
def draw(slice_: Slice, laid: Laid) -> None:
    """Draw the controls, the slice and its overlay, and the download.

    A fragment of its own, so that a slider redraws two pictures and nothing beside them.
    """
    view, style = _ways()
    first, second, third = st.columns(3, vertical_alignment="bottom")
    opacity = first.slider(
        _("Opacity"), 0, 100, 60, 5, format="%d %%", key="cam_opacity", persist_state="session"
    )
    threshold = second.slider(
        _("Hide below"),
        0,
        95,
        20,
        5,
        format="%d %%",
        key="cam_threshold",
        help=_("Share of the peak."),
        persist_state="session",
    )
    colours = third.selectbox(
        _("Colours"),
        list(COLOUR_MAPS),
        index=list(COLOUR_MAPS).index("inferno"),
        format_func=lambda name: _("turbo (classic)") if name == "turbo" else name,
        key="cam_colours",
        help=_("All but turbo can be read with colour blindness."),
        persist_state="session",
    )
    pixels = window.adjusted(slice_)
    paint = isolines if style == _LINES else overlay
    picture = paint(pixels, laid.cam, opacity / 100, colours, threshold / 100)
    outlined = st.toggle(
        _("Outline the hottest region"), key="cam_contour", persist_state="session"
    )
    region = hot_region(laid.cam, slice_.pixels) if outlined else None
    if region is not None:
        picture = outline(picture, region.mask)
    file = to_png(picture)
    _show(view, to_grey_rgb(pixels), picture, file, laid)
    if region is not None:
        st.caption(
            _(
                "The outline holds {share} of the head: where the map reaches half of its peak. "
                "It is **not a segmentation of a tumour**: it shows what the answer rests on, "
                "not where tissue ends."
            ).format(share=percent(region.share))
        )
    elif outlined:
        st.caption(_("There is no region to outline: the map is empty within the head."))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            _("Overlay (PNG)"),
            file,
            file_name=laid.file_name,
            mime="image/png",
            icon=":material/image:",
            on_click="ignore",
        )
        _colour_bar(colours)


def _ways() -> tuple[str, str]:
    """Draw the choice of how to look and what to draw."""
    views = {
        _BESIDE: _("Side by side"),
        _WIPE: _("Before / after"),
        _ZOOM: _("Zoom"),
    }
    styles = {_HEAT: _("Heat"), _LINES: _("Contours")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            _("View"),
            list(views),
            default=None if "cam_view" in st.session_state else _BESIDE,
            format_func=lambda key: views[key],
            required=True,
            key="cam_view",
            persist_state="session",
        )
        style = st.segmented_control(
            _("Map as"),
            list(styles),
            default=None if "cam_style" in st.session_state else _HEAT,
            format_func=lambda key: styles[key],
            required=True,
            key="cam_style",
            persist_state="session",
        )
    return view or _BESIDE, style or _HEAT


def _show(view: str, before: ByteArray, after: ByteArray, file: bytes, laid: Laid) -> None:
    """Draw the pictures in one view. Streamlit takes ten times as long to encode an array."""
    original = _("Original (synthetic)") if laid.synthetic else _("Original")
    title = plain(laid.title) + (_(" (synthetic)") if laid.synthetic else "")
    if view == _ZOOM:
        st.plotly_chart(figures.zoomable(after), key="cam_zoom", config=_BAR, alt=laid.alt)
        st.caption(_("{title}. Turn the wheel to zoom, drag to move.").format(title=title))
        return
    if view == _WIPE:
        with st.container(width=560):
            position = st.slider(
                _("Original left of the line, overlay right of it"),
                0,
                100,
                50,
                2,
                format="%d %%",
                key="cam_wipe",
                persist_state="session",
            )
            st.image(
                to_png(wipe(before, after, position / 100)),
                caption=f"{original} | {title}",
                width="stretch",
                alt=laid.alt,
            )
        return
    left, right = st.columns(2)
    left.image(to_png(before), caption=original, width="stretch", alt=_("The slice as it was read"))
    right.image(file, caption=title, width="stretch", alt=laid.alt)


def _colour_bar(colours: str) -> None:
    strip = colour_table(colours)[None, :, :].repeat(10, axis=0)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="right", width="stretch"
    ):
        st.caption(_("little"), width="content")
        st.image(strip, width=80, alt=_("Colour scale from little to much influence"))
        st.caption(_("much"), width="content")
