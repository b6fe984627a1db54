"""Pieces of the Diagnose screen: the answer, the reasons, the downloads."""

import json
from typing import Any

import streamlit as st

from core import DISCLAIMER, __version__, figures
from core.data.phantom import SYNTHETIC
from core.imaging.overlay import to_grey_rgb
from core.imaging.quality import Quality
from core.labels import describe
from core.models.registry import ModelStatus
from core.reading import percent, read_plainly, why_not_accepted
from core.types import Analysis, Slice
from ui.diagnose import Chosen
from ui.errors import plain


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
