"""Cases as flat rows, CSV, JSON, Excel and Parquet."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any, Final

from core import tables
from core.cases.records import Case

_LISTS: Final = ("prediction_set", "warnings")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_rows(cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Return one flat row per case, for tables and spreadsheets.

    Every row has a column `p_<label>` for each class of any case (None where the model lacks
    it), and `agrees`; lists are joined by `; `.
    """
    cases = list(cases)
    labels = sorted({label for case in cases for label in case.probabilities})
    rows = []
    for case in cases:
        row: dict[str, Any] = {}
        for name, value in case.to_record().items():
            if name == "probabilities":
                row.update({f"p_{label}": case.probabilities.get(label) for label in labels})
            else:
                row[name] = "; ".join(value) if name in _LISTS else value
        row["agrees"] = case.agrees
        rows.append(row)
    return rows


def to_csv(cases: Iterable[Case]) -> str:
    """Return cases as CSV with a header; empty without a case.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    rows = to_rows(cases)
    if not rows:
        return ""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def to_json(cases: Iterable[Case]) -> str:
    """Return cases as a JSON list of their records, without thumbnails."""
    records = [case.to_record() for case in cases]
    return json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_excel(cases: Iterable[Case]) -> bytes:
    """Return cases as an Excel workbook with the columns of `to_rows`."""
    return tables.to_excel(to_rows(cases), "Cases")


def to_parquet(cases: Iterable[Case]) -> bytes:
    """Return cases as Parquet with the columns of `to_rows`; times are timestamps in UTC."""
    return tables.to_parquet(to_rows(cases), ("created", "judged"))


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
