"""Playground: disturb a scan, hide a region, look inside the network."""

import streamlit as st

from ui import cache, diagnose, playground, result, shell
from ui.errors import plain
from ui.language import _, told

shell.begin(
    _("Playground"),
    ":material/toys:",
    _("Disturb a scan and see what the answer hangs on; then look inside the network."),
)

left, right = st.columns(2, gap="large")
with left:
    status = diagnose.choose_model(cache.statuses())
with right:
    chosen = diagnose.choose_slice([status])

if not status.ready:
    st.warning(
        _("**{model} is not ready.** {reason}").format(
            model=plain(status.title), reason=plain(told(status.reason or ""))
        ),
        icon=":material/hourglass_empty:",
    )
    if chosen is not None:
        result.slice_only(chosen.slice, _("No answer: the model is not ready"))
    st.stop()

loading = cache.warm(status.name)
if chosen is None:
    st.info(
        _("Drop a scan into the field, or pick a sample, to play with it here."),
        icon=":material/upload_file:",
    )
    diagnose.show_warming(loading, status)
    st.stop()

with left:
    diagnose.describe_origin(chosen)
    st.caption(
        _("The address of this page reproduces what you see; an uploaded scan is not part of it.")
    )
if diagnose.is_blank(chosen.slice):
    result.nothing(chosen.slice)
    st.stop()
playground.follow_link()
playground.show(chosen, status)
