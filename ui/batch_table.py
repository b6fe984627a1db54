"""The table of a batch: filters, thumbnails, and the way from a row to Diagnose."""

import base64
from collections import Counter
from typing import Any, Final, cast
from zlib import crc32

import pandas as pd
import streamlit as st

from core.batch.job import BatchJob
from core.batch.rows import Row
from core.batch.sources import fetch
from core.batch.view import NO_ANSWER, NOT_READ, Order, Wanted, outcome, select
from core.imaging import inputs
from core.imaging.names import safe_name
from core.imaging.overlay import to_grey_rgb, to_png
from core.labels import describe
from core.wording import number as written
from ui import uploads
from ui.errors import plain, shown
from ui.language import _, ngettext, told

SHOWN: Final = 300
"""Most rows in the table; thumbnails of thousands would stall a browser."""
_ROW_HEIGHT: Final = 52
_FILTERS: Final = ("answers", "accepted", "confidence", "order", "text", "correct")


@st.fragment
def show(job: BatchJob, rows: tuple[Row, ...]) -> None:
    """Draw the filters and the table; a chosen row can be opened in Diagnose."""
    wanted = _filters(rows)
    found = select(rows, wanted)
    if not found:
        st.info(_("No row fits the filter."), icon=":material/filter_alt_off:")
        return
    visible = found[:SHOWN]
    chosen = _table(rows, visible)
    text = ngettext("{count:,} row", "{count:,} rows", len(rows)).format(count=len(rows))
    if len(visible) < len(found):
        part = _("The first {shown:,} of {found:,} fitting rows are shown, of {all}.")
    else:
        part = _("{found:,} of {all} fit.")
    st.caption(part.format(shown=len(visible), found=len(found), all=text))
    if chosen is None:
        st.caption(_("Select a row by the box on its left to open it in Diagnose."))
    else:
        _detail(job, rows[chosen])


def reset() -> None:
    """Forget the filters, which may not fit another batch."""
    for name in _FILTERS:
        st.session_state.pop(f"batch_{name}", None)


def outcome_name(key: str) -> str:
    """Return an outcome's name for a person."""
    if key == NO_ANSWER:
        return _("No answer")
    return _("Not read") if key == NOT_READ else describe(key).name


def _filters(rows: tuple[Row, ...]) -> Wanted:
    counts = Counter(outcome(row) for row in rows)
    last = (NO_ANSWER, NOT_READ)
    options = sorted(counts, key=lambda key: (key in last, key))
    answers = st.pills(
        _("Answer"),
        options,
        format_func=lambda key: f"{outcome_name(key)} ({written(counts[key])})",
        selection_mode="multi",
        key="batch_answers",
        persist_state="session",
    )
    first, second, third, fourth = st.columns(4, vertical_alignment="bottom")
    either = {None: _("All"), True: _("Accepted"), False: _("Not accepted")}
    accepted = first.selectbox(
        _("Accepted"),
        list(either),
        format_func=lambda k: either[k],
        key="batch_accepted",
        persist_state="session",
    )
    low, high = second.slider(
        _("Confidence"),
        0, 100, (0, 100), 5,
        format="%d %%",
        key="batch_confidence",
        persist_state="session",
    )  # fmt: skip
    orders: dict[Order, str] = {
        "files": _("As they came"),
        "unsure": _("Least sure first"),
        "sure": _("Surest first"),
        "answer": _("By answer"),
    }
    order = third.selectbox(
        _("Order"),
        list(orders),
        format_func=lambda k: orders[k],
        key="batch_order",
        persist_state="session",
    )
    text = fourth.text_input(_("File name has"), key="batch_text", persist_state="session")
    correct = None
    if any(row.correct is not None for row in rows):
        agrees = {True: _("As the folder says"), False: _("Other than the folder")}
        correct = st.segmented_control(
            _("Agreement"),
            list(agrees),
            format_func=lambda k: agrees[k],
            key="batch_correct",
            persist_state="session",
        )
    return Wanted(tuple(answers), accepted, correct, low / 100, high / 100, text, order)


def _table(rows: tuple[Row, ...], visible: list[int]) -> int | None:
    """Draw the table and return the position of the selected row, or None."""
    frame = pd.DataFrame([_line(rows[position]) for position in visible])
    stacks = any(rows[position].slices > 1 for position in visible)
    labelled = any(rows[position].label is not None for position in visible)
    # Another selection of rows is another table, so that no mark lands on another row.
    key = f"batch_table_{crc32(repr(visible).encode()):08x}"
    state = st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        row_height=_ROW_HEIGHT,
        height=min(_ROW_HEIGHT * (len(visible) + 1), 620),
        column_order=[
            name for name in frame.columns
            if (name != "slice" or stacks) and (name != "label" or labelled)
        ],
        column_config={
            "picture": st.column_config.ImageColumn(_("Picture"), width=70),
            "file": st.column_config.TextColumn(_("File"), width="medium"),
            "slice": st.column_config.NumberColumn(_("Slice"), width="small"),
            "answer": st.column_config.TextColumn(_("Answer")),
            "confidence": st.column_config.ProgressColumn(
                _("Confidence"), min_value=0.0, max_value=1.0, format="percent"
            ),
            "accepted": st.column_config.CheckboxColumn(_("Accepted"), width="small"),
            "label": st.column_config.TextColumn(_("Folder")),
            "remarks": st.column_config.TextColumn(_("Remarks"), width="large"),
        },
        alt=_("Table of the assessed slices"),
    )  # fmt: skip
    selected = state.selection.rows
    return visible[selected[0]] if selected and selected[0] < len(visible) else None


def _line(row: Row) -> dict[str, Any]:
    answer = row.prediction if row.answered else None
    picture = None
    if row.thumbnail:
        picture = "data:image/jpeg;base64," + base64.b64encode(row.thumbnail).decode()
    remarks = (row.error,) if row.error else row.remarks
    return {
        "picture": picture,
        "file": row.file,
        "slice": row.slice + 1 if row.slices else None,
        "answer": outcome_name(outcome(row)),
        "confidence": answer.confidence if answer else None,
        "accepted": answer.accepted if answer else False,
        "label": describe(row.label).name if row.label else "",
        "remarks": " ".join(told(remark) for remark in remarks),
    }


def _detail(job: BatchJob, row: Row) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if row.prediction is None:
            st.markdown(
                f"**{plain(row.file)}**: {plain(told(cast('str', row.error)))}", width="stretch"
            )
            return
        name = row.file if row.slices == 1 else f"{row.file}, {_('slice')} {row.slice + 1}"
        st.markdown(f"**{plain(name)}**", width="content")
        if st.button(
            _("Open in Diagnose"), type="primary", icon=":material/neurology:", key="batch_open"
        ):
            with shown(), st.spinner(_("Opening…")):
                name, data = slice_file(job, row)
            uploads.hand_over(name, data, row.synthetic)
            st.switch_page("pages/1_Diagnose.py", query_params={"model": job.model})


def slice_file(job: BatchJob, row: Row) -> tuple[str, bytes]:
    """Return name and bytes of a file that holds a row's slice.

    A slice of a volume becomes a PNG of its own, 8 bit, so that it is the one on the screen.

    Raises:
        InputError: If the file can't be read again.
    """
    source = job.sources[row.source]
    data, raw = fetch(source, row.member), row.member or source.name
    if row.slices == 1:
        return raw, data
    slices = inputs.read_bytes(data, raw)
    name = _("{name}, slice {number}").format(name=safe_name(raw), number=row.slice + 1)
    return f"{name}.png", to_png(to_grey_rgb(slices[row.slice].pixels))
