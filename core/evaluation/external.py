"""Checks that leakage and origin can't flatter.

Where tumour slices and tumour-free slices come from different places, a model can score high
by recognising the place. Two checks break the tie: tumours in the style of the tumour-free
slices (another origin, never trained on), and slices with and without a tumour of the same
patients. Both score a slice by 1 - P(no tumour).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.evaluation.intervals import (
    GroupBootstrap,
    Interval,
    percentile_interval,
    wilson_interval,
)
from core.evaluation.metrics import Bools, Floats, roc_auc, weighted_roc_auc

SPECIFICITY = 0.95


def cutoff_at_specificity(scores: Floats, specificity: float = SPECIFICITY) -> float:
    """Return the lowest cut-off that keeps the wanted share of tumour-free slices at or below.

    Args:
        scores: Scores of tumour-free slices, shape (images,), at least one.
        specificity: Wanted share in 0 to 1; a slice is called a tumour above the cut-off.
    """
    return float(np.quantile(scores, specificity, method="inverted_cdf"))


def _found_at_specificity(
    positives: Floats,
    negatives: Floats,
    positive_weights: Floats,
    negative_weights: Floats,
    specificity: float,
) -> Floats:
    """Share of positives above each resample's own cut-off, shape (resamples,)."""
    order = np.argsort(negatives, kind="stable")
    cumulated = np.cumsum(negative_weights[:, order], axis=1)
    # The margin keeps 0.95 * 20 = 19.000000000000004 from asking for a twentieth slice.
    wanted = specificity * cumulated[:, -1:] - 1e-9
    cutoffs = negatives[order][np.argmax(cumulated >= wanted, axis=1)]
    order = np.argsort(positives, kind="stable")
    below = np.pad(np.cumsum(positive_weights[:, order], axis=1), ((0, 0), (1, 0)))
    at = np.searchsorted(positives[order], cutoffs, side="right")
    reached = below[np.arange(len(below)), at]
    return 1.0 - reached / below[:, -1]


def check_external(
    tumours: Floats,
    notumours: Floats,
    no_tumour: int,
    *,
    notumour_groups: Sequence[str],
    tumour_groups: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Tell external tumours from the test split's tumour-free slices.

    Args:
        tumours: Probabilities of external tumour slices, shape (images, classes).
        notumours: Probabilities of tumour-free test slices, shape (images, classes).
        no_tumour: Index of the tumour-free class.
        notumour_groups: Group of each tumour-free slice.
        tumour_groups: Group of each external slice; None takes each as its own.
        resamples: Number of resamples of either side.
        seed: Seed of the resamples.

    Returns:
        `n_tumour`, `n_notumour` and the intervals `auroc`, `found_at_decision` (the most
        probable class isn't "no tumour"), `found_at_95_specificity` (the score exceeds the
        cut-off that 95 % of the tumour-free slices keep) and `notumour_kept` (tumour-free
        slices whose most probable class is "no tumour").

    Raises:
        DatasetError: If a side has no image.
    """
    names = tumour_groups or [str(k) for k in range(len(tumours))]
    of_tumours = GroupBootstrap(names, resamples=resamples, seed=seed)
    # Another seed: the two sides are drawn independently.
    of_notumours = GroupBootstrap(notumour_groups, resamples=resamples, seed=seed + 1)
    positives, negatives = 1.0 - tumours[:, no_tumour], 1.0 - notumours[:, no_tumour]
    scores = np.r_[positives, negatives]
    is_tumour = np.arange(len(scores)) < len(positives)

    areas, shares = [], []
    rows = max(1, 2_000_000 // len(scores))
    for start in range(0, resamples, rows):
        part = slice(start, start + rows)
        drawn = of_tumours.counts[part][:, of_tumours.index].astype(np.float64)
        kept = of_notumours.counts[part][:, of_notumours.index].astype(np.float64)
        areas.append(weighted_roc_auc(is_tumour, scores, np.hstack([drawn, kept])))
        shares.append(_found_at_specificity(positives, negatives, drawn, kept, SPECIFICITY))

    fewer = min(of_tumours.n_groups, of_notumours.n_groups)
    found = positives > cutoff_at_specificity(negatives)
    decided = tumours.argmax(axis=1) != no_tumour
    at_decision = (
        of_tumours.mean(decided)
        if tumour_groups
        else wilson_interval(int(decided.sum()), len(decided))
    )
    return {
        "n_tumour": len(tumours),
        "n_notumour": len(notumours),
        "auroc": percentile_interval(
            roc_auc(is_tumour, scores), np.concatenate(areas), len(scores), groups=fewer
        ).to_dict(),
        "found_at_decision": at_decision.to_dict(),
        "found_at_95_specificity": percentile_interval(
            float(found.mean()),
            np.concatenate(shares),
            len(found),
            groups=fewer,
            clusters=of_tumours.n_groups,
        ).to_dict(),
        "notumour_kept": of_notumours.mean(notumours.argmax(axis=1) == no_tumour).to_dict(),
    }


def auroc_interval(positive: Bools, scores: Floats, bootstrap: GroupBootstrap) -> Interval:
    """ROC AUC with an interval over groups.

    Args:
        positive: Bool of shape (images,).
        scores: float64 of shape (images,).
        bootstrap: Resamples of the same images.
    """
    replicates = bootstrap.replicate(lambda weights: weighted_roc_auc(positive, scores, weights))
    return percentile_interval(
        roc_auc(positive, scores), replicates, len(scores), groups=bootstrap.sides(positive)
    )


def check_within_patients(
    probabilities: Floats,
    is_tumour: Bools,
    no_tumour: int,
    patients: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Tell slices with a tumour from slices without one among the same patients.

    Args:
        probabilities: Shape (images, classes).
        is_tumour: Bool of shape (images,).
        no_tumour: Index of the tumour-free class.
        patients: Patient of each slice.
        resamples: Number of resamples of patients.
        seed: Seed of the resamples.

    Returns:
        `n_patients`, `n_tumour`, `n_notumour`, `auroc` (pooled over slices, interval over
        patients) and `mean_patient_auroc` (mean over the patients with both kinds; NaN
        without one). None where one kind is missing altogether.
    """
    if not is_tumour.any() or is_tumour.all():
        return None
    scores = 1.0 - probabilities[:, no_tumour]
    bootstrap = GroupBootstrap(patients, resamples=resamples, seed=seed)
    areas = np.array(
        [
            roc_auc(is_tumour[bootstrap.index == k], scores[bootstrap.index == k])
            for k in range(bootstrap.n_groups)
        ]
    )
    defined = areas[~np.isnan(areas)]
    return {
        "n_patients": bootstrap.n_groups,
        "n_tumour": int(is_tumour.sum()),
        "n_notumour": int((~is_tumour).sum()),
        "auroc": auroc_interval(is_tumour, scores, bootstrap).to_dict(),
        "mean_patient_auroc": float(defined.mean()) if defined.size else float("nan"),
    }
