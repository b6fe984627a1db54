"""Counts of a manifest as a table."""

import pandas as pd

from core.data.manifest import SPLITS
from core.labels import describe
from ui.language import _
from ui.reports import split_name


def splits_table(counts: dict[str, dict[str, dict[str, int]]]) -> pd.DataFrame:
    """Return one row per source and split, one column per class.

    Args:
        counts: Slices per source, split and label, as `core.data.manifest.count_rows` gives.
    """
    labels = sorted({k for splits in counts.values() for row in splits.values() for k in row})
    rows = [
        {
            _("Source"): source,
            _("Split"): split_name(split),
            **{describe(k).name: splits[split].get(k, 0) for k in labels},
            _("Total"): sum(splits[split].values()),
        }
        for source, splits in counts.items()
        for split in SPLITS
        if split in splits
    ]
    return pd.DataFrame(rows)
