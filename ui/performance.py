"""Tabs of the Performance screen about one model, each from one part of `report.json`."""

import pandas as pd
import streamlit as st

from core import figures
from core.evaluation.side_by_side import StoredPredictions
from core.evaluation.thresholds import at_threshold, operating_points
from core.labels import describe
from core.reading import percent
from core.wording import number as written
from ui import cells, reports
from ui.errors import plain
from ui.language import _
from ui.reports import Report, figure_of, interval
from ui.widgets import metric_row

_CHART = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}
Stored = StoredPredictions | None


def headline(report: Report) -> None:
    """Draw the headline figures."""
    metric_row(reports.headline(report), width=170)


def classes(report: Report, stored: Stored) -> None:
    """Draw the tables per class and per source."""
    st.markdown(_("**Per class**"))
    localized = {_("Slices"): st.column_config.NumberColumn(format="localized")}
    st.dataframe(reports.per_class(report), hide_index=True, column_config=localized)
    st.caption(reports.source_of(report))
    by_source = reports.per_source(report)
    if not by_source.empty:
        st.markdown(_("**Per source**"))
        st.dataframe(by_source, hide_index=True)
        st.caption(
            _("Macro F1 averages over the classes that a source holds.")
            + " "
            + reports.source_of(report)
        )


def confusion(report: Report, stored: Stored) -> None:
    """Draw the confusion matrix, overall or of one source, and the pictures behind a cell."""
    sources = ["", *(report.get("per_source") or {})]
    left, right = st.columns(2, vertical_alignment="bottom")
    source = left.selectbox(
        _("Slices from"),
        sources,
        format_func=lambda s: s or _("All sources"),
        key="confusion_source",
    )
    share = right.toggle(_("As a share of each true class"), value=True, key="confusion_share")
    matrix = report["per_source"][source]["confusion"] if source else report["confusion"]
    st.plotly_chart(
        figures.confusion_heatmap(matrix, report["labels"], share, clickable=True, small=True),
        key="confusion",
        config=_CHART,
        width=620,
        on_select=cells.on_click("cell", "confusion", report["model"]),
        selection_mode="points",
        alt=_("Confusion matrix: rows are the true class, columns the answer"),
    )
    st.caption(
        _("Rows: what the dataset says. Columns: what the model says.") + " " + _split(report)
    )
    if stored is None:
        st.info(
            _(
                "The pictures behind a cell need predictions.csv beside the report; {command}"
            ).format(command=f"`{plain(command_for(report['model'], report['split']))}`")
        )
    else:
        cells.show("cell", {report["model"]: stored}, str, source or None)


def command_for(model: str, split: str) -> str:
    """Return the command that writes a model's report on a split where this screen looks."""
    folder = "" if split == "test" else f"{split}/"
    return (
        f"python -m core evaluate {model} --manifest weights/manifest.csv --split {split} "
        f"--out weights/{model}/{folder}report.json"
    )


@st.fragment
def curves(report: Report, stored: Stored) -> None:
    """Draw the ROC and precision-recall curves, with the threshold marked."""
    points = None
    if stored is not None:
        threshold = st.slider(
            _("Threshold"), 0.0, 1.0, report["threshold"]["value"], 0.01, key="curve_threshold"
        )
        points = operating_points(stored, threshold)
    left, right = st.columns(2)
    roc = figures.roc_curves(report["curves"], points)
    pr = figures.pr_curves(report["curves"], points)
    for figure in (roc, pr):
        # Half a page is narrow: the legend stands in lines and takes its own room.
        figure.update_layout(height=520)
    left.plotly_chart(
        roc, key="roc", config=_CHART,
        alt=_("ROC curve of each class against the others"),
    )  # fmt: skip
    right.plotly_chart(
        pr, key="pr", config=_CHART,
        alt=_("Precision-recall curve of each class against the others"),
    )  # fmt: skip
    if points is not None:
        st.caption(
            _("Diamonds: where a probability of {threshold} or more counts as the class.").format(
                threshold=percent(threshold)
            )
        )
    areas = ", ".join(
        f"{describe(key).name} {interval(row.get('roc_auc'), 3, share=False)}"
        for key, row in report["per_class"].items()
    )
    st.caption(
        _("Area under each ROC curve: {areas}.").format(areas=areas)
        + " "
        + reports.source_of(report)
    )


def calibration(report: Report, stored: Stored) -> None:
    """Draw the reliability diagram with the error before and after scaling."""
    part = report["calibration"]
    st.plotly_chart(
        figures.reliability_diagram(part),
        key="reliability",
        config=_CHART,
        alt=_("Reliability diagram: how often the model is right at each level of confidence"),
    )
    st.markdown(
        _(
            "Where the model says 80 %, it should be right 8 times in 10. The expected calibration "
            "error is **{before}** as trained and **{after}** with the temperature {temperature}, "
            "which was fitted on the validation split."
        ).format(
            before=interval(figure_of(part["before"], "ece")),
            after=interval(figure_of(part["after"], "ece")),
            temperature=written(part["temperature"], 2),
        )
    )
    st.caption(_split(report))


@st.fragment
def threshold(report: Report, stored: Stored) -> None:
    """Draw accuracy over coverage, with the operating point and a threshold that can be moved."""
    part = report["threshold"]
    chosen = st.slider(_("Threshold"), 0.0, 1.0, part["value"], 0.01, key="moved_threshold")
    point = at_threshold(part["curve"], chosen)
    answered = float(point["coverage"])
    metric_row(
        [
            (
                _("Coverage"),
                interval(figure_of(point, "coverage")),
                _("share of slices that get an answer"),
            ),
            (
                _("Accuracy"),
                interval(figure_of(point, "accuracy")),
                _("share of those answers that are right"),
            ),
            (
                _("Left to a person"),
                written(round((1 - answered) * report["n"])),
                _("of {n} slices").format(n=written(report["n"])),
            ),
        ],
        width=190,
    )
    st.plotly_chart(
        figures.accuracy_coverage(part, point),
        key="coverage",
        config=_CHART,
        alt=_("Accuracy of the accepted answers over the share of slices that get one"),
    )
    st.markdown(
        _(
            "From a confidence of **{value}**, as published, the model answers **{coverage}** of "
            "the slices and is right on **{accuracy}** of those; the rest it leaves to a person."
        ).format(
            value=percent(part["value"]),
            coverage=interval(part["coverage"]),
            accuracy=interval(part["accuracy"]),
        )
    )
    st.caption(_split(report))


def checks(report: Report, stored: Stored) -> None:
    """Draw the checks that leakage and origin can't flatter, beside the internal figure."""
    internal = _("Internal: {split} split").format(split=reports.split_name(report["split"]))
    rows = [_row(internal, _("Right class"), interval(report["accuracy"]), written(report["n"]))]
    external, within = report.get("external"), report.get("within_patient")
    if external:
        n = " + ".join(written(external[k]) for k in ("n_tumour", "n_notumour"))
        name = _("External: {name}").format(name=external["name"])
        rows += [
            _row(name, _("AUROC, tumour or not"), interval(external["auroc"], 3, share=False), n),
            _row(name, _("Tumours found at the decision"),
                 interval(external["found_at_decision"]), n),
            _row(name, _("Tumours found at 95 % specificity"),
                 interval(external["found_at_95_specificity"]), n),
            _row(name, _("No-tumour slices kept"), interval(external.get("notumour_kept")), n),
        ]  # fmt: skip
    if within:
        n = " + ".join(written(within[k]) for k in ("n_tumour", "n_notumour"))
        name = _("Same patients: {name}").format(name=within["source"])
        area = interval(within["auroc"], 3, share=False)
        rows.append(_row(name, _("AUROC, tumour or not"), area, n))
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.caption(_("Slices: with + without tumour.") + " " + reports.source_of(report))
    if external:
        st.info(plain(reports.external_sentence(report)), icon=":material/compare_arrows:")
    else:
        st.info(_("This report holds no external check."), icon=":material/compare_arrows:")
    if within:
        st.markdown(
            _(
                "The same-patient check compares slices with and without a visible tumour of the "
                "same {patients} patients and scanners, so the origin can't help."
            ).format(patients=written(within["n_patients"]))
        )
    _shipped(report)


def _row(check: str, what: str, figure: str, n: str) -> dict[str, str]:
    return {_("Check"): check, _("What"): what, _("Figure"): figure, _("Slices"): n}


def _shipped(report: Report) -> None:
    shipped = report.get("shipped_split")
    if not shipped:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                _("**Shipped split: {accuracy}**").format(accuracy=interval(shipped["accuracy"]))
            )
            st.badge(_("Leaking"), icon=":material/water_drop:", color="red")
        text = _(
            "The accuracy on the dataset's own Testing folder, for comparison with published "
            "figures only."
        )
        if shipped.get("n_seen_in_training"):
            text += " " + _("{seen} of its {n} slices were seen in training.").format(
                seen=written(shipped["n_seen_in_training"]), n=written(shipped["n"])
            )
        st.markdown(f"{text} {plain(shipped.get('note') or '')}")


def _split(report: Report) -> str:
    return _("Split: {split}, {n} slices.").format(
        split=reports.split_name(report["split"]), n=written(report["n"])
    )
