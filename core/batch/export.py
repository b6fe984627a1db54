"""A batch as CSV, Excel and Parquet, with the disclaimer in each."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd

from core import DISCLAIMER, __version__
from core.batch.rows import Row

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_FLAGS: Final = ("accepted", "in_domain", "correct")
_SHEET, _ABOUT = "Slices", "About"


def to_frame(rows: Iterable[Row], labels: Sequence[str]) -> pd.DataFrame:
    """Return one line per slice or unreadable file, as the `predict` command names the columns.

    Args:
        rows: The rows of a batch.
        labels: Class keys of the model; each gets a column `p_<label>`.

    Returns:
        Columns `file, slice, model, predicted, confidence, p_…, prediction_set, accepted,
        in_domain, warnings, label, correct, error, disclaimer`; empty where not applicable.
    """
    probabilities = [f"p_{label}" for label in labels]
    columns = ["file", "slice", "model", "predicted", "confidence", *probabilities]
    columns += ["prediction_set", "accepted", "in_domain", "warnings"]
    columns += ["label", "correct", "error", "disclaimer"]
    frame = pd.DataFrame([_record(row) for row in rows], columns=columns)
    for name in columns:
        if name in _FLAGS:
            frame[name] = frame[name].astype("boolean")
        elif name == "slice":
            frame[name] = frame[name].astype("Int64")
        elif name in ("confidence", *probabilities):
            frame[name] = frame[name].astype("Float64")
        else:
            frame[name] = frame[name].astype("string")
    return frame


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return the table as CSV in UTF-8, marked as such for Excel.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    safe = frame.copy()
    for name in safe.columns:
        if safe[name].dtype == "string":
            safe[name] = safe[name].map(_harmless, na_action="ignore")
    text = safe.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8-sig")


def to_excel(frame: pd.DataFrame) -> bytes:
    """Return the table as an Excel workbook: a sheet of slices, and one on what it is.

    A text stays a text, whatever it begins with: none is a formula or a link.
    """
    stream = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with pd.ExcelWriter(stream, engine="xlsxwriter", engine_kwargs={"options": options}) as book:
        frame.to_excel(book, sheet_name=_SHEET, index=False, freeze_panes=(1, 1))
        book.sheets[_SHEET].autofit(max_width=300)
        lines = [DISCLAIMER, f"Written by GliaLens {__version__}.", f"Rows: {len(frame):,}"]
        pd.Series(lines).to_excel(book, sheet_name=_ABOUT, index=False, header=False)
        book.sheets[_ABOUT].autofit()
    return stream.getvalue()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Return the table as Parquet; columns keep their types, empty cells included."""
    stream = io.BytesIO()
    frame.to_parquet(stream, engine="pyarrow", index=False)
    return stream.getvalue()


def _record(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"file": row.file, "label": row.label, "disclaimer": DISCLAIMER}
    if row.prediction is None:
        return {**record, "error": row.error}
    record |= {"slice": row.slice, "correct": row.correct, **row.prediction.to_record()}
    record |= {f"p_{key}": value for key, value in record.pop("probabilities").items()}
    record["prediction_set"] = "; ".join(record["prediction_set"])
    record["warnings"] = "; ".join(row.remarks)
    return record


def _harmless(text: str) -> str:
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line
