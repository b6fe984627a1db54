"""The whole corpus as one table."""

from typing import Final

from tests.hostile import archives, models, pictures, service, tables, volumes
from tests.hostile.case import Case

CASES: Final[tuple[Case, ...]] = (
    *pictures.CASES,
    *volumes.CASES,
    *archives.CASES,
    *tables.CASES,
    *models.CASES,
    *service.CASES,
)
ELSEWHERE: Final[dict[int, str]] = {
    13: "tests/api/test_gate.py: chunked uploads over the limit",
    24: "tests/api/test_predict.py: the same bytes twice",
    48: "tests/api/test_gate.py: missing and wrong keys",
    49: "tests/api/test_gate.py: a full queue",
    50: "tests/api/test_gate.py: a client that hangs up",
}
"""Rows of the list that need more than one input, and the tests that hold them."""


def of_kind(*kinds: str) -> list[Case]:
    """Return the cases of some kinds."""
    return [case for case in CASES if case.kind in kinds]
