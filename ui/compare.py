"""Pieces of the Compare screen: asking every model, the warnings, the table."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.consensus import Consensus, count_votes
from core.ensemble import ENSEMBLE, mean_analysis
from core.errors import ModelNotReadyError
from core.gate import WARNING, warning_of
from core.labels import describe
from core.models.card import Card
from core.models.registry import ModelStatus
from core.reading import percent
from core.settings import get_settings
from core.types import Analysis, Prediction, Slice
from core.wording import number as written
from ui import cache, result
from ui.diagnose import Chosen
from ui.errors import noted, plain
from ui.language import _, ngettext, told
from ui.reports import interval


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model returned.

    Attributes:
        title: Name of the model for a person.
        card: What travels with its weights.
        analysis: Its answer and its maps.
    """

    title: str
    card: Card
    analysis: Analysis

    @property
    def prediction(self) -> Prediction:
        """The model's answer."""
        return self.analysis.prediction


@dataclass(frozen=True, eq=False)
class Found:
    """What all models returned of one slice.

    Attributes:
        answers: One answer per model that could be asked, in the registry's order.
        mean: Their ensemble; None for a single model or models of different classes.
        faults: Sentences about what could not be had.
    """

    answers: list[Answer]
    mean: Analysis | None
    faults: list[str]

    @property
    def consensus(self) -> Consensus:
        """How far the models agree."""
        return count_votes([answer.prediction for answer in self.answers])

    def title(self, name: str) -> str:
        """Return a model's name for a person, safe in Markdown."""
        titles = {a.prediction.model: a.title for a in self.answers}
        return _("Ensemble") if name == ENSEMBLE else plain(titles.get(name, name))


def ask(ready: list[ModelStatus], slice_: Slice) -> Found:
    """Ask every ready model; one that can't be loaded doesn't keep the others from answering.

    Raises:
        ModelNotReadyError: If none of them can be loaded.
    """
    answers: list[Answer] = []
    faults: list[str] = []
    last: ModelNotReadyError | None = None
    for number, status in enumerate(ready, 1):
        text = _("{model} is looking at the slice… ({number} of {total})").format(
            model=plain(status.title), number=number, total=len(ready)
        )
        try:
            with st.spinner(text):
                analysis = cache.analysis(status.name, slice_)
        except ModelNotReadyError as error:
            last = error
            faults.append(f"**{plain(status.title)}**: {plain(told(str(error)))}")
            continue
        assert status.card is not None  # noqa: S101 - narrows the type
        answers.append(Answer(status.title, status.card, analysis))
    if last is not None and not answers:
        raise last
    mean = None
    if len(answers) > 1:
        try:
            mean = mean_analysis([answer.analysis for answer in answers])
        except ModelNotReadyError as error:
            faults.append(f"**{_('Ensemble')}**: {plain(told(str(error)))}")
    return Found(answers, mean, faults)


def not_ready(statuses: list[ModelStatus]) -> None:
    """List the models that can't answer, each with its reason."""
    waiting = [status for status in statuses if not status.ready]
    if not waiting:
        return
    with st.container(border=True):
        st.markdown(_("**Not compared: models that aren't ready**"))
        for status in waiting:
            st.caption(f"**{plain(status.title)}** · {plain(status.reason or '')}")


def faults(found: Found) -> None:
    """Show what could not be had."""
    for fault in found.faults:
        st.error(fault, icon=":material/error:")


def warnings(chosen: Chosen, found: Found) -> None:
    """Show what a person should read first, and name the models that find the slice strange."""
    strange = [answer for answer in found.answers if WARNING in answer.prediction.warnings]
    by_name = warning_of([answer.prediction.model for answer in strange])
    result.show_warnings(chosen, found.mean or found.answers[0].analysis, (WARNING, by_name))
    if not strange:
        return
    st.warning(
        ngettext(
            "The picture is not like the brain MRI slices that {models} learnt from, so its answer "
            "means little.",
            "The picture is not like the brain MRI slices that {models} learnt from, so their "
            "answers mean little.",
            len(strange),
        ).format(models=", ".join(plain(answer.title) for answer in strange)),
        icon=":material/warning:",
    )


def table(found: Found) -> None:
    """Draw the table of answers, each beside its model's measured accuracy."""
    rows = [
        _row(answer.title, answer.prediction, _accuracy(answer.card.metrics.get("test")))
        for answer in found.answers
    ]
    if found.mean is not None:
        rows.append(_row(_("Ensemble"), found.mean.prediction, _accuracy(_measured_mean(found))))
    st.subheader(_("In figures"))
    # A plain table breaks its lines, so that no column hides.
    st.table(
        pd.DataFrame(rows).map(plain),
        border="horizontal",
        hide_index=True,
        alt=_("One row per model: answer, confidence, prediction set, test accuracy"),
    )
    notes = [
        _(
            "Test accuracy: on the test split of each model's own card, with its 95 % interval "
            "and the number of slices; not on this slice."
        )
    ]
    if any(answer.card.conformal_quantile is not None for answer in found.answers):
        notes.append(
            _(
                "Prediction set: the classes that can't be ruled out at 95 %, calibrated on the "
                "validation split."
            )
        )
    if found.mean is not None:
        notes.append(
            _(
                "Ensemble: the plain mean of the calibrated probabilities. No set is calibrated "
                "for it; its accuracy is measured by `python -m core compare`."
            )
        )
    digests = {a.card.measured_on for a in found.answers}
    if len(digests) > 1:
        notes.append(
            _(
                "The models were measured on different splits, so their accuracies are not "
                "comparable."
            )
        )
    st.caption(" ".join(notes))


def _row(title: str, prediction: Prediction, accuracy: str) -> dict[str, str]:
    names = [describe(key).name for key in prediction.prediction_set]
    strange = prediction.in_domain is False
    unset = strange or prediction.model == ENSEMBLE
    return {
        _("Model"): title,
        _("Answer"): _("No diagnosis") if strange else describe(prediction.predicted).name,
        _("Confidence"): "—" if strange else percent(prediction.confidence, 1),
        _("Accepted"): _("yes") if prediction.accepted else _("no"),
        _("Prediction set"): "—" if unset else ", ".join(names),
        _("Test accuracy"): accuracy,
    }


def _accuracy(part: Any) -> str:
    figure = part.get("accuracy") if isinstance(part, dict) else None
    if not isinstance(figure, dict) or figure.get("value") is None:
        return _("not measured")
    n = figure.get("n")
    return interval(figure) + (f", n = {written(n)}" if isinstance(n, int) else "")


def _measured_mean(found: Found) -> dict[str, Any] | None:
    """Return the ensemble's row of the comparison, if it is of these very weights."""
    comparison = None
    with noted():
        comparison = cache.read_json(get_settings().weights_dir / "comparison.json")
    if not isinstance(comparison, dict):
        return None
    mean = comparison.get("ensemble")
    names = [answer.prediction.model for answer in found.answers]
    if not isinstance(mean, dict) or sorted(mean.get("members") or []) != sorted(names):
        return None
    # Weights published after the comparison were not part of it; ISO times in UTC sort as text.
    newest = max(answer.card.created for answer in found.answers)
    return mean if str(comparison.get("created", "")) >= newest else None
