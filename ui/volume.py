"""The profile of a volume: all slices predicted, the most suspicious one marked."""

from typing import Any, Final

import streamlit as st

from core import figures
from core.profile import Profile, along
from core.reading import percent
from core.types import Prediction
from ui import cache_scans, scrub
from ui.errors import shown
from ui.language import _, ngettext
from ui.scrub import Look

BATCH: Final = 8


def show_profile(name: str, look: Look) -> None:
    """Draw the profile, and predict what is missing of it while the person wants it.

    No fragment: a click within a fragment waits until the fragment's run is over, so that
    Cancel would come too late. Call it last on a page. Interrupted by another control, the
    work goes on where it was; slices that were predicted once, in any session, are not
    predicted again.

    Args:
        name: Name of a ready model.
        look: Where the person looks in a volume of several slices.
    """
    answers = cache_scans.answers(name, look.key)
    st.subheader(_("Along the volume"))
    place = st.container()
    running = f"profile_{name}_{look.key}"
    if st.session_state.get(running):
        with shown():
            _predict(place, look, name, answers, running)
    _offer(place, look, len(answers), running)
    if answers:
        _draw(look, along(answers))


def _offer(place: Any, look: Look, done: int, running: str) -> None:
    missing = look.count - done
    if not missing:
        return
    if done:
        label = ngettext(
            "Predict the remaining slice", "Predict the remaining {count} slices", missing
        )
    else:
        label = _("Predict all {count} slices")
    with place:
        if done:
            st.caption(
                _("{done} of {count} slices are predicted.").format(done=done, count=look.count)
            )
        st.button(
            label.format(count=missing),
            key=f"start_{running}",
            icon=":material/play_arrow:",
            on_click=_switch,
            args=(running, True),
        )


def _predict(
    place: Any, look: Look, name: str, answers: dict[int, Prediction], running: str
) -> None:
    """Predict the missing slices in batches; a click on Cancel interrupts between two."""
    missing = [position for position in range(look.count) if position not in answers]
    with place:
        spot = st.empty()
    with spot.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(len(answers) / look.count, text=_text(len(answers), look.count))
        st.button(
            _("Cancel"),
            key=f"cancel_{running}",
            icon=":material/cancel:",
            on_click=_switch,
            args=(running, False),
        )
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        found = cache_scans.predictions(name, [look.cut(position) for position in part])
        answers.update(zip(part, found, strict=True))
        bar.progress(len(answers) / look.count, text=_text(len(answers), look.count))
    _switch(running, False)
    spot.empty()


def _text(done: int, count: int) -> str:
    return _("{done} of {count} slices").format(done=done, count=count)


def _switch(key: str, on: bool) -> None:
    st.session_state[key] = on


def _draw(look: Look, profile: Profile) -> None:
    key = f"chart_{look.key}"
    first = profile.suspicious
    st.plotly_chart(
        figures.probability_profile(profile, look.count, look.position),
        key=key,
        on_select=lambda: _clicked(key, look),
        selection_mode="points",
        config={"displayModeBar": False},
        alt=_("Probability of each class along the volume, slice by slice"),
    )
    if first is None:
        st.info(
            _("No slice of this volume looks like the brain MRI that this model knows."),
            icon=":material/block:",
        )
        return
    share = float(profile.tumour[profile.positions.tolist().index(first)])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _("Most suspicious: **slice {number}**, tumour {share}.").format(
                number=first + 1, share=percent(share)
            ),
            width="content",
        )
        if first != look.position:
            # The chart can't be reached by keyboard; this can.
            st.button(
                _("Go to slice {number}").format(number=first + 1),
                key=f"go_{look.key}",
                icon=":material/my_location:",
                on_click=scrub.jump,
                args=(look, first),
            )
    notes = [_("A click on a point shows its slice.")]
    outside = int((~profile.judged).sum())
    if outside:
        notes.append(
            ngettext(
                "{count} slice on grey ground doesn't look like the brain MRI that the model "
                "knows, and doesn't count.",
                "{count} slices on grey ground don't look like the brain MRI that the model "
                "knows, and don't count.",
                outside,
            ).format(count=outside)
        )
    notes.append(_("Each slice is judged alone; suspicious is no diagnosis."))
    st.caption(" ".join(notes))


def _clicked(key: str, look: Look) -> None:
    points = st.session_state[key].selection.points
    if points:
        scrub.jump(look, int(points[0]["x"]) - 1)
