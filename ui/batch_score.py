"""A batch against the names of its folders: accuracy with its interval, confusion."""

import streamlit as st

from core import figures
from core.batch.rows import Row
from core.batch.score import UNKNOWN, Score, score, splits_by_name
from core.errors import DatasetError
from core.evaluation.intervals import Interval
from core.labels import describe
from core.reading import percent
from ui import cache
from ui.errors import plain
from ui.language import _, ngettext
from ui.widgets import metric_row


def show(rows: tuple[Row, ...], labels: tuple[str, ...]) -> None:
    """Show the score where folders name classes; nothing otherwise."""
    found = score(rows, labels)
    if found is None:
        return
    st.subheader(_("Against the folders' names"))
    n = found.accuracy.n
    slices = ngettext("{count:,} slice", "{count:,} slices", n).format(count=n)
    accepted = ngettext("{count:,} accepted answer", "{count:,} accepted answers", found.accepted.n)
    metric_row(
        [
            (_("Accuracy"), _written(found.accuracy), _("of {what}").format(what=slices)),
            (
                _("Accuracy if accepted"),
                _written(found.accepted),
                _("of {what}").format(what=accepted.format(count=found.accepted.n)),
            ),
            (_("Coverage"), _written(found.coverage), _("share of accepted answers")),
        ],
        width=210,
    )
    _honest(rows, found)
    _confusion(found)


def _written(interval: Interval) -> str:
    if interval.n == 0:
        return "—"
    value = percent(interval.value, 1)
    if interval.low != interval.low:
        return value
    return f"{value} ({percent(interval.low, 1)}–{percent(interval.high, 1)})"


def _honest(rows: tuple[Row, ...], found: Score) -> None:
    """Say what these figures are not."""
    try:
        manifest = cache.manifest()
    except DatasetError:
        # The Dataset screen tells what is wrong with it.
        manifest = None
    counts = splits_by_name([row for row in rows if row.label], manifest.rows if manifest else ())
    seen, held = counts["train"] + counts["val"], counts["test"]
    if held and not seen and not counts[UNKNOWN]:
        st.info(
            _(
                "By folder and name, all of these slices are in the test split: the models that "
                "ship didn't learn from them."
            ),
            icon=":material/verified:",
        )
    else:
        text = _(
            "**These are not held-out figures.** Whether the model learned from these slices, or "
            "from others of the same patients, isn't known; the Performance screen has figures "
            "on slices kept apart."
        )
        if seen or held:
            more = _(
                "By folder and name, {seen:,} are in the training or validation split, {held:,} "
                "in the test split and {unknown:,} in none."
            )
            text += " " + more.format(seen=seen, held=held, unknown=counts[UNKNOWN])
        st.warning(text, icon=":material/warning:")
    note = _(
        "95 % intervals over files: slices of one file count together, those of one patient in "
        "several files don't, so the truth may lie further off."
    )
    if found.left_out:
        text = ngettext(
            "{count:,} labelled slice or file got no answer and is left out.",
            "{count:,} labelled slices or files got no answer and are left out.",
            found.left_out,
        )
        note += " " + text.format(count=found.left_out)
    st.caption(note)


def _confusion(found: Score) -> None:
    names = [describe(label).name for label in found.labels]
    told = "; ".join(
        f"{names[i]}: " + ", ".join(f"{names[j]} {n}" for j, n in enumerate(row) if n)
        for i, row in enumerate(found.confusion)
        if any(row)
    )
    st.plotly_chart(
        figures.confusion_heatmap(found.confusion, found.labels, normalise=False),
        key="batch_confusion",
        config={"displayModeBar": False},
        alt=_("Confusion matrix, folder first: {counts}").format(counts=plain(told)),
    )
