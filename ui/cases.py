"""Pieces of the Case log screen: what it keeps, the table, one case with its verdict."""

from base64 import b64encode
from hashlib import sha256
from typing import Any, Final

import pandas as pd
import streamlit as st

from core import figures
from core.cases import OTHER, UNSURE, Case, Page, open_case_log
from core.cases.records import MAX_NOTE
from core.data.phantom import SYNTHETIC
from core.errors import CaseLogError
from core.labels import describe
from core.models.registry import MODELS
from core.reading import percent
from core.wording import number as written
from ui.errors import plain, show
from ui.language import _, ngettext, told

# A choice of its own: to a select box None is no choice at all.
_NO_VERDICT: Final = ""
_SAVED: Final = "case_saved"


def off() -> None:
    """Say that the log is off, how to switch it on, and what it would keep."""
    st.info(
        _("The case log is off: nothing is kept of any scan until somebody switches it on."),
        icon=":material/toggle_off:",
    )
    st.markdown(_("Switch it on where the dashboard is started:"))
    st.code("GLIALENS_CASE_LOG=true python -m core app", language="bash")
    st.markdown(
        _(
            "Cases then lie in the file `glialens.db` beside the project, readable for its owner "
            "alone. `GLIALENS_DATABASE_URL` names another database, as an SQLAlchemy URL:"
        )
    )
    st.code(
        "GLIALENS_DATABASE_URL=sqlite:////srv/glialens/cases.db\n"
        "GLIALENS_DATABASE_URL=postgresql+psycopg://glialens@localhost/glialens",
        language="bash",
    )
    _what_is_kept()


def _what_is_kept() -> None:
    keeps, leaves = st.columns(2, gap="large")
    keeps.markdown(
        _(
            "**What a case keeps**\n"
            "- the model, its version and the digest of its weights\n"
            "- its probabilities, prediction set and warnings\n"
            "- a thumbnail of the overlay, at most 144 pixels a side\n"
            "- a digest of the pixels, which tells the same slice again\n"
            "- the reader's verdict and note, with their times"
        )
    )
    leaves.markdown(
        _(
            "**What it never keeps**\n"
            "- the scan itself, so a case can't be opened in Diagnose again\n"
            "- the name of the file\n"
            "- DICOM tags or anything else about the patient\n\n"
            "A note is free text: write nothing into it that names a person."
        )
    )


def kept(backend: str) -> None:
    """Draw what the log keeps, folded."""
    with st.expander(_("What is kept, and where"), icon=":material/lock:"):
        st.caption(_("Kept in a database of the kind: {backend}.").format(backend=backend))
        _what_is_kept()


def empty(backend: str) -> None:
    """Say that there is no case yet, and how to save one."""
    st.info(
        _("No case is saved yet. Give Diagnose a scan, then save the case there."),
        icon=":material/inbox:",
    )
    st.page_link("pages/1_Diagnose.py", label=_("Diagnose a scan"), icon=":material/neurology:")
    st.caption(_("Kept in a database of the kind: {backend}.").format(backend=backend))
    _what_is_kept()


def verdict_name(verdict: str | None) -> str:
    """Return a verdict for a person."""
    if not verdict:
        return _("No verdict")
    if verdict == OTHER:
        return _("Other")
    return _("Can't tell") if verdict == UNSURE else describe(verdict).name


def model_name(name: str) -> str:
    """Return a model's title; its own name where the registry doesn't know it."""
    return told(MODELS[name].title) if name in MODELS else describe(name).name


def table(page: Page) -> list[Case]:
    """Draw the cases of a page and return those whose rows are chosen."""
    if not page.cases:
        st.info(_("No case fits these filters."), icon=":material/filter_alt_off:")
        return []
    # Rows are chosen by their position: other cases are another table, with nothing chosen.
    shown = sha256(repr([case.id for case in page.cases]).encode()).hexdigest()[:12]
    chosen: Any = st.dataframe(
        pd.DataFrame([_row(case) for case in page.cases]),
        key=f"case_rows_{shown}",
        hide_index=True,
        row_height=64,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            _("Overlay"): st.column_config.ImageColumn(width=80),
            _("Case"): st.column_config.NumberColumn(width=60, format="%d"),
            _("Saved (UTC)"): st.column_config.DatetimeColumn(
                format="YYYY-MM-DD HH:mm", timezone="UTC"
            ),
            _("Confidence"): st.column_config.NumberColumn(format="%.1f %%"),
            _("Note"): st.column_config.TextColumn(width=220),
        },
        alt=_("Saved cases, newest first"),
    )
    st.caption(
        ngettext("{count} case.", "{count} cases, newest first.", page.total).format(
            count=written(page.total)
        )
        + " "
        + _("Choose a row (or Shift and Space) to judge its case, several to delete them.")
    )
    rows = [row for row in chosen["selection"]["rows"] if row < len(page.cases)]
    return [page.cases[row] for row in rows]


def _row(case: Case) -> dict[str, Any]:
    return {
        _("Overlay"): picture(case),
        _("Case"): case.id,
        _("Model"): model_name(case.model),
        _("Answer"): describe(case.predicted).name,
        _("Confidence"): 100 * case.confidence,
        _("Verdict"): "—" if case.verdict is None else verdict_name(case.verdict),
        _("Note"): case.note,
        _("Accepted"): _("yes") if case.accepted else _("no"),
        _("Saved (UTC)"): case.created,
        _("Version"): case.model_version or "—",
        _("Picture"): _("synthetic") if SYNTHETIC in case.warnings else _("a scan"),
    }


def picture(case: Case) -> str | None:
    """Return a case's thumbnail as an address that a table can draw."""
    if case.thumbnail is None:
        return None
    return "data:image/png;base64," + b64encode(case.thumbnail).decode("ascii")


def edit(case: Case) -> None:
    """Draw one case with the form of the reader's verdict and note."""
    with st.container(border=True):
        st.markdown(_("#### Case {number}").format(number=case.id))
        left, right = st.columns([1, 2], gap="large")
        with left:
            _facts(case)
        with right:
            _form(case)


def _facts(case: Case) -> None:
    if case.thumbnail is not None:
        st.image(
            case.thumbnail,
            width=200,
            alt=_("Thumbnail of the overlay for {label}").format(
                label=describe(case.predicted).name
            ),
        )
    st.plotly_chart(
        figures.compact_bars(
            case.probabilities,
            tuple(case.probabilities),
            case.threshold,
            greyed=case.in_domain is False,
        ),
        key=f"case_bars_{case.id}",
        config={"displayModeBar": False},
        alt=_("Calibrated probabilities: {values}").format(
            values=", ".join(
                f"{describe(key).name} {percent(p)}" for key, p in case.probabilities.items()
            )
        ),
    )


def _form(case: Case) -> None:
    st.markdown(
        _("{model} said **{label}**, {confidence}.").format(
            model=plain(model_name(case.model)),
            label=plain(describe(case.predicted).name),
            confidence=percent(case.confidence),
        )
    )
    for warning in case.warnings:
        st.caption(f":material/warning: {plain(told(warning))}")
    options = [_NO_VERDICT, *dict.fromkeys((*case.probabilities, OTHER, UNSURE))]
    with st.form(f"case_form_{case.id}", border=False):
        verdict = st.selectbox(
            _("Your verdict"),
            options,
            index=options.index(case.verdict or _NO_VERDICT),
            format_func=verdict_name,
            key=f"case_verdict_{case.id}",
        )
        note = st.text_area(
            _("Your note"),
            case.note,
            max_chars=MAX_NOTE,
            key=f"case_note_{case.id}",
            help=_("Free text. Write nothing that names a person."),
        )
        saved = st.form_submit_button(_("Save"), type="primary", icon=":material/save:")
    st.caption(
        _(
            "The scan isn't kept, so this case can't be opened in Diagnose. To see it at full "
            "size, give Diagnose the file again."
        )
    )
    if not saved:
        return
    try:
        with open_case_log() as log:
            log.update_verdict(case.id, verdict or None, note)
    except CaseLogError as error:
        show(error)
        return
    st.session_state[_SAVED] = case.id
    st.rerun()


def note_saved() -> None:
    """Say once that the last verdict is saved.

    Not said by the run that saves it: the browser may drop the toast of a run that ends early.
    """
    number = st.session_state.pop(_SAVED, None)
    if number is not None:
        st.toast(_("Case {number} is saved.").format(number=number), icon=":material/check:")
