"""Where the model looked: which map is on the Diagnose screen, and what it is worth."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.explain.catalogue import DEFAULT, METHODS, Method
from core.labels import describe
from core.types import Analysis, Explanation
from core.wording import number
from ui import cache_maps, faithful, overlay
from ui.diagnose import Chosen
from ui.errors import plain
from ui.language import _, told

_LESION = "lesion"


@dataclass(frozen=True, eq=False)
class _Map:
    """The map on the screen.

    Attributes:
        explanation: The map; of the lesion map, the label is the predicted class.
        name: What it is a map of, for a person.
        method: Name of the method, for a person.
    """

    explanation: Explanation
    name: str
    method: str


@st.fragment
def show(chosen: Chosen, analysis: Analysis) -> None:
    """Show where the model looked, and let the map be put to the test.

    Grad-CAM at the default layer came with the prediction; every other map is computed when
    it is asked for. The overlay's controls only redraw.
    """
    if not analysis.explanations:
        st.info(_("This model gives no map of where it looked."))
        return
    st.subheader(_("Where the model looked"))
    left, right = st.columns([3, 2], gap="large")
    with left:
        target = _target(analysis)
        method, layer = _ways(analysis, target)
        found = _find(chosen, analysis, target, method, layer)
        if not np.any(found.explanation.cam > 0):
            st.info(
                _(
                    "The map is empty: with this method, nothing on this layer speaks for {label}."
                ).format(label=plain(found.name)),
                icon=":material/filter_none:",
            )
        _draw(chosen, analysis.prediction.model, target, found)
    with right:
        faithful.offer(chosen.slice, analysis.prediction.model, found.explanation)


def _draw(chosen: Chosen, model: str, target: str, found: _Map) -> None:
    laid = overlay.Laid(
        found.explanation.cam,
        f"{found.method}: {found.name}",
        _("Heat map over the slice: where the model looked for {label}").format(label=found.name),
        f"glialens-{model}-{target}-{found.explanation.method}.png",
        chosen.synthetic,
    )
    overlay.draw(chosen.slice, laid)


def _target(analysis: Analysis) -> str:
    """Draw the choice of what the map is of: a class, or any lesion."""
    names = {key: describe(key).name for key in analysis.explanations}
    if analysis.lesion_map is not None:
        names[_LESION] = _("Any lesion")
    predicted, state = analysis.prediction.predicted, st.session_state
    start = predicted if predicted in names else next(iter(names))
    if state.get("cam_for") != predicted or state.get("cam_class") not in names:
        # A new answer starts with its own class; a choice by hand holds until then.
        state["cam_for"], state["cam_class"] = predicted, start
    chosen = st.pills(
        _("Where the model looked for"),
        list(names),
        format_func=lambda key: names[key],
        required=True,
        key="cam_class",
        wrap=True,
        persist_state="session",
    )
    return chosen or start


def _ways(analysis: Analysis, target: str) -> tuple[Method, str]:
    """Draw the choice of method and layer, and say why the default layer is the default."""
    model, lesion = analysis.prediction.model, target == _LESION
    known = cache_maps.layers(model)
    first, second = st.columns([2, 3])
    key = first.selectbox(
        _("Method"),
        list(METHODS),
        format_func=lambda k: told(METHODS[k].name),
        key="cam_method",
        disabled=lesion,
        persist_state="session",
    )
    method = METHODS[key or DEFAULT]
    sizes = {name: " × ".join(map(str, shape)) for name, shape in known.shapes.items()} or {
        known.default: ""
    }
    sizes.setdefault(known.default, "")
    layer = second.selectbox(
        _("Layer"),
        list(sizes),
        index=list(sizes).index(known.default),
        format_func=lambda name: _layer_title(name, sizes[name], name == known.default),
        key=f"cam_layer_{model}",
        disabled=lesion or not method.layered,
        help=_("Every convolution of the model: rows × columns × channels of its output."),
        persist_state="session",
    )
    if lesion:
        st.caption(
            _(
                "The model's own map of anything like a lesion, whatever its kind. It comes with "
                "every answer, so there is no method and no layer to choose."
            )
        )
    elif not method.layered:
        st.caption(f"{told(method.sentence)} {_('It explains the pixels, not a layer.')}")
    else:
        why = _(
            "The default layer, {layer}, is the last one that still has places: its features are "
            "the most abstract. Earlier layers are finer and noisier."
        ).format(layer=plain(known.default))
        st.caption(f"{told(method.sentence)} {why}")
    return method, layer or known.default


def _layer_title(name: str, size: str, default: bool) -> str:
    title = f"{name} · {size}" if size else name
    return _("{layer} (default)").format(layer=title) if default else title


def _find(chosen: Chosen, analysis: Analysis, target: str, method: Method, layer: str) -> _Map:
    predicted = analysis.prediction.predicted
    if target == _LESION and analysis.lesion_map is not None:
        cam = np.clip(analysis.lesion_map, 0.0, 1.0)
        own = Explanation(predicted, cam, "lesion-map", _LESION)
        return _Map(own, _("Any lesion"), _("Lesion map"))
    name, fused = describe(target).name, analysis.explanations[target]
    if (method.key, layer) == (fused.method, fused.layer):
        return _Map(fused, name, told(method.name))
    waiting = {
        "instant": _("{method} is being computed: about as quick as an answer…"),
        "fast": _("{method} is being computed: as a rule within a second…"),
    }.get(method.speed, _("{method} is being computed: as a rule a few seconds…"))
    with st.spinner(waiting.format(method=told(method.name))):
        timed = cache_maps.explanation(
            analysis.prediction.model, chosen.slice, method.key, target, layer
        )
    st.caption(
        _("Computed in {seconds} s, and kept for the next look.").format(
            seconds=number(max(timed.seconds, 0.1), 1)
        )
    )
    return _Map(timed.explanation, name, told(method.name))
