"""The case log: answers that a reader saved, with the reader's own verdict.

It is off until switched on, lives in an SQLite file or in any database that SQLAlchemy
reaches, and never keeps a file name, a DICOM tag or the slice itself.
"""

from core.cases.agreement import Agreement, count_agreement
from core.cases.export import to_csv, to_excel, to_json, to_parquet, to_rows
from core.cases.records import OTHER, UNSURE, Case, Filters, Page, thumbnail
from core.cases.store import CaseLog, open_case_log

__all__ = [
    "OTHER",
    "UNSURE",
    "Agreement",
    "Case",
    "CaseLog",
    "Filters",
    "Page",
    "count_agreement",
    "open_case_log",
    "thumbnail",
    "to_csv",
    "to_excel",
    "to_json",
    "to_parquet",
    "to_rows",
]
