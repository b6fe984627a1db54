"""Pieces of the Diagnose screen: the answer, the reasons, the overlay, the downloads."""

import json
from typing import Any

import streamlit as st

from core import DISCLAIMER, __version__, figures
from core.data.phantom import SYNTHETIC
from core.imaging.overlay import COLOUR_MAPS, colour_table, overlay, to_grey_rgb, to_png
from core.imaging.quality import Quality
from core.labels import describe
from core.models.registry import ModelStatus
from core.reading import percent, read_plainly, why_not_accepted
from core.types import Analysis, FloatArray, Slice
from ui.diagnose import Chosen
from ui.errors import plain

_METHODS = {"grad-cam": "Grad-CAM"}


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
        texts.pop(SYNTHETIC, None)
        st.warning(
            "This picture is a drawn phantom. What a model says of it means nothing.",
            icon=":material/draw:",
        )
    for text in texts:
        st.warning(plain(text), icon=":material/warning:")


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
                st.badge("Not accepted", icon=":material/do_not_disturb_on:", color="gray")
        if reason is not None:
            st.markdown(f":gray[{plain(reason)}]")
        st.markdown(plain(read_plainly(analysis, chosen.slice.pixels)))
        st.caption(plain(label.sentence))


def show_probabilities(analysis: Analysis, status: ModelStatus) -> None:
    """Show the probabilities as bars with the threshold line."""
    prediction = analysis.prediction
    pairs = dict(zip(prediction.labels, map(float, prediction.probabilities), strict=True))
    bars = figures.probability_bars(pairs, prediction.threshold)
    # Beside the picture there is less room than on a page of its own.
    bars.update_layout(height=80 + 34 * len(pairs), bargap=0.25)
    bars.update_xaxes(title=None, tickfont={"size": 13})
    st.plotly_chart(
        bars,
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
    maps = _maps(analysis)
    if not maps:
        st.info("This model gives no map of where it looked.")
        return
    predicted, state = analysis.prediction.predicted, st.session_state
    start = predicted if predicted in maps else next(iter(maps))
    if state.get("cam_for") != predicted or state.get("cam_class") not in maps:
        # A new answer starts with its own class; a choice by hand holds until then.
        state["cam_for"], state["cam_class"] = predicted, start
    chosen_map = st.pills(
        "Where the model looked for",
        list(maps),
        format_func=lambda k: maps[k][0],
        required=True,
        key="cam_class",
        persist_state="session",
    )
    name, cam, method = maps[chosen_map or start]
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
    pixels = chosen.slice.pixels
    picture = overlay(pixels, cam, opacity / 100, colour_map, threshold / 100, contour)
    mark = " (synthetic)" if chosen.synthetic else ""
    left, right = st.columns(2)
    left.image(
        to_grey_rgb(pixels),
        caption=f"Original{mark}",
        width="stretch",
        alt="The slice as it was read",
    )
    right.image(
        picture,
        caption=f"{method}: {plain(name)}{mark}",
        width="stretch",
        alt=f"Heat map over the slice: where the model looked for {name}",
    )
    _colour_bar(colour_map)
    st.download_button(
        "Overlay (PNG)",
        to_png(picture),
        file_name=f"glialens-{analysis.prediction.model}-{chosen_map}.png",
        mime="image/png",
        icon=":material/image:",
        on_click="ignore",
    )


def _maps(analysis: Analysis) -> dict[str, tuple[str, FloatArray, str]]:
    """Return title, map and method of everything that can be laid over the slice."""
    maps = {
        key: (describe(key).name, e.cam, _METHODS.get(e.method, plain(e.method)))
        for key, e in analysis.explanations.items()
    }
    if maps and analysis.lesion_map is not None:
        maps["lesion"] = ("Any lesion", analysis.lesion_map, "Lesion map")
    return maps


def _colour_bar(colour_map: str) -> None:
    strip = colour_table(colour_map)[None, :, :].repeat(10, axis=0)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.caption("little", width="content")
        st.image(strip, width=160, alt="Colour scale from little to much influence")
        st.caption("much", width="content")


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
