"""Pieces of the Diagnose screen: the answer, the reasons, the overlay, the downloads."""

import json
from typing import Any

import streamlit as st

from core import DISCLAIMER, __version__, figures
from core.imaging.overlay import COLOUR_MAPS, colour_table, overlay, to_grey_rgb, to_png
from core.imaging.quality import Quality
from core.labels import describe
from core.models.registry import ModelStatus
from core.types import Analysis, Slice
from ui.diagnose import Chosen
from ui.errors import plain
from ui.reading import percent, summary, why_not_accepted


def refuse(quality: Quality) -> None:
    """Show why a slice gets no diagnosis."""
    st.error(
        "**No diagnosis for this picture.** " + " ".join(plain(r) for r in quality.reasons),
        icon=":material/block:",
    )


def show_warnings(chosen: Chosen, analysis: Analysis) -> None:
    """Show what a person should read before the answer."""
    texts = dict.fromkeys((*chosen.slice.notes, *analysis.prediction.warnings))
    if chosen.synthetic:
        st.warning(
            "This picture is a drawn phantom. What a model says of it means nothing.",
            icon=":material/draw:",
        )
    for text in texts:
        st.warning(plain(text), icon=":material/warning:")


def show_answer(chosen: Chosen, analysis: Analysis, status: ModelStatus) -> None:
    """Show the reading, the answer and the probabilities."""
    prediction = analysis.prediction
    label = describe(prediction.predicted)
    reason = why_not_accepted(prediction)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            if reason is None:
                st.markdown(f"### {plain(label.name)} · {percent(prediction.confidence)}")
            else:
                st.markdown(f"### :gray[{plain(label.name)} · {percent(prediction.confidence)}]")
                st.badge("Not accepted", icon=":material/do_not_disturb_on:", color="gray")
        if reason is not None:
            st.markdown(f":gray[{plain(reason)}]")
        st.markdown(plain(summary(analysis, chosen.slice.pixels)))
        st.caption(plain(label.sentence))
    pairs = dict(zip(prediction.labels, map(float, prediction.probabilities), strict=True))
    st.plotly_chart(
        figures.probability_bars(pairs, prediction.threshold),
        key="probabilities",
        config={"displayModeBar": False},
        alt="Calibrated probabilities: "
        + ", ".join(f"{describe(k).name} {percent(p)}" for k, p in pairs.items()),
    )
    card = status.card
    if card is not None:
        st.caption(
            f"Calibrated probabilities of {plain(status.title)}, weights of "
            f"{plain(card.created[:10])}. The line marks the {percent(prediction.threshold)} from "
            "which an answer is accepted."
        )


@st.fragment
def show_overlay(chosen: Chosen, analysis: Analysis) -> None:
    """Show the slice beside its overlay, with controls that only redraw, never recompute."""
    labels = list(analysis.explanations)
    if not labels:
        st.info("This model gives no map of where it looked.")
        return
    predicted = analysis.prediction.predicted
    if st.session_state.get("cam_for") != predicted:
        # A new answer starts with its own class; a choice by hand holds until then.
        st.session_state["cam_for"] = st.session_state["cam_class"] = predicted
    label = st.pills(
        "Where the model looked for",
        labels,
        format_func=lambda k: describe(k).name,
        required=True,
        key="cam_class",
        persist_state="session",
    )
    first, second, third, fourth = st.columns(4, vertical_alignment="bottom")
    opacity = first.slider("Opacity", 0, 100, 60, 5, format="%d %%", key="cam_opacity")
    threshold = second.slider(
        "Hide below", 0, 95, 20, 5, format="%d %%", key="cam_threshold", help="Share of the peak."
    )
    colour_map = third.selectbox(
        "Colours",
        list(COLOUR_MAPS),
        index=list(COLOUR_MAPS).index("inferno"),
        format_func=lambda n: "turbo (classic)" if n == "turbo" else n,
        key="cam_colours",
    )
    contour = fourth.toggle("Outline", key="cam_contour")
    label = label or predicted
    slice_, explanation = chosen.slice, analysis.explanations[label]
    picture = overlay(
        slice_.pixels, explanation.cam, opacity / 100, colour_map, threshold / 100, contour
    )
    mark = " (synthetic)" if chosen.synthetic else ""
    left, right = st.columns(2)
    left.image(
        to_grey_rgb(slice_.pixels),
        caption=f"Original{mark}",
        width="stretch",
        alt="The slice as it was read",
    )
    name = describe(label).name
    right.image(
        picture,
        caption=f"{plain(explanation.method)} for {plain(name)}{mark}",
        width="stretch",
        alt=f"Heat map over the slice: where the model looked for {name}",
    )
    _colour_bar(colour_map)
    st.download_button(
        "Overlay (PNG)",
        to_png(picture),
        file_name=f"glialens-{analysis.prediction.model}-{label}.png",
        mime="image/png",
        icon=":material/image:",
        on_click="ignore",
    )


def _colour_bar(colour_map: str) -> None:
    strip = colour_table(colour_map)[None, :, :].repeat(10, axis=0)
    low, bar, high = st.columns([1, 4, 1], vertical_alignment="center", wrap=False)
    low.caption("little")
    bar.image(strip, width="stretch", alt="Colour scale from little to much influence")
    high.caption("much")


def record(chosen: Chosen, analysis: Analysis, quality: Quality) -> dict[str, Any]:
    """Return the JSON record of what is on the screen.

    It holds no pixels and no file tags; the slice is named by the digest of its pixels.
    """
    return {
        "file": chosen.origin,
        "slice": chosen.slice.index,
        "sha256": chosen.slice.sha256,
        "synthetic": chosen.synthetic,
        **analysis.prediction.to_record(),
        "threshold": analysis.prediction.threshold,
        "notes": list(chosen.slice.notes),
        "quality": {"ok": quality.ok, "reasons": list(quality.reasons)},
        "explanations": {k: {"method": e.method, "layer": e.layer}
                         for k, e in analysis.explanations.items()},
        "glialens": __version__,
        "disclaimer": DISCLAIMER,
    }  # fmt: skip


def offer_record(chosen: Chosen, analysis: Analysis, quality: Quality) -> None:
    """Draw the download button of the JSON record."""
    st.download_button(
        "Record (JSON)",
        json.dumps(record(chosen, analysis, quality), indent=1, ensure_ascii=False),
        file_name=f"glialens-{analysis.prediction.model}.json",
        mime="application/json",
        icon=":material/data_object:",
        on_click="ignore",
    )


def slice_only(slice_: Slice, caption: str) -> None:
    """Show a slice without any answer."""
    st.image(to_grey_rgb(slice_.pixels), caption=caption, width=420, alt="The slice as it was read")
