"""Pieces of the Compare screen: the panels side by side, and what each model looked at."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core import figures
from core.consensus import OTHER_PLACE, SAME_PLACE, overlaps
from core.ensemble import ENSEMBLE
from core.imaging.overlay import COLOUR_MAPS, colour_table, overlay, to_grey_rgb, to_png
from core.labels import describe
from core.reading import percent, place, why_not_accepted
from core.types import Analysis, ByteArray, FloatArray
from ui.compare import Found
from ui.diagnose import Chosen
from ui.errors import plain
from ui.language import _

_OWN = "own"
_IN_A_ROW = 4


@dataclass(frozen=True, eq=False)
class _Brush:
    """How every map of the row is drawn.

    Attributes:
        label: Key of the class whose maps are drawn, or `_OWN` for each model's own answer.
        opacity: Weight of the colour, in 0 to 1.
        threshold: Share of the peak below which nothing is painted.
        colours: Name of the colour map.
        outline: Whether the painted region is outlined.
    """

    label: str
    opacity: float
    threshold: float
    colours: str
    outline: bool

    def key(self, analysis: Analysis) -> str:
        """Return the class key whose map stands for a model."""
        return analysis.prediction.predicted if self.label == _OWN else self.label

    def cam(self, analysis: Analysis) -> FloatArray | None:
        """Return the map to draw for a model; None where it gives none."""
        explanation = analysis.explanations.get(self.key(analysis))
        return None if explanation is None else explanation.cam

    def draw(self, pixels: FloatArray, cam: FloatArray) -> ByteArray:
        """Lay a map over the slice."""
        return overlay(pixels, cam, self.opacity, self.colours, self.threshold, self.outline)


def original(chosen: Chosen) -> None:
    """Show the slice as it was read."""
    caption = _("Original (synthetic)") if chosen.synthetic else _("Original")
    st.image(
        to_png(to_grey_rgb(chosen.slice.pixels)),
        caption=caption,
        width=280,
        alt=_("The slice as it was read"),
    )


@st.fragment
def panels(chosen: Chosen, found: Found) -> None:
    """Draw one panel per model and the ensemble; the controls redraw and never recompute."""
    analyses = [answer.analysis for answer in found.answers]
    if found.mean is not None:
        analyses.append(found.mean)
    st.subheader(_("Side by side"))
    brush = _controls(analyses)
    order = analyses[0].prediction.labels
    in_a_row = len(analyses) if len(analyses) <= _IN_A_ROW else 3
    for start in range(0, len(analyses), in_a_row):
        # One panel alone would fill the page; beside empty columns it keeps its size.
        columns = st.columns(max(in_a_row, 3), gap="medium")
        for column, analysis in zip(columns, analyses[start : start + in_a_row], strict=False):
            with column:
                _panel(chosen, found, analysis, order, brush)
    _scale(brush)
    if len(found.answers) > 1:
        _looked(chosen, found, brush)


def _controls(analyses: list[Analysis]) -> _Brush:
    labels = dict.fromkeys(key for a in analyses for key in a.explanations)
    names = {_OWN: _("Its own answer")} | {key: describe(key).name for key in labels}
    if st.session_state.get("compare_class") not in names:
        st.session_state["compare_class"] = _OWN
    label = st.pills(
        _("Where each model looked for"),
        list(names),
        format_func=lambda key: names[key],
        required=True,
        key="compare_class",
        persist_state="session",
    )
    first, second, third, fourth = st.columns(4, vertical_alignment="bottom")
    opacity = first.slider(
        _("Opacity"), 0, 100, 60, 5, format="%d %%", key="compare_opacity", persist_state="session"
    )
    threshold = second.slider(
        _("Hide below"),
        0, 95, 20, 5,
        format="%d %%",
        key="compare_threshold",
        help=_("Share of the peak."),
        persist_state="session",
    )  # fmt: skip
    colours = third.selectbox(
        _("Colours"),
        list(COLOUR_MAPS),
        index=list(COLOUR_MAPS).index("inferno"),
        format_func=lambda name: _("turbo (classic)") if name == "turbo" else name,
        key="compare_colours",
        persist_state="session",
    )
    outline = fourth.toggle(_("Outline"), key="compare_outline", persist_state="session")
    return _Brush(label or _OWN, opacity / 100, threshold / 100, colours, outline)


def _panel(
    chosen: Chosen, found: Found, analysis: Analysis, order: tuple[str, ...], brush: _Brush
) -> None:
    prediction = analysis.prediction
    name, title = prediction.model, found.title(prediction.model)
    strange = prediction.in_domain is False
    answer = f"{plain(describe(prediction.predicted).name)} · {percent(prediction.confidence)}"
    if strange:
        answer = _("No diagnosis")
    reason = why_not_accepted(prediction)
    # Every panel has the same lines above its picture, so that the pictures stand in a row.
    st.markdown(f"#### {title}")
    with st.container(gap="xsmall"):
        st.markdown(f"**{answer}**" if reason is None else f":gray[**{answer}**]")
        if reason is None:
            st.badge(_("✓ Accepted"), color="green")
        else:
            st.badge(_("✗ Not accepted"), color="gray", help=plain(reason))
    cam = brush.cam(analysis)
    looked_for = describe(brush.key(analysis)).name
    if cam is None:
        st.caption(_("This model gives no map for {label}.").format(label=plain(looked_for)))
    else:
        caption = _("Grad-CAM: {label}").format(label=plain(looked_for))
        st.image(
            to_png(brush.draw(chosen.slice.pixels, cam)),
            caption=caption + (_(" (synthetic)") if chosen.synthetic else ""),
            width="stretch",
            alt=_("Heat map of {model} over the slice, for {label}").format(
                model=title, label=looked_for
            ),
        )
    shares = dict(zip(prediction.labels, map(float, prediction.probabilities), strict=True))
    st.plotly_chart(
        figures.compact_bars(shares, order, prediction.threshold, greyed=strange),
        key=f"compare_bars_{name}",
        config={"displayModeBar": False},
        alt=_("Calibrated probabilities of {model}: {values}").format(
            model=title,
            values=", ".join(f"{describe(k).name} {percent(p)}" for k, p in shares.items()),
        ),
    )
    if name != ENSEMBLE:
        params = {"model": name}
        if "sample" in st.query_params:
            params["sample"] = st.query_params["sample"]
        st.page_link(
            "pages/1_Diagnose.py",
            label=_("Open in Diagnose"),
            icon=":material/neurology:",
            query_params=params,
        )


def _scale(brush: _Brush) -> None:
    strip = colour_table(brush.colours)[None, :, :].repeat(10, axis=0)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("little"), width="content")
        st.image(strip, width=160, alt=_("Colour scale from little to much influence"))
        st.caption(_("much"), width="content")
    st.caption(
        _(
            "One colour scale for all maps: from 0 to the peak of each model's own map. The "
            "ensemble's map is the mean of theirs. The mark on the bars is the "
            "confidence from which an answer is accepted."
        )
    )


def _looked(chosen: Chosen, found: Found, brush: _Brush) -> None:
    """Say where each model looked, and how far the hottest regions overlap."""
    if len(found.consensus.votes) > 1:
        st.subheader(_("Where they disagree: what each looked at"))
    else:
        st.subheader(_("What each looked at"))
    rows, maps = [], {}
    for answer in found.answers:
        analysis, name = answer.analysis, answer.prediction.model
        label, cam = describe(brush.key(analysis)), brush.cam(analysis)
        where = None
        # A map of what speaks against a tumour points at nothing that a reader could check.
        if cam is not None and label.tumour:
            where = place(cam, chosen.slice.pixels)
            maps[name] = cam
        rows.append(
            {
                _("Model"): answer.title,
                _("Map for"): label.name,
                _("Looked mostly at"): where or "—",
            }
        )
    first, second = st.columns(2, gap="large")
    with first:
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, alt=_("Where on the picture each model looked")
        )
        st.caption(
            _(
                "Places are the picture's, not the patient's. Of a map for “no tumour” no place "
                "is told: it points at nothing that could be checked."
            )
        )
    with second:
        _overlaps(found, overlaps(maps))


def _overlaps(found: Found, values: dict[tuple[str, str], float]) -> None:
    if not values:
        st.markdown(_("There are no two maps for a tumour to lay over each other."))
        return
    for (one, other), value in values.items():
        if value >= SAME_PLACE:
            sentence = _("{one} and {other} looked at **the same place**: overlap {share}.")
        elif value >= OTHER_PLACE:
            sentence = _("{one} and {other} looked at **partly the same place**: overlap {share}.")
        else:
            sentence = _("{one} and {other} looked at **different places**: overlap {share}.")
        st.markdown(
            sentence.format(one=found.title(one), other=found.title(other), share=percent(value))
        )
    st.caption(
        _(
            "Overlap: the area where both maps reach half of their peak, as a share of the area "
            "where either does. From {same} it counts as the same place, below {other} as "
            "different ones."
        ).format(same=percent(SAME_PLACE), other=percent(OTHER_PLACE))
    )
