"""Rows as files that spreadsheets and data frames read."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import pandas as pd


def to_excel(rows: Sequence[Mapping[str, Any]], sheet: str) -> bytes:
    """Return rows as an Excel workbook of one sheet, with a header that stays in view.

    A text stays a text: none is run as a formula or turned into a link.

    Args:
        rows: One mapping per row, of the same keys; texts, numbers, booleans and None.
        sheet: Name of the sheet, at most 31 characters.
    """
    stream = BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with pd.ExcelWriter(
        stream, engine="xlsxwriter", engine_kwargs={"options": options}
    ) as workbook:
        pd.DataFrame(list(rows)).to_excel(
            workbook, sheet_name=sheet, index=False, freeze_panes=(1, 0)
        )
        workbook.sheets[sheet].autofit(max_width=400)
    return stream.getvalue()


def to_parquet(rows: Sequence[Mapping[str, Any]], times: Sequence[str] = ()) -> bytes:
    """Return rows as a Parquet file.

    Args:
        rows: As for `to_excel`.
        times: Keys of ISO times, which become timestamps in UTC.
    """
    frame = pd.DataFrame(list(rows))
    for name in times:
        if name in frame:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    stream = BytesIO()
    frame.to_parquet(stream, engine="pyarrow", index=False)
    return stream.getvalue()
