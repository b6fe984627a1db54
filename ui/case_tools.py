"""Pieces of the Case log screen that act on many cases: agreement, exports, deleting."""

from collections.abc import Callable, Iterable
from functools import partial

import streamlit as st

from core import figures
from core.cases import (
    Agreement,
    Case,
    Filters,
    open_case_log,
    to_csv,
    to_excel,
    to_json,
    to_parquet,
)
from core.errors import CaseLogError
from core.evaluation.intervals import Interval
from core.wording import number as written
from ui.errors import show
from ui.language import _, ngettext
from ui.reports import interval
from ui.widgets import metric_row

_FAULT, _DONE = "_case_fault", "_case_done"
_FORMATS: dict[str, tuple[Callable[[Iterable[Case]], str | bytes], str, str]] = {
    "CSV": (to_csv, "csv", "text/csv"),
    "Excel": (
        to_excel,
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "Parquet": (to_parquet, "parquet", "application/vnd.apache.parquet"),
    "JSON": (to_json, "json", "application/json"),
}


def statistics(agreement: Agreement) -> None:
    """Draw how often the reader and the model agree."""
    st.subheader(_("Reader and model"))
    if agreement.overall.n == 0:
        st.caption(_("No verdict to count among these cases."))
        return
    metric_row(
        [
            (_("Agreement"), _share(agreement.overall), _cases(agreement.overall)),
            (_("Among accepted"), _share(agreement.accepted), _cases(agreement.accepted)),
            (
                _("Among not accepted"),
                _share(agreement.not_accepted),
                _cases(agreement.not_accepted),
            ),
        ],
        width=190,
    )
    st.caption(
        _(
            "{judged} with a verdict; left out: {unsure} where the reader can't tell, {repeats} "
            "older verdicts on a slice that was judged again. Brackets: Wilson's 95 % intervals. "
            "A reader who saw the model's answer first leans towards it, so agreement is no "
            "accuracy."
        ).format(
            judged=written(agreement.judged),
            unsure=written(agreement.unsure),
            repeats=written(agreement.repeats),
        )
    )
    figure = figures.confusion_heatmap(agreement.confusion, agreement.labels, normalise=False)
    figure.update_layout(height=140 + 54 * len(agreement.labels))
    figure.update_xaxes(title_text=_("The model's answer"))
    figure.update_yaxes(title_text=_("The reader's verdict"))
    st.plotly_chart(
        figure,
        key="case_confusion",
        config={"displayModeBar": False},
        alt=_("Counts: rows are the reader's verdict, columns the model's answer"),
    )


def _share(figure: Interval) -> str:
    return interval(figure.to_dict()) if figure.n else "—"


def _cases(figure: Interval) -> str:
    return ngettext("{count} case", "{count} cases", figure.n).format(count=written(figure.n))


def exports(filters: Filters, total: int) -> None:
    """Draw a download button per format, of every case that the filters let through."""
    st.subheader(_("Export"))
    with st.container(horizontal=True):
        for name, (_write, ending, mime) in _FORMATS.items():
            st.download_button(
                name,
                # A callable: nothing is written before somebody asks for it.
                partial(export, name, filters),
                file_name=f"glialens-cases.{ending}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                disabled=not total,
                key=f"case_export_{ending}",
            )
    st.caption(
        ngettext(
            "The {count} case that the filters show, without its thumbnail.",
            "All {count} cases that the filters show, without thumbnails.",
            total,
        ).format(count=written(total))
    )


def export(name: str, filters: Filters) -> bytes:
    """Return every case that the filters let through as a file.

    Args:
        name: `CSV`, `Excel`, `Parquet` or `JSON`.
        filters: Which cases.
    """
    write = _FORMATS[name][0]
    with open_case_log() as log:
        written = write(log.every(filters))
    return written.encode() if isinstance(written, str) else written


def offer_deletion(selected: list[int], filters: Filters, total: int) -> None:
    """Draw the buttons that delete what is chosen, or all that the filters show."""
    with st.container(horizontal=True):
        if selected and st.button(
            ngettext("Delete {count} case", "Delete {count} cases", len(selected)).format(
                count=len(selected)
            ),
            icon=":material/delete:",
            key="case_delete",
        ):
            _confirm(tuple(selected))
        if total and st.button(
            ngettext(
                "Delete the {count} case shown", "Delete all {count} cases shown", total
            ).format(count=written(total)),
            icon=":material/delete_sweep:",
            type="tertiary",
            key="case_delete_all",
        ):
            try:
                with open_case_log() as log:
                    ids = tuple(case.id for case in log.every(filters))
            except CaseLogError as error:
                show(error)
            else:
                _confirm(ids)


def _confirm(ids: tuple[int, ...]) -> None:
    """Ask before anything is deleted."""

    def ask() -> None:
        st.markdown(
            ngettext(
                "{count} case goes for good: its answer, thumbnail, verdict and note. Its bytes "
                "leave the database's files, too. Backups are beyond reach.",
                "{count} cases go for good: their answers, thumbnails, verdicts and notes. Their "
                "bytes leave the database's files, too. Backups are beyond reach.",
                len(ids),
            ).format(count=written(len(ids)))
        )
        with st.container(horizontal=True):
            deleted = st.button(
                _("Delete for good"),
                type="primary",
                icon=":material/delete_forever:",
                on_click=_delete,
                args=(ids,),
                key="case_delete_confirmed",
            )
            if st.button(_("Keep"), key="case_delete_cancelled") or deleted:
                st.rerun()

    st.dialog(_("Delete for good?"))(ask)()


def _delete(ids: tuple[int, ...]) -> None:
    try:
        with open_case_log() as log:
            count = log.delete(ids)
    except CaseLogError as error:
        st.session_state[_FAULT] = str(error)
    else:
        st.session_state[_DONE] = count


def _purge() -> None:
    try:
        with open_case_log() as log:
            log.purge()
    except CaseLogError as error:
        st.session_state[_FAULT] = str(error)


def show_fault() -> None:
    """Show how the last deletion went."""
    fault = st.session_state.pop(_FAULT, None)
    if fault is not None:
        show(CaseLogError(fault))
        st.button(
            _("Clean the files again"),
            icon=":material/cleaning_services:",
            on_click=_purge,
            key="case_purge",
        )
    count = st.session_state.pop(_DONE, None)
    if count is not None:
        st.success(
            ngettext("{count} case is deleted.", "{count} cases are deleted.", count).format(
                count=written(count)
            ),
            icon=":material/delete:",
        )
