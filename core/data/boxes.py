"""Read the tumour boxes that some datasets bring."""

import csv
import math
from pathlib import Path
from typing import Final

from core.errors import DatasetError

_COLUMNS: Final = ("file", "x_center", "y_center", "width", "height")
_RULE: Final = f"A box file has the columns {','.join(_COLUMNS)}, with fractions from 0 to 1."


def read_boxes(csv_file: Path) -> dict[str, tuple[float, float, float, float]]:
    """Read a `boxes.csv`.

    Args:
        csv_file: The file; its first column is relative to the folder that it lies in.

    Returns:
        From file to `x_center, y_center, width, height`, as fractions of the image's width
        or height.

    Raises:
        DatasetError: If the file can't be read or a row breaks the rule; the message names
            the line.
    """
    try:
        text = csv_file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{_RULE} Received: {csv_file.name}, which can't be read.") from error
    boxes: dict[str, tuple[float, float, float, float]] = {}
    reader = csv.reader(text.splitlines())
    for row in reader:
        where = f"{csv_file.name} line {reader.line_num}"
        if reader.line_num == 1:
            if tuple(row) != _COLUMNS:
                raise DatasetError(f"{_RULE} Received: {','.join(row)!r} ({where}).")
            continue
        if not row:
            continue
        name, *texts = row
        try:
            values = tuple(float(value) for value in texts)
        except ValueError:
            values = ()
        if len(values) != 4 or not all(math.isfinite(v) and 0.0 <= v <= 1.0 for v in values):
            raise DatasetError(f"{_RULE} Received: {','.join(row)!r} ({where}).")
        if min(values[2:]) <= 0.0:
            raise DatasetError(
                f"A box's width and height are above 0. Received: {','.join(row)!r} ({where})."
            )
        if name in boxes:
            raise DatasetError(f"A box file names each image once. Received: {name!r} ({where}).")
        boxes[name] = (values[0], values[1], values[2], values[3])
    if not reader.line_num:
        raise DatasetError(f"{_RULE} Received: {csv_file.name}, which is empty.")
    return boxes
