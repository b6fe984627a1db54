"""Which rows of a batch to show, and in what order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.batch.rows import Row

NO_ANSWER: Final = "no answer"
"""Stands for pictures of a kind that the model doesn't know."""
NOT_READ: Final = "not read"
"""Stands for files that could not be read."""
Order = Literal["files", "unsure", "sure", "answer"]


@dataclass(frozen=True)
class Wanted:
    """What a person wants to see; the defaults keep everything.

    Attributes:
        answers: Class keys, `NO_ANSWER` and `NOT_READ`; empty for all.
        accepted: Accepted answers alone, the others alone, or None for both.
        correct: Answers that agree with their folder alone, the others alone, or None for all.
        low: Least confidence, in 0 to 1.
        high: Largest confidence, in 0 to 1.
        text: Part of the file's name, in any case.
        order: `files` as they came, `unsure` or `sure` first, or by `answer`.
    """

    answers: Collection[str] = ()
    accepted: bool | None = None
    correct: bool | None = None
    low: float = 0.0
    high: float = 1.0
    text: str = ""
    order: Order = "files"


def outcome(row: Row) -> str:
    """Return the class key that a row was answered with, `NO_ANSWER` or `NOT_READ`."""
    if row.prediction is None:
        return NOT_READ
    return row.prediction.predicted if row.answered else NO_ANSWER


def select(rows: Sequence[Row], wanted: Wanted) -> list[int]:
    """Return the positions of the rows to show, in their order.

    Rows without an answer have no confidence: they stay while the range is the whole one, and
    come last where confidence orders.
    """
    found = [position for position, row in enumerate(rows) if _keeps(row, wanted)]
    if wanted.order == "answer":
        found.sort(key=lambda k: (outcome(rows[k]) in (NO_ANSWER, NOT_READ), outcome(rows[k])))
    elif wanted.order != "files":
        sign = 1 if wanted.order == "unsure" else -1
        found.sort(key=lambda k: _rank(rows[k], sign))
    return found


def _rank(row: Row, sign: int) -> float:
    if row.prediction is None or not row.answered:
        return 2.0
    return sign * row.prediction.confidence


def _keeps(row: Row, wanted: Wanted) -> bool:
    if wanted.answers and outcome(row) not in wanted.answers:
        return False
    if wanted.text.strip().lower() not in row.file.lower():
        return False
    if wanted.correct is not None and row.correct is not wanted.correct:
        return False
    answer = row.prediction if row.answered else None
    if (
        wanted.accepted is not None
        and (answer is not None and answer.accepted) is not wanted.accepted
    ):
        return False
    if wanted.low <= 0.0 and wanted.high >= 1.0:
        return True
    return answer is not None and wanted.low <= answer.confidence <= wanted.high
