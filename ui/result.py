"""Pieces of the Diagnose screen: warnings, the answer, a refusal."""

import streamlit as st

from core.data.phantom import SYNTHETIC
from core.imaging.overlay import to_grey_rgb
from core.imaging.quality import Quality
from core.labels import describe
from core.reading import percent, read_plainly, why_not_accepted
from core.types import Analysis, Slice
from ui.diagnose import Chosen
from ui.errors import plain
from ui.language import _, told


def refuse(quality: Quality) -> None:
    """Show why no answer about a slice counts."""
    st.error(
        _("**No diagnosis for this picture.**")
        + " "
        + " ".join(plain(told(r)) for r in quality.reasons),
        icon=":material/block:",
    )


def nothing(slice_: Slice) -> None:
    """Say that a slice of one grey value can't be analysed, and show it."""
    st.info(
        _("There is nothing to analyse: every pixel of this slice has the same grey."),
        icon=":material/block:",
    )
    slice_only(slice_, _("As it was read"))


def show_warnings(chosen: Chosen, analysis: Analysis, said: tuple[str, ...] = ()) -> None:
    """Show what a person should read before the answer, less what was said already."""
    texts = dict.fromkeys((*chosen.slice.notes, *analysis.prediction.warnings))
    for text in said:
        texts.pop(text, None)
    if chosen.synthetic:
        texts.pop(SYNTHETIC, None)
        st.warning(
            _("This picture is a drawn phantom. What a model says of it means nothing."),
            icon=":material/draw:",
        )
    for text in texts:
        st.warning(plain(told(text)), icon=":material/warning:")


def show_answer(chosen: Chosen, analysis: Analysis) -> None:
    """Show the answer and its reading; an answer that isn't accepted is greyed with its reason."""
    prediction = analysis.prediction
    label = describe(prediction.predicted)
    reason = why_not_accepted(prediction)
    # A percent sign belongs on the line of its number.
    confidence = percent(prediction.confidence).replace(" ", "\u00a0")
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            if reason is None:
                st.markdown(f"### {plain(label.name)} · {confidence}")
            else:
                st.markdown(f"### :gray[{plain(label.name)} · {confidence}]")
                st.badge(_("Not accepted"), icon=":material/do_not_disturb_on:", color="gray")
        if reason is not None:
            st.markdown(f":gray[{plain(reason)}]")
        st.markdown(plain(read_plainly(analysis, chosen.slice.pixels)))
        st.caption(plain(label.sentence))


def slice_only(slice_: Slice, caption: str) -> None:
    """Show a slice without any answer."""
    with st.container(width=420):
        st.image(
            to_grey_rgb(slice_.pixels),
            caption=caption,
            width="stretch",
            alt=_("The slice as it was read"),
        )
