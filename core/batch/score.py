"""How often a batch's answers agree with its folders' names."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from core.batch.rows import Row
from core.data.manifest import SPLITS, ManifestRow
from core.evaluation.intervals import GroupBootstrap, Interval
from core.evaluation.metrics import confusion_matrix

UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Score:
    """Answers against folder names.

    Attributes:
        labels: Class keys, in the order of the matrix.
        accuracy: Share of correct answers, resampled by file.
        accepted: The same among the accepted answers alone; NaN where none is.
        coverage: Share of the answers that are accepted.
        confusion: Counts, rows are the folders' classes, columns the answers.
        left_out: Slices and files with a label that got no answer.
    """

    labels: tuple[str, ...]
    accuracy: Interval
    accepted: Interval
    coverage: Interval
    confusion: list[list[int]]
    left_out: int


def score(rows: Sequence[Row], labels: Sequence[str], seed: int = 0) -> Score | None:
    """Compare answers with the folders' names.

    Slices of one file are resampled together. Pictures that the model doesn't know got no
    answer, so they are counted apart.

    Args:
        rows: The rows of a batch.
        labels: Class keys of the model, in output order.
        seed: Seed of the resamples.

    Returns:
        The score, or None where no answer has a label.
    """
    labelled = [row for row in rows if row.label in labels]
    answered = [row for row in labelled if row.correct is not None and row.prediction is not None]
    if not answered:
        return None
    index = {label: k for k, label in enumerate(labels)}
    true = np.array([index[str(row.label)] for row in answered])
    said = np.array([index[row.prediction.predicted] for row in answered if row.prediction])
    accepted = np.array([row.prediction.accepted for row in answered if row.prediction])
    bootstrap = GroupBootstrap([f"{row.source}/{row.member}" for row in answered], seed=seed)
    return Score(
        tuple(labels),
        bootstrap.mean(true == said),
        bootstrap.mean(true == said, among=accepted),
        bootstrap.mean(accepted),
        confusion_matrix(true, said, len(labels)).tolist(),
        len(labelled) - len(answered),
    )


def splits_by_name(rows: Iterable[Row], manifest: Iterable[ManifestRow]) -> dict[str, int]:
    """Count answered rows by the manifest's split of the file with the same folder and name.

    Args:
        rows: The rows of a batch.
        manifest: The rows of the manifest that the model learnt from.

    Returns:
        Slices by `train`, `val`, `test` and `unknown`; a name that several splits hold is
        unknown.
    """
    known: dict[str, set[str]] = {}
    for entry in manifest:
        known.setdefault(_tail(entry.path), set()).add(entry.split)
    counts = Counter(
        next(iter(found)) if len(found := known.get(_tail(row.file), set())) == 1 else UNKNOWN
        for row in rows
        if row.answered
    )
    return {name: counts[name] for name in (*SPLITS, UNKNOWN)}


def _tail(path: str) -> str:
    """Return folder and file name in lower case; the name alone where there is no folder."""
    return "/".join(PurePosixPath(path).parts[-2:]).lower()
