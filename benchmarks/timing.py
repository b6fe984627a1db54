"""Repeated, interleaved timing, and targets that are met or missed."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Case = Callable[[], Any]
_BOUNDS: Final = {"at most": lambda v, b: v <= b, "at least": lambda v, b: v >= b}


def interleave(cases: Mapping[str, Case], rounds: int, warm: int = 2) -> dict[str, list[float]]:
    """Run cases in turn, so that what else the machine does hits all of them alike.

    Args:
        cases: What to run, by name.
        rounds: How often each is timed.
        warm: How often each is run before, untimed.

    Returns:
        Wall seconds of every run, by name.
    """
    for case in cases.values():
        for _ in range(warm):
            case()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            began = time.perf_counter()
            case()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Return median and spread in milliseconds."""
    return {
        "median_ms": round(1000 * statistics.median(seconds), 3),
        "lowest_ms": round(1000 * min(seconds), 3),
        "highest_ms": round(1000 * max(seconds), 3),
        "runs": len(seconds),
    }


def paired_ratio(seconds: Sequence[float], floor: Sequence[float]) -> float:
    """Return the median of the ratios of runs that stood side by side.

    A stretch in which the machine was busy then weighs on neither side.
    """
    return round(statistics.median(a / b for a, b in zip(seconds, floor, strict=True)), 3)


@dataclass(frozen=True)
class Target:
    """A bound on a measured figure.

    Attributes:
        name: What is bounded.
        value: What was measured; None where it could not be.
        relation: `at most` or `at least`.
        bound: The bound.
        unit: Such as `s` or `x`.
        note: Why there is no figure, or where it comes from.
    """

    name: str
    value: float | None
    relation: str
    bound: float
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return `met`, `MISSED` or `not measured`."""
        if self.value is None:
            return "not measured"
        return "met" if _BOUNDS[self.relation](self.value, self.bound) else "MISSED"

    def row(self) -> dict[str, Any]:
        """Return the target for JSON."""
        return {
            "target": self.name,
            "measured": self.value,
            "wanted": f"{self.relation} {self.bound:g} {self.unit}".rstrip(),
            "unit": self.unit,
            "verdict": self.verdict,
            "note": self.note,
        }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay text out in columns: the first to the left, the others to the right."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def load() -> float:
    """Return how many processes were running or waiting over the last minute."""
    return round(os.getloadavg()[0], 1)
