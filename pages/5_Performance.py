"""Performance: all published models side by side, and everything one report holds."""

import streamlit as st

from core.data.manifest import SPLITS
from ui import cache, cache_reports, comparison, links, localisation, performance, reports, shell
from ui.errors import noted, plain
from ui.language import _

shell.begin(
    _("Performance"),
    ":material/monitoring:",
    _("How good the published models are, with intervals, and where their figures flatter them."),
)

statuses = cache.statuses()
read = {}
for status in statuses:
    with noted():
        read[status.name] = (status.title, cache_reports.reports(status.name))
found = {name: entry for name, entry in read.items() if entry[1]}
if not found:
    if len(read) < len(statuses):
        # What is broken is said above; that there is none would be wrong.
        st.stop()
    if any(status.ready for status in statuses):
        st.info(
            _(
                "No published model has a report yet. Write one with "
                "`python -m core evaluate cnn --manifest weights/manifest.csv --split test "
                "--out weights/cnn/report.json`."
            ),
            icon=":material/monitoring:",
        )
    else:
        # Publishing writes the report as well.
        shell.no_model()
    st.stop()

st.subheader(_("All models"))
with noted():
    compared = cache_reports.comparison()
    if compared is not None:
        comparison.show(compared)
    else:
        st.info(
            _(
                "No comparison is written yet; `python -m core compare --latency` sets all "
                "published models side by side, with their ensemble."
            ),
            icon=":material/compare:",
        )

st.subheader(_("One model"))
links.follow("report", list(found), next(iter(found)))
links.follow("split", list(SPLITS), "test")
left, right = st.columns([2, 1], vertical_alignment="bottom")
name = left.selectbox(
    _("Model"),
    list(found),
    format_func=lambda n: found[n][0],
    key="report",
    persist_state="session",
)
split = str(
    right.segmented_control(
        _("Split"),
        list(SPLITS),
        format_func=lambda found: reports.split_name(found).capitalize(),
        required=True,
        key="split",
        persist_state="session",
    )
)
links.publish("report", name)
links.publish("split", split)
report = found[name][1].get(split)
if report is None:
    st.info(
        _("No report of {model} on this split is written yet; `{command}` writes it.").format(
            model=plain(found[name][0]), command=performance.command_for(name, split)
        ),
        icon=":material/monitoring:",
    )
    st.stop()
if split != "test":
    st.warning(
        _(
            "The model has learned from the training split and was chosen on the validation "
            "split: only the test split says how good it is."
        ),
        icon=":material/school:",
    )

stored = None
with noted():
    stored = cache_reports.predictions(name, split)
performance.headline(report)
tabs = {
    _("Classes"): performance.classes,
    _("Confusion"): performance.confusion,
    _("Outside checks"): performance.checks,
    _("Curves"): performance.curves,
    _("Calibration"): performance.calibration,
    _("Threshold"): performance.threshold,
    _("Localisation"): localisation.show,
}
for tab, draw in zip(st.tabs(list(tabs)), tabs.values(), strict=True):
    with tab:
        draw(report, stored)
st.caption(
    _("From report.json, written by: {command}").format(
        command=plain(str(report.get("command", "unknown")))
    )
)
