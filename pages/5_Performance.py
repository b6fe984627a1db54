"""Performance: everything that a model's evaluation report holds."""

import streamlit as st

from ui import cache, links, performance, shell
from ui.errors import plain, shown

shell.begin(
    "Performance",
    ":material/monitoring:",
    "How good the published models are, with intervals, and where their figures flatter them.",
)

with shown():
    reports = {
        status.name: (status.title, report)
        for status in cache.statuses()
        if (report := cache.report(status.name)) is not None
    }
if not reports:
    st.info(
        "No published model has a report yet. Write one with "
        "`python -m core evaluate cnn --manifest weights/manifest.csv --split test "
        "--out weights/cnn/report.json`.",
        icon=":material/monitoring:",
    )
    st.stop()

links.follow("report", list(reports), next(iter(reports)))
name = st.selectbox(
    "Model",
    list(reports),
    format_func=lambda n: reports[n][0],
    key="report",
    persist_state="session",
)
links.publish("report", name)
report = reports[name][1]

performance.headline(report)
tabs = {
    "Classes": performance.classes,
    "Confusion": performance.confusion,
    "Outside checks": performance.checks,
    "Curves": performance.curves,
    "Calibration": performance.calibration,
    "Threshold": performance.threshold,
    "Localisation": performance.localisation,
}
for tab, draw in zip(st.tabs(list(tabs)), tabs.values(), strict=True):
    with tab:
        draw(report)
st.caption(f"From report.json, written by: {plain(str(report.get('command', 'unknown')))}")
