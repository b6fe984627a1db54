"""Pieces of the Dataset screen: the manifest's splits and the audit's findings."""

from typing import Any

import pandas as pd
import streamlit as st

from core import figures
from core.data.manifest import SPLITS, Manifest, count_rows
from core.labels import describe


def show_manifest(manifest: Manifest) -> None:
    """Draw the splits that the models were trained and tested on."""
    counts = count_rows(manifest.rows)
    groups = len({row.group for row in manifest.rows})
    st.subheader("The split that GliaLens uses")
    first, second, third, fourth = st.columns(4)
    first.metric("Slices", f"{len(manifest.rows):,}", border=True)
    second.metric("Groups", f"{groups:,}", border=True, help="Patients, or sets of twins.")
    third.metric("Sources", len(counts), border=True)
    fourth.metric("Groups in two splits", 0, border=True, help="Checked when the file is read.")
    st.dataframe(splits_table(counts), hide_index=True)
    st.plotly_chart(
        figures.class_balance(_per_split(counts)),
        key="balance",
        config={"displaylogo": False},
        alt="Number of slices of each class in each split",
    )
    st.caption(
        "A group is a patient where the file name tells, a run of neighbouring slices where the "
        "numbering tells, and a set of near-identical pictures always. No group is in two splits."
    )


def splits_table(counts: dict[str, dict[str, dict[str, int]]]) -> pd.DataFrame:
    """Return one row per source and split, one column per class.

    Args:
        counts: Slices per source, split and label, as `core.data.manifest.count_rows` gives.
    """
    labels = sorted({k for splits in counts.values() for row in splits.values() for k in row})
    rows = [
        {
            "Source": source,
            "Split": split,
            **{describe(k).name: splits[split].get(k, 0) for k in labels},
            "Total": sum(splits[split].values()),
        }
        for source, splits in counts.items()
        for split in SPLITS
        if split in splits
    ]
    return pd.DataFrame(rows)


def _per_split(counts: dict[str, dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for splits in counts.values():
        for split, row in splits.items():
            for label, n in row.items():
                part = total.setdefault(split, {})
                part[label] = part.get(label, 0) + n
    return {split: total[split] for split in SPLITS if split in total}


def show_audit(audit: dict[str, Any]) -> None:
    """Draw what the audit found."""
