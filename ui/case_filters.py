"""Pieces of the Case log screen: which cases are shown."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import streamlit as st

from core.cases import OTHER, UNSURE, CaseLog, Filters
from core.labels import CLASSES, describe
from ui.cases import model_name, verdict_name
from ui.language import _

PER_PAGE: Final = 25
_ALL, _JUDGED, _UNJUDGED, _AGREES, _DIFFERS = "all", "judged", "unjudged", "agrees", "differs"
_PAGE: Final = "case_page"
# Names stay whole, and two stand in a line on a phone.
_WIDTH, _SPAN_WIDTH = 162, 250


def choose(models: tuple[str, ...]) -> Filters:
    """Draw the filters and return what they say."""
    groups = {
        _ALL: _("All verdicts"),
        _UNJUDGED: _("Without a verdict"),
        _JUDGED: _("With a verdict"),
        _AGREES: _("Reader agrees"),
        _DIFFERS: _("Reader differs"),
    }
    accepted = {_ALL: _("All"), "yes": _("Accepted"), "no": _("Not accepted")}
    if st.session_state.get("case_model", _ALL) not in (_ALL, *models):
        # Its last case is gone.
        st.session_state["case_model"] = _ALL
    with st.container(horizontal=True, vertical_alignment="bottom"):
        return _widgets(models, groups, accepted)


def _widgets(models: tuple[str, ...], groups: dict[str, str], accepted: dict[str, str]) -> Filters:
    model = st.selectbox(
        _("Model"),
        [_ALL, *models],
        format_func=lambda name: _("All models") if name == _ALL else model_name(name),
        key="case_model",
        persist_state="session",
        width=_WIDTH,
    )
    answer = st.selectbox(
        _("Answer"),
        [_ALL, *CLASSES],
        format_func=lambda key: _("All") if key == _ALL else describe(key).name,
        key="case_answer",
        persist_state="session",
        width=_WIDTH,
    )
    verdict = st.selectbox(
        _("Verdict"),
        [*groups, *CLASSES, OTHER, UNSURE],
        format_func=lambda key: groups.get(key) or verdict_name(key),
        key="case_verdict",
        persist_state="session",
        width=_WIDTH,
    )
    taken = st.selectbox(
        _("Accepted"),
        list(accepted),
        format_func=lambda key: accepted[key],
        key="case_accepted",
        persist_state="session",
        width=_WIDTH,
    )
    days = st.date_input(
        _("Saved between (UTC)"), value=[], key="case_days", format="YYYY-MM-DD", width=_SPAN_WIDTH
    )
    since, until = _span(days)
    return Filters(
        model=None if model == _ALL else model,
        predicted=None if answer == _ALL else answer,
        verdict=None if verdict in groups else verdict,
        judged={_JUDGED: True, _UNJUDGED: False}.get(verdict),
        agrees={_AGREES: True, _DIFFERS: False}.get(verdict),
        accepted={"yes": True, "no": False}.get(taken),
        since=since,
        until=until,
    )


def _span(days: Any) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last moment of a choice of days; one day alone has no end yet."""
    chosen: list[date] = list(days) if isinstance(days, tuple) else [days]
    if not chosen:
        return None, None
    since = datetime.combine(chosen[0], time.min, UTC)
    if len(chosen) == 1:
        return since, None
    return since, datetime.combine(chosen[1], time.min, UTC) + timedelta(days=1, microseconds=-1)


def offset(log: CaseLog, filters: Filters) -> int:
    """Return how many cases the chosen page skips; the last page where there are fewer now."""
    count = log.list(filters, limit=1).total
    last = max(1, -(-count // PER_PAGE))
    if st.session_state.get(_PAGE, 1) > last:
        st.session_state[_PAGE] = last
    return PER_PAGE * (int(st.session_state.get(_PAGE, 1)) - 1)


def pages(total: int) -> None:
    """Draw the choice of a page where one isn't enough."""
    if total > PER_PAGE:
        st.pagination(-(-total // PER_PAGE), key=_PAGE)
