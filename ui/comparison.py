"""All published models side by side, from what `python -m core compare` wrote."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from core import figures
from core.evaluation.side_by_side import StoredPredictions
from core.evaluation.thresholds import at_threshold, operating_points
from core.figures import compared
from core.labels import describe
from core.reading import percent
from core.wording import number as written
from ui import cache_reports, cells
from ui.comparison_tables import (
    Comparison,
    outside,
    overview,
    pairs,
    per_class,
    rows_of,
    share,
    title,
)
from ui.errors import noted, plain
from ui.language import _
from ui.reports import figure_of, metric_name

_CHART = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}
Stored = dict[str, StoredPredictions]
_METRICS = ("f1", "recall", "precision", "specificity", "roc_auc")


def tables(comparison: Comparison) -> None:
    """Draw the sortable tables."""
    rows = rows_of(comparison)
    numbers = {
        _("Parameters"): st.column_config.NumberColumn(format="localized"),
        _("On disk (MB)"): st.column_config.NumberColumn(format="%.1f"),
        _("One slice (ms)"): st.column_config.NumberColumn(format="%.1f"),
        _("Explained (ms)"): st.column_config.NumberColumn(format="%.1f"),
    }
    first = {_("Model"): st.column_config.TextColumn(pinned=True)}
    st.dataframe(overview(rows), hide_index=True, column_config=first | numbers, key="overview")
    timed = next((r["latency"] for r in rows.values() if r.get("latency")), None)
    if timed is None:
        st.caption(
            _("Times are missing; `python -m core compare --latency` measures them on its machine.")
        )
    else:
        st.caption(
            _(
                "Times: medians of {runs} single slices on {cpus} processor cores. A click on a "
                "column's head sorts by it."
            ).format(runs=timed["runs"], cpus=timed["cpus"])
        )
    mirrored = [title(name) for name, row in rows.items() if row.get("mirrored")]
    if mirrored:
        st.caption(
            _(
                "Answers are the mean over the slice and its mirror image, so that left and right "
                "don't matter: {models}."
            ).format(models=", ".join(mirrored))
        )
    metric = st.segmented_control(
        _("Per class"),
        list(_METRICS),
        format_func=metric_name,
        default=_METRICS[0],
        required=True,
        key="compare_metric",
    )
    st.dataframe(per_class(rows, metric), hide_index=True, column_config=first, key="per_class")
    st.markdown(_("**Outside checks and localisation**"))
    st.dataframe(outside(rows), hide_index=True, column_config=first, key="outside")
    st.caption(
        _(
            "Tumours found: share of tumours of another origin that are called a tumour. No-tumour "
            "kept: share of the test split's no-tumour slices that stay so. Peak in the box: "
            "share of Grad-CAMs that point into the tumour's box."
        )
    )


def mcnemar(comparison: Comparison) -> None:
    """Draw McNemar's test of every pair."""
    if not comparison["pairs"]:
        st.info(_("A pair needs two models of the same classes."))
        return
    st.dataframe(
        pairs(comparison),
        hide_index=True,
        column_config={
            _("McNemar p"): st.column_config.NumberColumn(format="%.4g"),
        },
    )
    st.caption(
        _(
            "Both models of a pair answer the same slices. McNemar's test asks whether the slices "
            "that only one gets right are split too unevenly for chance; a small p says so. It "
            "takes slices as independent draws, the interval of the difference doesn't: trust "
            "the interval first."
        )
    )


def confusions(comparison: Comparison) -> None:
    """Draw every model's confusion matrix, and the pictures behind a cell."""
    rows = rows_of(comparison)
    as_share = st.toggle(_("As a share of each true class"), value=True, key="compare_share")
    names = list(rows)
    for start in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[start : start + 2], strict=False):
            row = rows[name]
            chart = f"compare_confusion_{name}"
            with column:
                st.markdown(f"**{plain(title(name))}**")
                st.plotly_chart(
                    figures.confusion_heatmap(
                        row["confusion"], row["labels"], as_share, clickable=True, small=True
                    ),
                    key=chart,
                    config=_CHART,
                    on_select=cells.on_click("compare_cell", chart, name),
                    selection_mode="points",
                    alt=_("Confusion matrix of {model}").format(model=title(name)),
                )
    st.caption(_("Rows: what the dataset says. Columns: what the model says."))
    stored: Stored = {}
    with noted():
        stored = cache_reports.stored_of(comparison)
    if stored:
        cells.show("compare_cell", stored, title)


@st.fragment
def curves(comparison: Comparison) -> None:
    """Draw the ROC and precision-recall curves of one class for every model."""
    found: dict[str, dict[str, Any] | None] = {}
    stored: Stored = {}
    for name in comparison["models"]:
        with noted():
            found[name] = cache_reports.reports(name).get("test")
    with noted():
        stored = cache_reports.stored_of(comparison)
    reports = {n: report for n, report in found.items() if report is not None}
    missing = [plain(title(n)) for n in found if n not in reports]
    if missing:
        st.info(
            _("Not measured on the test split, so not drawn: {models}.").format(
                models=", ".join(missing)
            ),
            icon=":material/monitoring:",
        )
    if not reports:
        return
    labels = list(dict.fromkeys(k for report in reports.values() for k in report["labels"]))
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    label = left.segmented_control(
        _("Class"),
        labels,
        format_func=lambda k: describe(k).name,
        default=labels[0],
        required=True,
        key="performance_class",
    )
    threshold = right.slider(
        _("Threshold"), 0.0, 1.0, _default(comparison), 0.01, key="performance_roc_threshold"
    )
    lines = {title(n): r["curves"][label] for n, r in reports.items() if label in r["curves"]}
    points = {
        title(n): operating_points(stored[n], threshold)[label]
        for n in reports
        if n in stored and label in stored[n].labels
    }
    for column, kind in zip(st.columns(2), ("roc", "pr"), strict=True):
        column.plotly_chart(
            compared.curves_of_models(lines, kind, points),
            key=f"compare_{kind}",
            config=_CHART,
            alt=(
                _("ROC curves of all models")
                if kind == "roc"
                else _("Precision-recall curves of all models")
            ),
        )
    st.caption(
        _(
            "{label} against the other classes. Diamonds: where a probability of {threshold} "
            "or more counts as {label}."
        ).format(label=describe(label).name, threshold=percent(threshold))
    )


def _default(comparison: Comparison) -> float:
    row = next(iter(comparison["models"].values()))
    return float(row["threshold"]["value"])


def reliability(comparison: Comparison) -> None:
    """Draw the calibrated reliability diagrams in one."""
    rows = rows_of(comparison)
    st.plotly_chart(
        compared.reliability_of_models(
            {title(n): row["calibration"]["bins"] for n, row in rows.items()}
        ),
        key="compare_reliability",
        config=_CHART,
        alt=_("How often each model is right at each level of confidence"),
    )
    st.caption(
        _("With each model's temperature. On the dotted line, confidence is what it says it is.")
    )


@st.fragment
def coverage(comparison: Comparison) -> None:
    """Draw accuracy over coverage for every model, at a threshold that can be moved."""
    threshold = st.slider(
        _("Threshold"), 0.0, 1.0, _default(comparison), 0.01, key="performance_threshold"
    )
    # A comparison from before the ensemble had such a curve shows the models alone.
    parts = {
        n: row["threshold"]["curve"] for n, row in rows_of(comparison).items() if "threshold" in row
    }
    st.plotly_chart(
        compared.coverage_of_models({title(n): c for n, c in parts.items()}, threshold),
        key="compare_coverage",
        config=_CHART,
        alt=_("Accuracy of the accepted answers over the share of slices that get one"),
    )
    rows = []
    for name, curve in parts.items():
        point = at_threshold(curve, threshold)
        rows.append(
            {
                _("Model"): title(name),
                _("Coverage"): share(figure_of(point, "coverage")),
                _("Accuracy of the answers"): share(figure_of(point, "accuracy")),
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def show(comparison: Comparison) -> None:
    """Draw everything that a comparison holds, in tabs."""
    if cache_reports.is_stale(comparison):
        st.warning(
            _(
                "The published models have changed since this comparison was written; "
                "`python -m core compare --latency` writes a new one."
            ),
            icon=":material/history:",
        )
    views: dict[str, Callable[[Comparison], None]] = {
        _("Tables"): tables,
        _("Pairs"): mcnemar,
        _("Confusion matrices"): confusions,
        _("ROC and PR"): curves,
        _("Reliability"): reliability,
        _("Coverage"): coverage,
    }
    for tab, draw in zip(st.tabs(list(views)), views.values(), strict=True):
        with tab:
            draw(comparison)
    for note in comparison["notes"]:
        st.caption(plain(note))
    row = next(iter(comparison["models"].values()))
    st.caption(
        _(
            "Test split, {n} slices in {groups} groups. Brackets: 95 % bootstrap intervals over "
            "groups. Written {date} by: {command}"
        ).format(
            n=written(row["n"]),
            groups=written(row["n_groups"]),
            date=str(comparison["created"])[:10],
            command=plain(str(comparison["command"])),
        )
    )
