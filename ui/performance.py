"""Tabs of the Performance screen, each from one part of `report.json`."""

import pandas as pd
import streamlit as st

from core import figures
from core.labels import describe
from core.reading import percent
from ui import reports
from ui.errors import plain
from ui.reports import Report, interval
from ui.widgets import metric_row

_CHART = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}


def headline(report: Report) -> None:
    """Draw the headline figures."""
    metric_row(reports.headline(report), width=170)


def classes(report: Report) -> None:
    """Draw the tables per class and per source."""
    st.markdown("**Per class**")
    st.dataframe(figures.metric_table(report), hide_index=True)
    st.caption(reports.source_of(report))
    by_source = reports.per_source(report)
    if not by_source.empty:
        st.markdown("**Per source**")
        st.dataframe(by_source, hide_index=True)
        st.caption(
            "Macro F1 averages over the classes that a source holds. " + reports.source_of(report)
        )


def confusion(report: Report) -> None:
    """Draw the confusion matrix, overall or of one source."""
    sources = ["All sources", *(report.get("per_source") or {})]
    left, right = st.columns(2, vertical_alignment="bottom")
    source = left.selectbox("Slices from", sources, key="confusion_source")
    share = right.toggle("As a share of each true class", value=True, key="confusion_share")
    matrix = report["confusion"]
    if source != sources[0]:
        matrix = report["per_source"][source]["confusion"]
    st.plotly_chart(
        figures.confusion_heatmap(matrix, report["labels"], share),
        key="confusion",
        config=_CHART,
        alt="Confusion matrix: rows are the true class, columns the answer",
    )
    st.caption(f"Rows: what the dataset says. Columns: what the model says. {_split(report)}")


def curves(report: Report) -> None:
    """Draw the ROC and precision-recall curves."""
    left, right = st.columns(2)
    roc, pr = figures.roc_curves(report["curves"]), figures.pr_curves(report["curves"])
    for figure in (roc, pr):
        # Half a page is narrow: the legend stands in lines and takes its own room.
        figure.update_layout(height=520)
    left.plotly_chart(
        roc, key="roc", config=_CHART,
        alt="ROC curve of each class against the others",
    )  # fmt: skip
    right.plotly_chart(
        figures.pr_curves(report["curves"]), key="pr", config=_CHART,
        alt="Precision-recall curve of each class against the others",
    )  # fmt: skip
    areas = ", ".join(
        f"{describe(key).name} {interval(row.get('roc_auc'), 3, share=False)}"
        for key, row in report["per_class"].items()
    )
    st.caption(f"Area under each ROC curve: {areas}. {reports.source_of(report)}")


def calibration(report: Report) -> None:
    """Draw the reliability diagram with the error before and after scaling."""
    part = report["calibration"]
    st.plotly_chart(
        figures.reliability_diagram(part),
        key="reliability",
        config=_CHART,
        alt="Reliability diagram: how often the model is right at each level of confidence",
    )
    st.markdown(
        f"Where the model says 80 %, it should be right 8 times in 10. The expected calibration "
        f"error is **{interval(part['before']['ece'])}** as trained and "
        f"**{interval(part['after']['ece'])}** with the temperature "
        f"{part['temperature']:.2f}, which was fitted on the validation split."
    )
    st.caption(_split(report))


def threshold(report: Report) -> None:
    """Draw accuracy over coverage, with the operating point."""
    part = report["threshold"]
    st.plotly_chart(
        figures.accuracy_coverage(part),
        key="coverage",
        config=_CHART,
        alt="Accuracy of the accepted answers over the share of slices that get one",
    )
    st.markdown(
        f"From a confidence of **{percent(part['value'])}** the model answers "
        f"**{interval(part['coverage'])}** of the slices and is right on "
        f"**{interval(part['accuracy'])}** of those; the rest it leaves to a person."
    )
    st.caption(_split(report))


def checks(report: Report) -> None:
    """Draw the checks that leakage and origin can't flatter, beside the internal figure."""
    rows = [
        {
            "Check": f"Internal: {report['split']} split",
            "What": "Right class",
            "Figure": interval(report["accuracy"]),
            "Slices": f"{report['n']:,}",
        }
    ]
    external = report.get("external")
    if external:
        n = f"{external['n_tumour']:,} + {external['n_notumour']:,}"
        name = f"External: {external['name']}"
        rows += [
            _row(name, "AUROC, tumour or not", interval(external["auroc"], 3, share=False), n),
            _row(name, "Tumours found at the decision", interval(external["found_at_decision"]), n),
            _row(name, "Tumours found at 95 % specificity",
                 interval(external["found_at_95_specificity"]), n),
            _row(name, "No-tumour slices kept", interval(external.get("notumour_kept")), n),
        ]  # fmt: skip
    within = report.get("within_patient")
    if within:
        n = f"{within['n_tumour']:,} + {within['n_notumour']:,}"
        rows.append(
            _row(f"Same patients: {within['source']}", "AUROC, tumour or not",
                 interval(within["auroc"], 3, share=False), n)
        )  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.caption("Slices: with + without tumour. " + reports.source_of(report))
    if external:
        st.info(plain(reports.external_sentence(report)), icon=":material/compare_arrows:")
    else:
        st.info("This report holds no external check.", icon=":material/compare_arrows:")
    if within:
        st.markdown(
            f"The same-patient check compares slices with and without a visible tumour of the same "
            f"{within['n_patients']:,} patients and scanners, so the origin can't help."
        )
    _shipped(report)


def _row(check: str, what: str, figure: str, n: str) -> dict[str, str]:
    return {"Check": check, "What": what, "Figure": figure, "Slices": n}


def _shipped(report: Report) -> None:
    shipped = report.get("shipped_split")
    if not shipped:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Shipped split: {interval(shipped['accuracy'])}**")
            st.badge("Leaking", icon=":material/water_drop:", color="red")
        seen = shipped.get("n_seen_in_training")
        counted = f" {seen:,} of its {shipped['n']:,} slices were seen in training." if seen else ""
        st.markdown(
            "The accuracy on the dataset's own Testing folder, for comparison with published "
            f"figures only.{counted} {plain(shipped.get('note') or '')}"
        )


def localisation(report: Report) -> None:
    """Draw how well the Grad-CAM meets the known tumour boxes."""
    part = report.get("localisation")
    if not part:
        st.info("This report holds no check against tumour boxes.")
        return
    rows = [
        ("Pointing", part["pointing"], "share of Grad-CAMs whose peak lies in the tumour's box"),
        ("Energy", part["energy"], "share of the Grad-CAM that lies in the box"),
        ("Always the centre", part["centre_baseline"], "pointing without looking at the picture"),
    ]
    lesion = part.get("lesion_map")
    if lesion:
        rows += [
            ("Lesion pointing", lesion["pointing"], "the same of the network's own lesion map"),
            ("Lesion energy", lesion["energy"], "the same of the network's own lesion map"),
        ]
    metric_row([(name, interval(figure), origin) for name, figure, origin in rows])
    st.caption(f"Split: {report['split']}, {part['n']:,} slices with a known box.")


def _split(report: Report) -> str:
    return f"Split: {report['split']}, {report['n']:,} slices."
