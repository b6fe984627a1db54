"""The probabilities of one answer: bars, spread, the set that can't be ruled out."""

from typing import Any

import streamlit as st

from core import figures
from core.coverage import DEFAULT, coverages, labels_within
from core.labels import describe
from core.models.registry import ModelStatus
from core.reading import percent
from core.types import Prediction
from core.uncertainty import Spread
from ui import cache, cache_scans
from ui.diagnose import Chosen
from ui.errors import noted, plain, shown
from ui.language import _
from ui.reports import Report, figure_of, interval

_STABLE = 0.9


def show(chosen: Chosen, prediction: Prediction, status: ModelStatus, accepted: bool) -> None:
    """Show the bars with threshold and spread; in grey if the answer isn't accepted."""
    # How stable an answer is that doesn't count in the first place is of no use.
    found = None if prediction.in_domain is False else _spread(chosen, status)
    pairs = dict(zip(prediction.labels, map(float, prediction.probabilities), strict=True))
    ends = None
    if found is not None:
        ends = {
            key: (float(low), float(high))
            for key, low, high in zip(found.labels, found.low, found.high, strict=True)
        }
    bars = figures.probability_bars(pairs, prediction.threshold, ends, greyed=not accepted)
    # Beside the picture there is less room than on a page of its own.
    bars.update_layout(height=80 + 34 * len(pairs), bargap=0.25)
    bars.update_xaxes(title=None, tickfont={"size": 13})
    listed = ", ".join(f"{describe(k).name} {percent(p)}" for k, p in pairs.items())
    st.plotly_chart(
        bars,
        key="probabilities",
        config={"displayModeBar": False},
        alt=_("Calibrated probabilities: {list}").format(list=listed),
    )
    _explain(prediction, status, found, accepted)
    if accepted or prediction.in_domain is not False:
        _set(prediction, status)


def _spread(chosen: Chosen, status: ModelStatus) -> Spread | None:
    """Draw the switch for the spread; ask the disturbed copies only if it is on."""
    on = st.toggle(
        _("Show how stable the answer is"),
        key="show_spread",
        persist_state="session",
        help=_(
            "Asks the model again about copies that are slightly turned, zoomed, mirrored and "
            "brightened. The whiskers span the middle 90 % of the answers."
        ),
    )
    if not on:
        return None
    with shown(), st.spinner(_("Asking about the disturbed copies…")):
        return cache_scans.spread_of(status.name, chosen.slice)


def _explain(
    prediction: Prediction, status: ModelStatus, found: Spread | None, accepted: bool
) -> None:
    if found is not None:
        copies = len(found.probabilities) - 1
        same = round(found.agreement * copies)
        text = (
            _("**Stable:** {same} of {copies} disturbed copies got the same answer.")
            if found.agreement >= _STABLE
            else _("**Not stable:** only {same} of {copies} disturbed copies got the same answer.")
        )
        st.markdown(text.format(same=same, copies=copies))
        st.caption(_("Stable means hard to disturb, not right."))
    if not accepted:
        st.caption(_("Grey: these probabilities don't count, for the reason given."))
    if status.card is not None:
        st.caption(
            _(
                "Calibrated probabilities of {model}, weights of {date}. The line marks the "
                "{threshold} from which an answer is accepted."
            ).format(
                model=plain(status.title),
                date=plain(status.card.created[:10]),
                threshold=percent(prediction.threshold),
            )
        )


def _set(prediction: Prediction, status: ModelStatus) -> None:
    """Word the conformal set at the chosen coverage, and what the test split says of it."""
    levels = coverages(status.card)
    if not levels:
        return
    start = DEFAULT if DEFAULT in levels else max(levels)
    level = start
    if len(levels) > 1:
        if st.session_state.get("coverage") not in levels:
            st.session_state["coverage"] = start
        level = (
            st.segmented_control(
                _("Coverage"),
                list(levels),
                format_func=percent,
                required=True,
                key="coverage",
                persist_state="session",
            )
            or start
        )
    labels = labels_within(prediction, levels[level])
    st.markdown(
        _("With {coverage} coverage: **{labels}**").format(
            coverage=percent(level), labels=plain(either(labels))
        )
    )
    measured = _measured(status.name, level)
    note = _(
        "The set of classes that can't be ruled out, calibrated on the validation split. It "
        "promises nothing for slices of another kind."
    )
    if measured is not None:
        note += " " + _("On the test split such sets held the true class in {share}.").format(
            share=interval(measured)
        )
    st.caption(note)


def either(labels: tuple[str, ...]) -> str:
    """Return names joined for a person: `glioma, meningioma or no tumour`."""
    names = [describe(key).name.lower() for key in labels]
    if len(names) == 1:
        return names[0]
    return _("{first} or {last}").format(first=", ".join(names[:-1]), last=names[-1])


def _measured(name: str, level: float) -> Any:
    """Return the coverage that the report measured on the test split; None if it has none."""
    report: Report = {}
    with noted():
        report = cache.report(name) or {}
    rows = report.get("conformal", {}).get("levels", [])
    return next((figure_of(row, "coverage") for row in rows if row["nominal"] == level), None)
