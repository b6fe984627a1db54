"""Diagnose: one slice, one model, an answer with its reasons."""

import streamlit as st

from core.imaging.quality import assess
from ui import cache, diagnose, explain, result, shell, similar
from ui.errors import plain, shown

shell.begin(
    "Diagnose",
    ":material/neurology:",
    "Give it one MRI slice; get what the model thinks, how sure it is, and where it looked.",
)

choice, screen = st.columns([1, 2], gap="large")
with choice:
    status = diagnose.choose_model(cache.statuses())
    chosen = diagnose.choose_slice()
    if chosen is not None:
        diagnose.describe_origin(chosen)

if not status.ready:
    with screen:
        st.warning(
            f"**{plain(status.title)} is not ready.** {plain(status.reason or '')}",
            icon=":material/hourglass_empty:",
        )
        if chosen is not None:
            result.slice_only(chosen.slice, "No answer: the model is not ready")
    st.stop()

loading = cache.warm(status.name)

with screen:
    if chosen is None:
        st.info(
            "Drop a scan into the field, or pick a sample, to see an answer here.",
            icon=":material/upload_file:",
        )
        diagnose.show_warming(loading, status)
        st.stop()
    quality = assess(chosen.slice)
    if not quality.ok:
        result.refuse(quality)
        result.slice_only(chosen.slice, "As it was read")
        st.stop()
    with shown(), st.spinner(f"{status.title} is looking at the slice…"):
        analysis = cache.analysis(status.name, chosen.slice)
    result.show_probabilities(analysis, status)

with choice:
    result.show_warnings(chosen, analysis)
    seen = st.container()
    result.show_answer(chosen, analysis)
    result.offer_record(chosen, analysis, quality)

# Last, because the answer doesn't wait for what explains it.
with screen:
    explain.show(chosen, analysis)
    similar.show(chosen.slice, status, seen)
