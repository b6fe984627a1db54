"""Pieces of the Diagnose screen: warnings, the answer, a refusal."""

import streamlit as st

from core.data.phantom import SYNTHETIC
from core.gate import WARNING
from core.imaging.overlay import to_grey_rgb
from core.imaging.quality import Quality
from core.labels import describe
from core.reading import no_diagnosis, percent, read_plainly, why_not_accepted
from core.types import Analysis, Prediction, Slice
from ui.diagnose import Chosen
from ui.errors import plain
from ui.language import _, told


def refuse(quality: Quality) -> None:
    """Show why no answer about a slice counts."""
    st.error(
        f"**{no_diagnosis()}.** " + " ".join(plain(told(r)) for r in quality.reasons),
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


def said_below(prediction: Prediction) -> tuple[str, ...]:
    """Return the warnings that the answer itself repeats as the reason of no diagnosis."""
    return (WARNING,) if prediction.in_domain is False else ()


def show_answer(chosen: Chosen, analysis: Analysis) -> None:
    """Show the answer and its reading; an answer that isn't accepted is greyed with its reason.

    A picture of another kind gets no class as a heading, however sure the network is.
    """
    prediction = analysis.prediction
    if prediction.in_domain is False:
        with st.container(border=True):
            no_answer(analysis)
        return
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


def no_answer(analysis: Analysis) -> None:
    """Say that a picture of another kind gets no diagnosis, and what the network computes."""
    st.markdown(f"### {no_diagnosis()}")
    st.markdown(plain(why_not_accepted(analysis.prediction) or ""))
    st.markdown(f":gray[{plain(read_plainly(analysis))}]")


def slice_only(slice_: Slice, caption: str) -> None:
    """Show a slice without any answer."""
    with st.container(width=420):
        st.image(
            to_grey_rgb(slice_.pixels),
            caption=caption,
            width="stretch",
            alt=_("The slice as it was read"),
        )
