"""Dataset: what the models were trained on, and what is wrong with it."""

import streamlit as st

from ui import cache, dataset, shell
from ui.errors import shown

shell.begin(
    "Dataset",
    ":material/dataset:",
    "What the models learned from: counts, balance, leaks between splits, doubtful labels.",
)

with shown():
    manifest = cache.manifest()
    audit = cache.audit()
if manifest is None and audit is None:
    st.info(
        "No dataset is described yet. `python -m core audit DIR --json weights/audit.json` counts "
        "and checks a folder; `python -m core split DIR --out weights/manifest.csv` splits it "
        "without leaks.",
        icon=":material/dataset:",
    )
    st.stop()

if manifest is not None:
    dataset.show_manifest(manifest)
if audit is not None:
    dataset.show_audit(audit)
