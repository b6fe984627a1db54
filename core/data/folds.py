"""Folds of the validation split, so that most of its patients can be learned from as well.

A run trains on the training split and on all folds but its own, which it is validated on, as in
cross-validation (Stone 1974, "Cross-validatory choice and assessment of statistical predictions").
Patients are what the data are short of; no group is ever on both sides.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from core.data.assign import deal_groups
from core.data.manifest import ManifestRow
from core.errors import RunError

_FOLD = re.compile(r"([1-9])/([2-9])")


def parse_fold(text: str) -> tuple[int, int] | None:
    """Read `1/2`, the first of two folds; None for an empty text.

    Raises:
        RunError: If it is neither.
    """
    if not text:
        return None
    match = _FOLD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise RunError(
            f"A fold is its number and how many there are, 2 to 9, such as 1/2. Received: {text!r}."
        )
    return int(match[1]), int(match[2])


def deal_folds(rows: Sequence[ManifestRow], count: int) -> dict[str, int]:
    """Deal the groups of the validation split out to folds, stratified by class and source.

    Args:
        rows: The manifest's rows.
        count: Number of folds.

    Returns:
        From a group's name to its fold, from 1; the same rows give the same folds.
    """
    members: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        if row.split == "val":
            members[row.group].append((row.label, row.source))
    shares = {str(number + 1): 1.0 / count for number in range(count)}
    return {group: int(part) for group, part in deal_groups(members, shares, seed=0).items()}


def keep_fold(rows: Sequence[ManifestRow], fold: str) -> tuple[ManifestRow, ...]:
    """Return the rows with all validation slices but one fold's moved to the training split.

    Args:
        rows: The manifest's rows.
        fold: Such as `1/2`; empty for the rows as they are.

    Raises:
        RunError: If it is no fold.
    """
    parsed = parse_fold(fold)
    if parsed is None:
        return tuple(rows)
    number, count = parsed
    folds = deal_folds(rows, count)
    return tuple(
        replace(row, split="train") if row.split == "val" and folds[row.group] != number else row
        for row in rows
    )
