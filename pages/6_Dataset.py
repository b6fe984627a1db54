"""Dataset: what the models were trained on, what is wrong with it, and a clean split anew."""

import streamlit as st

from ui import cache, dataset, examples, shell, split_form
from ui.errors import noted
from ui.language import _

shell.begin(
    _("Dataset"),
    ":material/dataset:",
    _("What the models learned from: counts, balance, leaks between splits, doubtful labels."),
)

manifest = audit = None
unread = 2
with noted():
    manifest = cache.manifest()
    unread -= 1
with noted():
    audit = cache.audit()
    unread -= 1
if manifest is None and audit is None and not unread:
    st.info(
        _(
            "No dataset is described yet. `python -m core audit DIR --json weights/audit.json` "
            "counts and checks a folder; `python -m core split DIR --out weights/manifest.csv` "
            "splits it without leaks."
        ),
        icon=":material/dataset:",
    )
if manifest is not None:
    dataset.show_manifest(manifest)
    examples.show(manifest)
if audit is not None:
    dataset.show_audit(audit)
split_form.show()
