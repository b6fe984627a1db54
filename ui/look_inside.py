"""The looks inside a model on the Playground: occlusion, feature maps, layers."""

from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from core.explain.occlusion import Occlusion
from core.imaging.mosaic import mosaic
from core.imaging.overlay import colour_table, overlay
from core.labels import describe
from core.models.registry import ModelStatus
from core.reading import percent
from core.types import Analysis, Slice
from ui import cache_maps, inside, links
from ui.errors import plain, shown
from ui.language import _, ngettext

VIEWS: Final = ("occlusion", "maps", "layers")
"""The looks, as the address names them."""
_ASKED: Final = "play_occlusion"
_COUNTS: Final = (16, 36, 64)


def show(status: ModelStatus, slice_: Slice, analysis: Analysis, disturbed: bool) -> None:
    """Draw the switch between the looks, and the chosen one.

    Args:
        status: A ready model.
        slice_: The slice on the screen.
        analysis: The model's answer to it.
        disturbed: Whether the slice is disturbed.
    """
    st.subheader(_("Look inside"))
    names = {
        "occlusion": _("Occlusion map"),
        "maps": _("Feature maps"),
        "layers": _("Layers"),
    }
    view = st.segmented_control(
        _("Look at"),
        VIEWS,
        format_func=lambda key: names[key],
        required=True,
        key="view",
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == VIEWS[0]:
        links.withdraw("view")
    else:
        links.publish("view", str(view))
    if disturbed and view != "layers":
        st.caption(_(":material/blur_on: Of the scan as the sliders have disturbed it."))
    with shown():
        if view == "occlusion":
            _occlusion(status, slice_, analysis)
        elif view == "maps":
            _maps(status, slice_)
        else:
            _layers(status)


def _occlusion(status: ModelStatus, slice_: Slice, analysis: Analysis) -> None:
    labels = analysis.prediction.labels
    st.markdown(
        _(
            "A grey square slides over the scan. Where hiding costs the class much of its "
            "probability, the model needs what is there."
        )
    )
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    label = first.selectbox(
        _("Class"),
        labels,
        index=labels.index(analysis.prediction.predicted),
        format_func=lambda key: describe(key).name,
        key=f"play_class_{analysis.prediction.predicted}",
    )
    side = second.slider(
        _("Side of the square"), 10, 40, 20, 5, format="%d %%", key="play_side",
        help=_("Of the model's field of view."), persist_state="session",
    )  # fmt: skip
    asked = [status.name, slice_.sha256, label, side]
    if third.button(_("Compute"), icon=":material/grid_view:", key="play_occlude", width="stretch"):
        st.session_state[_ASKED] = asked
    if st.session_state.get(_ASKED) != asked:
        st.caption(_("The model answers some 200 times: seconds for a small one, more for VGG."))
        return
    with st.spinner(_("Hiding one region after the other…")):
        found = inside.occlusion(status.name, slice_, label, side / 100)
    _draw_occlusion(slice_, found)


def _draw_occlusion(slice_: Slice, found: Occlusion) -> None:
    name = plain(describe(found.label).name)
    left, right = st.columns(2)
    top = float(found.drop.max())
    heat = np.clip(found.drop / top, 0.0, 1.0) if top > 0 else np.zeros_like(found.drop)
    left.image(
        overlay(slice_.pixels, heat.astype(np.float32), 0.7, "inferno", 0.1),
        caption=_("What {label} loses where it is hidden").format(label=name),
        width="stretch",
        alt=_("Occlusion map over the slice, for {label}").format(label=name),
    )
    with right:
        probability, drop = percent(found.probability), 100 * found.strongest
        if drop >= 1:
            text = _(
                "**{label}** has {probability}. Hiding the place that matters most takes "
                "**{points:.0f} points** from it."
            )
        else:
            text = _(
                "**{label}** has {probability}. No square of this size takes a whole point "
                "from it: the colours show next to nothing."
            )
        st.markdown(text.format(label=name, probability=probability, points=drop))
        rise = -100 * float(found.grid.min())
        if rise >= 1:
            text = _("Elsewhere, hiding raises it by up to {points:.0f} points.")
            st.markdown(text.format(points=rise))
        strip = colour_table("inferno")[None, :, :].repeat(10, axis=0)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(_("none"), width="content")
            st.image(strip, width=160, alt=_("Colour scale from no loss to the largest loss"))
            text = _("{points:.1f} points").format(points=100 * max(top, 0.0))
            st.caption(text, width="content")
        st.caption(
            _(
                "A pixel's colour is the mean over all squares that hide it. A grey square is "
                "itself unlike any scan, so small differences mean nothing."
            )
        )


def _maps(status: ModelStatus, slice_: Slice) -> None:
    known = cache_maps.layers(status.name)
    links.follow("layer", list(known.shapes), known.default)
    first, second = st.columns([3, 1], vertical_alignment="bottom")
    shapes = {key: " × ".join(map(str, shape)) for key, shape in known.shapes.items()}
    layer = first.selectbox(
        _("Layer"),
        list(known.shapes),
        format_func=lambda key: f"{key} · {shapes[key]}",
        key="layer",
        persist_state="session",
        help=_("Rows, columns and channels; early and fine layers first."),
    )
    count = second.selectbox(_("Maps"), _COUNTS, index=1, key="play_count", persist_state="session")
    links.publish("layer", layer)
    with st.spinner(_("Looking inside…")):
        found = inside.maps(status.name, slice_, layer, count)
    shown_now = len(found.channels)
    st.image(
        mosaic(found.maps, columns=9 if shown_now % 9 == 0 else 8),
        caption=_("Activations of {layer}: the {shown} of {total} channels that vary most").format(
            layer=plain(found.layer), shown=shown_now, total=found.total
        ),
        width="stretch",
        alt=_("Grid of feature maps of the layer {layer}").format(layer=found.layer),
    )
    text = _(
        "Each tile runs from its own lowest value (dark) to its own highest (bright); tiles "
        "can't be compared with each other. Channels in reading order: {channels}."
    ).format(channels=", ".join(map(str, found.channels)))
    if found.silent:
        silent = ngettext(
            "{count} channel is silent on this scan.", "{count} channels are silent on this scan.",
            found.silent,
        )  # fmt: skip
        text += " " + silent.format(count=found.silent)
    st.caption(text)


def _layers(status: ModelStatus) -> None:
    rows = inside.layers(status.name)
    total, trainable = (sum(values) for values in zip(*(row[3:] for row in rows), strict=True))
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="play_layers",
        column_config={
            "name": st.column_config.TextColumn(_("Layer")),
            "kind": st.column_config.TextColumn(_("Kind")),
            "shape": st.column_config.TextColumn(
                _("Output"), help=_("Rows × columns × channels, or features.")
            ),
            "parameters": st.column_config.NumberColumn(_("Parameters"), format="localized"),
            "trainable": st.column_config.NumberColumn(_("Trainable"), format="localized"),
        },
        alt=_("Layers of the model with shapes and parameter counts"),
    )
    st.caption(
        _("{model}: {count} layers, {total:,} parameters, {trainable:,} of them trainable.").format(
            model=plain(status.title), count=len(rows), total=total, trainable=trainable
        )
    )
