"""Pieces of the Batch screen: what goes in, how far it is, and what can be taken away."""

from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from core.batch.export import to_csv, to_excel, to_frame, to_parquet
from core.batch.job import ACTIVE, MAX_SLICES, BatchJob, Progress
from core.batch.rows import THUMBNAIL_SIDE, Row
from core.batch.sources import MAX_BYTES, Source, is_candidate
from core.errors import GliaLensError
from core.imaging.limits import MEGABYTE
from core.imaging.overlay import to_grey_rgb, to_png
from core.models.registry import ModelStatus
from core.settings import get_settings
from core.wording import number as written
from ui import batch_job, batch_table, cache, samples
from ui.errors import plain, show, shown
from ui.language import _, ngettext, told
from ui.widgets import duration, metric_row

_FILES, _FOLDER = "files", "folder"
_EVERY_SECONDS: Final = 1.0


def choose_sources() -> list[Source]:
    """Draw the fields for files and folders, and return what lies in them."""
    kind = st.segmented_control(
        _("What to assess"),
        [_FILES, _FOLDER],
        default=_FILES,
        format_func=lambda k: _("Files, zips, volumes") if k == _FILES else _("A whole folder"),
        required=True,
        key="batch_kind",
        width="stretch",
    )
    most = MAX_BYTES // MEGABYTE
    label = (
        _("Any number of images, volumes and zips")
        if kind == _FILES
        else _("A folder with all its sub-folders")
    )
    files = st.file_uploader(
        label,
        accept_multiple_files=True if kind == _FILES else "directory",
        key=f"batch_{kind}",
        max_upload_size=most,
    )
    st.caption(
        _(
            "Together up to {most} MB and {slices:,} slices; a file outside a zip up to {each} MB. "
            "Folders named after classes, such as `glioma/…`, count as labels. The files stay in "
            "memory, with thumbnails of {side} pixels, until you start another batch, for {hours} "
            "hours at most; nothing is written to disk."
        ).format(
            most=most,
            slices=MAX_SLICES,
            each=get_settings().max_upload_mb,
            side=THUMBNAIL_SIDE,
            hours=batch_job.HOURS,
        )
    )
    found = [Source(file.name, file.getvalue()) for file in files or ()]
    if kind == _FILES:
        return found
    kept = [source for source in found if is_candidate(source)]
    others = len(found) - len(kept)
    if others:
        text = ngettext(
            "{count:,} other file passed over.", "{count:,} other files passed over.", others
        )
        st.caption(text.format(count=others))
    return kept


def offer_start(sources: list[Source], status: ModelStatus) -> None:
    """Draw the buttons that start a batch of uploads, or of the samples."""
    with st.container(horizontal=True):
        text = ngettext("Assess {count} file", "Assess {count} files", len(sources))
        started = st.button(
            text.format(count=len(sources)) if sources else _("Assess"),
            type="primary",
            icon=":material/play_arrow:",
            disabled=not (sources and status.ready),
            key="batch_start",
        )
        tried = st.button(
            _("Try the samples"),
            icon=":material/science:",
            disabled=not status.ready,
            key="batch_samples",
        )
    if tried:
        with shown():
            sources = _samples()
    if started or tried:
        try:
            batch_job.start(sources, status)
        except GliaLensError as error:
            show(error)
            return
        batch_table.reset()
        st.rerun()


def _samples() -> list[Source]:
    """Return the sample picker's slices as files, real ones below the folder of their class.

    Raises:
        UnreadableError: If the file of a real one is gone.
    """
    found = []
    for sample in cache.samples():
        if sample.depth:
            continue
        if sample.path is not None:
            data = samples.read_file(sample, sample.path)
            found.append(Source(f"{sample.label}/{sample.path.name}", data))
        else:
            pixels = cache.sample_slice(sample).pixels
            found.append(Source(f"{sample.title}.png", to_png(to_grey_rgb(pixels)), True))
    return found


def show_progress(job: BatchJob) -> None:
    """Show how far a batch is, every second anew, and the button that cancels it."""
    st.fragment(_progress, run_every=_EVERY_SECONDS)(job)


def _progress(job: BatchJob) -> None:
    now = job.progress()
    if now.state not in ACTIVE:
        # The whole page draws the results.
        st.rerun()
    if now.state == "waiting":
        st.progress(0.0, text=_("Waiting for the model, or for another batch to end…"))
    else:
        st.progress(now.share, text=_running(now))
    if st.button(_("Cancel"), icon=":material/cancel:", key="batch_cancel"):
        job.cancel()
        st.caption(_("Stopping after the slices in work…"))


def _running(now: Progress) -> str:
    text = ngettext("{count:,} slice assessed", "{count:,} slices assessed", now.slices)
    parts = [text.format(count=now.slices)]
    text = ngettext("{count:,} file", "{count:,} files", now.files)
    parts.append(_("of about {files}").format(files=text.format(count=now.files)))
    if now.errors:
        text = ngettext("{count:,} not read", "{count:,} not read", now.errors)
        parts.append(text.format(count=now.errors))
    if now.left is not None:
        parts.append(_("about {time} left").format(time=duration(now.left)))
    return " · ".join(parts)


def show_end(now: Progress) -> None:
    """Say how a batch ended."""
    if now.state == "failed":
        st.error(plain(told(now.error or "")), icon=":material/error:")
    if now.state == "cancelled":
        st.warning(
            _("Cancelled: what was assessed until then is kept below."),
            icon=":material/cancel:",
        )
    if now.full:
        st.warning(
            _("A batch has at most {most:,} rows; the rest was left out.").format(most=MAX_SLICES),
            icon=":material/warning:",
        )


def show_counts(rows: tuple[Row, ...], now: Progress) -> None:
    """Show how many slices were read, answered and accepted."""
    answers = [row.prediction for row in rows if row.answered and row.prediction is not None]
    accepted = sum(answer.accepted for answer in answers)
    figures = [
        (_("Slices"), now.slices, _("read and assessed")),
        (_("Accepted"), accepted, _("sure enough, and of a known kind")),
        (_("Not accepted"), len(answers) - accepted, _("below the threshold")),
        (_("No answer"), now.slices - len(answers), _("not like the MRI that the model knows")),
        (_("Not read"), now.errors, _("files with an error")),
    ]
    metric_row([(name, written(count), origin) for name, count, origin in figures], width=145)


def _export(
    rows: tuple[Row, ...],
    labels: tuple[str, ...],
    write: Callable[[pd.DataFrame], bytes],
) -> bytes:
    return write(to_frame(rows, labels))


def offer_export(rows: tuple[Row, ...], model: str, labels: tuple[str, ...]) -> None:
    """Draw the downloads; each file is made when it is asked for."""
    kinds = (
        ("CSV", "csv", "text/csv", to_csv),
        ("Excel", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
         to_excel),
        ("Parquet", "parquet", "application/vnd.apache.parquet", to_parquet),
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        for name, suffix, mime, write in kinds:
            st.download_button(
                name,
                partial(_export, rows, labels, write),
                file_name=f"glialens-batch-{model}.{suffix}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"batch_{suffix}",
            )
    st.caption(_("All rows, whatever the filter shows, with the disclaimer. File names are in it."))
