"""How often the reader and the model agree."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.cases.records import OTHER, Case
from core.evaluation.intervals import Interval, wilson_interval
from core.labels import KNOWN


@dataclass(frozen=True)
class Agreement:
    """The reader against the model.

    A slice that was saved several times with one model counts once, by its newest verdict:
    the interval takes cases as independent. Verdicts of readers who saw the model's answer
    first lean towards it, so agreement is no accuracy.

    Attributes:
        judged: Cases with a verdict.
        repeats: Cases left out because a newer one shows the same slice and model.
        unsure: Cases left out because the reader could not tell.
        agreed: Cases where the verdict is the model's class.
        overall: `agreed` as a share of the cases that count, with Wilson's 95 % interval.
        accepted: The same among answers that were accepted.
        not_accepted: The same among answers that were not.
        labels: Class keys in the order of `confusion`; `OTHER` last.
        confusion: Counts; row: the reader's verdict, column: the model's class.
    """

    judged: int
    repeats: int
    unsure: int
    agreed: int
    overall: Interval
    accepted: Interval
    not_accepted: Interval
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a dictionary; NaN where there is no case."""
        return {
            **vars(self),
            "overall": self.overall.to_dict(),
            "accepted": self.accepted.to_dict(),
            "not_accepted": self.not_accepted.to_dict(),
            "labels": list(self.labels),
            "confusion": [list(row) for row in self.confusion],
        }


def count_agreement(cases: Iterable[Case]) -> Agreement:
    """Count how often verdict and answer are the same.

    Args:
        cases: Any cases; those without a verdict don't count.
    """
    judged = [case for case in cases if case.verdict is not None]
    newest: dict[tuple[str, str], Case] = {}
    # An older case may have been judged anew after a younger one.
    for case in sorted(judged, key=lambda case: (case.judged or case.created, case.id)):
        newest[case.pixel_digest, case.model] = case
    counted = [case for case in newest.values() if case.agrees is not None]
    names = {case.predicted for case in counted} | {case.verdict or "" for case in counted}
    labels = tuple(sorted(names, key=lambda n: (n == OTHER, n not in KNOWN, n)))
    index = {label: position for position, label in enumerate(labels)}
    confusion = [[0] * len(labels) for _ in labels]
    for case in counted:
        confusion[index[case.verdict or ""]][index[case.predicted]] += 1
    return Agreement(
        judged=len(judged),
        repeats=len(judged) - len(newest),
        unsure=len(newest) - len(counted),
        agreed=sum(case.agrees is True for case in counted),
        overall=_share(counted),
        accepted=_share([case for case in counted if case.accepted]),
        not_accepted=_share([case for case in counted if not case.accepted]),
        labels=labels,
        confusion=tuple(map(tuple, confusion)),
    )


def _share(cases: list[Case]) -> Interval:
    return wilson_interval(sum(case.agrees is True for case in cases), len(cases))
