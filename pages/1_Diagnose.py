"""Diagnose: one slice, one model, an answer with its reasons."""

import streamlit as st

from core.imaging.quality import assess
from ui import cache, diagnose, explain, probabilities, report, result, shell, similar, volume
from ui.errors import plain, shown
from ui.language import _

shell.begin(
    _("Diagnose"),
    ":material/neurology:",
    _("Give it an MRI slice or a volume; get the model's answer, its doubts, and where it looked."),
)

choice, screen = st.columns([1, 2], gap="large")
with choice:
    status = diagnose.choose_model(cache.statuses())
    chosen = diagnose.choose_slice([status])
    if chosen is not None:
        diagnose.describe_origin(chosen)
        diagnose.preview(chosen)

if not status.ready:
    with screen:
        st.warning(
            _("**{model} is not ready.** {reason}").format(
                model=plain(status.title), reason=plain(status.reason or "")
            ),
            icon=":material/hourglass_empty:",
        )
        if chosen is not None:
            result.slice_only(chosen.slice, _("No answer: the model is not ready"))
    st.stop()

loading = cache.warm(status.name)

with screen:
    if chosen is None:
        st.info(
            _("Drop a scan into the field, or pick a sample, to see an answer here."),
            icon=":material/upload_file:",
        )
        diagnose.show_warming(loading, status)
        st.stop()
    quality = assess(chosen.slice)
    analysis = None
    if diagnose.is_blank(chosen.slice):
        result.nothing(chosen.slice)
    else:
        if not quality.ok:
            result.refuse(quality)
        with shown(), st.spinner(_("{model} is looking at the slice…").format(model=status.title)):
            analysis = cache.analysis(status.name, chosen.slice)
        said = result.said_below(analysis.prediction) if quality.ok else quality.reasons
        result.show_warnings(chosen, analysis, said)
        seen = st.container()
        if quality.ok:
            result.show_answer(chosen, analysis)
        accepted = quality.ok and analysis.prediction.accepted
        probabilities.show(chosen, analysis.prediction, status, accepted)
        if not quality.ok:
            result.slice_only(chosen.slice, _("As it was read"))
        report.offer(chosen, analysis, quality, status)
    # Filled last: predicting a volume must not hold up the rest of the screen.
    along = st.container()

if analysis is not None and quality.ok:
    # After the answer, because that doesn't wait for what explains it.
    explain.show(chosen, analysis)
    similar.show(chosen.slice, status, seen)

if chosen.look is not None and chosen.look.count > 1:
    with along:
        volume.show_profile(status.name, chosen.look)
