"""Home: what GliaLens is, what it isn't, and how good its models are."""

import streamlit as st

from core.errors import GliaLensError
from core.models.registry import get_spec
from ui import cache, reports, shell
from ui.errors import plain, show
from ui.language import _, told
from ui.widgets import metric_row

shell.begin("GliaLens", ":material/neurology:")

intro, limits = st.columns(2, gap="large")
with intro:
    st.markdown(
        _(
            "GliaLens reads one slice of a brain MRI and says whether a neural network sees a "
            "glioma, a meningioma, a pituitary tumour or none of them. "
            "It shows how sure the network is and where on the picture it looked. "
            "The published models' test figures were measured on slices kept apart from training, "
            "near twins included, and stand beside the checks that the network finds hardest."
        )
    )
    with st.container(horizontal=True):
        if st.button(_("Diagnose a scan"), type="primary", icon=":material/neurology:"):
            st.switch_page("pages/1_Diagnose.py")
        if st.button(_("Try a sample"), icon=":material/science:"):
            sample = cache.samples()[0].id
            st.switch_page("pages/1_Diagnose.py", query_params={"sample": sample})
with limits, st.container(border=True):
    points = (
        _("Not a medical device, and not a second opinion."),
        _("Not a reader of whole studies: it sees one slice, without history or other sequences."),
        _(
            "Not for other findings: strokes, bleeds, metastases and everything else are unknown "
            "to it, and it will still answer."
        ),
        _("Not a store of patients: uploads are not kept."),
    )
    st.markdown("\n".join((f"**{_('What it is not')}**", *(f"- {point}" for point in points))))

st.subheader(_("Models"))
statuses = cache.statuses()
if not any(status.ready for status in statuses):
    shell.no_model()
for status in statuses:
    if not status.ready:
        continue
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"#### {plain(status.title)}", width="content")
            st.badge(_("Ready"), icon=":material/check:", color="green")
        st.markdown(plain(told(get_spec(status.name).summary)))
        try:
            report = cache.report(status.name)
        except GliaLensError as error:
            # The other models still have theirs.
            show(error)
        else:
            if report is None:
                st.caption(_("These weights come without a report, so no figure is shown."))
            else:
                metric_row(reports.headline(report), width=150)
        with st.container(horizontal=True):
            st.page_link(
                "pages/1_Diagnose.py",
                label=_("Use it"),
                icon=":material/neurology:",
                query_params={"model": status.name},
            )
            st.page_link(
                "pages/5_Performance.py",
                label=_("All its figures"),
                icon=":material/monitoring:",
                query_params={"report": status.name},
            )

waiting = [status for status in statuses if not status.ready]
if waiting:
    with st.container(border=True):
        st.markdown(f"**{_('Not ready')}**")
        for status in waiting:
            st.caption(
                f"**{plain(status.title)}** · {plain(told(get_spec(status.name).summary))} "
                f"{plain(told(status.reason or ''))}"
            )
