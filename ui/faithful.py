"""Is the map faithful? What a map is worth, on demand, beside the overlay."""

import streamlit as st

from core import figures
from core.evaluation.faithfulness import Faithfulness
from core.labels import describe
from core.reading import percent
from core.types import Explanation, Slice
from core.wording import number
from ui import cache_maps
from ui.errors import plain
from ui.language import _

_ASKED = "faithful_asked"
_TOLD = 0.3
_ICONS = {
    "faithful": ":material/check_circle:",
    "edges": ":material/help:",
    "random": ":material/cancel:",
}


@st.fragment
def offer(slice_: Slice, model: str, explanation: Explanation) -> None:
    """Draw the button that puts a map to the test, and the result once it was asked for.

    Args:
        slice_: The slice that was explained.
        model: Name of the model.
        explanation: The map on the screen.
    """
    question = (slice_.sha256, model, explanation.label, explanation.method, explanation.layer)
    # What was asked stays asked: moving a slider must not take the answer away.
    asked = st.session_state.setdefault(_ASKED, set())
    with st.container(border=True):
        st.markdown(f"**{_('Does this map show what the model uses?')}**")
        if question not in asked:
            st.caption(
                _(
                    "A convincing map may be wrong. The check hides the warmest pixels first and "
                    "watches the answer, beside a random order and an edge detector that knows "
                    "nothing of the model. It takes some seconds."
                )
            )
            st.button(
                _("Check this map"),
                icon=":material/rule:",
                key="cam_check",
                on_click=asked.add,
                args=(question,),
            )
            return
        with st.spinner(_("The model is answering copies of the slice with hidden pixels…")):
            found = cache_maps.faithfulness(model, slice_, explanation)
        _show(found, describe(explanation.label).name)


def _show(found: Faithfulness, name: str) -> None:
    # A percent sign belongs on the line of its number.
    said = plain(sentence(found, name)).replace(" %", "\u00a0%")
    st.markdown(f"{_ICONS[found.verdict]} {said}")
    st.plotly_chart(
        figures.faithfulness_curves(found),
        key="cam_faithful",
        config={"displayModeBar": False},
        alt=_(
            "Probability of {label} while pixels are hidden or shown. Score of this map {own}, of "
            "a random order {chance}, of an edge detector {edges}; higher is better."
        ).format(
            label=name,
            own=_number(found.map.road),
            chance=_number(found.random.road),
            edges=_number(found.edges.road),
        ),
    )
    st.caption(
        _(
            "Deletion blackens the warmest pixels, insertion lays them back onto a blurred slice, "
            "ROAD paints over them from their surroundings. ROAD decides: this map {own}, random "
            "order {chance}, edge detector {edges} (half the distance between its two areas; "
            "higher is better)."
        ).format(
            own=_number(found.map.road),
            chance=_number(found.random.road),
            edges=_number(found.edges.road),
        )
    )


def sentence(found: Faithfulness, name: str) -> str:
    """Say what a check found, in one plain sentence.

    Args:
        found: The check.
        name: The class for a person.
    """
    curve, chance = found.map.road_most, found.random.road_most
    facts = _(
        "Painting over the warmest {share} of the head moves the probability of {label} from "
        "{before} to {after}, a random {share} to {chance}"
    ).format(
        share=percent(_TOLD),
        label=name,
        before=percent(curve.values[0]),
        after=percent(curve.at(_TOLD)),
        chance=percent(chance.at(_TOLD)),
    )
    verdict = {
        "faithful": _(
            "{facts}; over all shares the map beats chance and an edge detector, so it shows "
            "what the model uses."
        ),
        "edges": _(
            "{facts}; over all shares an edge detector, which knows nothing of the model, does "
            "as well."
        ),
        "random": _(
            "{facts}; over all shares the map is no better than chance, so it is not the reason "
            "for the answer."
        ),
    }[found.verdict]
    return verdict.format(facts=facts)


def _number(value: float) -> str:
    # Adding 0 turns a rounded -0.0 into 0.0.
    return number(round(value, 2) + 0.0, 2)
