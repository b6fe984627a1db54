"""Case log: the answers that a reader saved, with the reader's own verdicts."""

import streamlit as st

from core.cases import open_case_log
from core.settings import get_settings
from ui import case_filters, case_tools, cases, shell
from ui.errors import shown
from ui.language import _

shell.begin(
    _("Case log"),
    ":material/clinical_notes:",
    _("Answers that were saved, beside what the reader says. No patient data, no file names."),
)

if not get_settings().case_log:
    cases.off()
    st.stop()

case_tools.show_fault()
cases.note_saved()
with shown(), open_case_log() as log:
    models, anything = log.models(), log.list(limit=1).total > 0
    if anything:
        filters = case_filters.choose(models)
        found = log.list(
            filters, limit=case_filters.PER_PAGE, offset=case_filters.offset(log, filters)
        )
        agreement = log.agreement(filters)
    backend = log.backend

if not anything:
    cases.empty(backend)
    st.stop()

selected = cases.table(found)
case_filters.pages(found.total)
if len(selected) == 1:
    cases.edit(selected[0])
case_tools.offer_deletion([case.id for case in selected], filters, found.total)
case_tools.statistics(agreement)
case_tools.exports(filters, found.total)
cases.kept(backend)
