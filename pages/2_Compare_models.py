"""Compare models: one slice through every ready model and their mean, side by side."""

import streamlit as st

from core.imaging.quality import assess
from ui import cache, compare, diagnose, looks, result, shell, verdict
from ui.errors import shown
from ui.language import _

shell.begin(
    _("Compare models"),
    ":material/compare:",
    _("One slice through every model: what each answers, how sure it is, and where it looked."),
)

statuses = cache.statuses()
ready = [status for status in statuses if status.ready]
choice, screen = st.columns([1, 2], gap="large")
with choice:
    chosen = diagnose.choose_slice(ready)
    if chosen is not None:
        diagnose.describe_origin(chosen)

if not ready:
    with screen:
        shell.no_model()
        if chosen is not None:
            result.slice_only(chosen.slice, _("No answer: no model is ready"))
    compare.not_ready(statuses)
    st.stop()

for status in ready:
    cache.warm(status.name)

if chosen is None:
    with screen:
        st.info(
            _("Drop a scan into the field, or pick a sample, to see every model's answer here."),
            icon=":material/upload_file:",
        )
    compare.not_ready(statuses)
    st.stop()

quality = assess(chosen.slice)
if not quality.ok:
    with screen:
        result.refuse(quality)
        result.slice_only(chosen.slice, _("As it was read"))
    compare.not_ready(statuses)
    st.stop()

with screen, shown():
    found = compare.ask(ready, chosen.slice)
with choice:
    compare.warnings(chosen, found)
with screen:
    verdict.show(found)
    compare.faults(found)
    looks.original(chosen)
looks.panels(chosen, found)
compare.table(found)
compare.not_ready(statuses)
