"""Batch: many files through one model, a table to sort, and files to take away."""

import streamlit as st

from core.batch.job import ACTIVE
from ui import batch, batch_job, batch_score, batch_table, cache, diagnose, shell
from ui.errors import plain
from ui.language import _, told

shell.begin(
    _("Batch"),
    ":material/grid_on:",
    _("Give it many slices, a zip or a volume; get one table, and a score where folders say more."),
)

job = batch_job.current()
progress = job.progress() if job is not None else None
if progress is not None and progress.state == "empty":
    st.warning(
        _(
            "The last batch is no longer kept: at most {most} rest in memory, for {hours} hours. "
            "Please start it again."
        ).format(most=batch_job.MOST, hours=batch_job.HOURS),
        icon=":material/history_toggle_off:",
    )
    batch_job.forget()
    job = progress = None

running = progress is not None and progress.state in ACTIVE
with st.expander(
    _("New batch"),
    expanded=job is None,
    icon=":material/upload_file:",
    # Another key, or the browser keeps the box open beside the results.
    key="batch_new" if job is None else "batch_another",
):
    status = diagnose.choose_model(cache.statuses())
    if status.ready:
        cache.warm(status.name)
    else:
        st.warning(
            _("**{model} is not ready.** {reason}").format(
                model=plain(status.title), reason=plain(told(status.reason or ""))
            ),
            icon=":material/hourglass_empty:",
        )
    batch.offer_start(batch.choose_sources(), status)

if job is None or progress is None:
    st.info(
        _("Drop files into the field and press Assess to see a table here."),
        icon=":material/grid_on:",
    )
    st.stop()
if running:
    batch.show_progress(job)
    st.stop()

batch.show_end(progress)
rows = job.rows()
if rows:
    labels = next((row.prediction.labels for row in rows if row.prediction is not None), ())
    batch.show_counts(rows, progress)
    batch.offer_export(rows, job.model, labels)
    batch_table.show(job, rows)
    batch_score.show(rows, labels)
