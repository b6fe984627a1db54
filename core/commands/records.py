"""The records of `predict`, and the three ways to print them."""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from core.commands.outputs import columns
from core.engines.scoring import Record
from core.labels import describe

FORMATS: Final = ("table", "jsonl", "csv")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Writer(Protocol):
    """Takes records one by one and is closed at the end."""

    def write(self, record: Record) -> None:
        """Take one record."""

    def close(self) -> None:
        """Print what was held back."""


class JsonLines:
    """One JSON object a line, printed at once."""

    def write(self, record: Record) -> None:
        """Print one record."""
        print(json.dumps(record, ensure_ascii=False, allow_nan=False))

    def close(self) -> None:
        """Nothing is held back."""


class Csv:
    """One row a record, with a column `p_<label>` for each probability.

    Args:
        labels: Class keys of all models.
        explained: Whether records name `overlay` and `cam`.
    """

    def __init__(self, labels: Sequence[str], explained: bool) -> None:
        self._labels = tuple(labels)
        fields = ["file", "slice", "model", "predicted", "confidence"]
        fields += [f"p_{label}" for label in labels]
        fields += ["prediction_set", "accepted", "in_domain", "warnings"]
        fields += ["overlay", "cam"] if explained else []
        self._writer = csv.DictWriter(
            sys.stdout, [*fields, "error"], restval="", lineterminator="\n"
        )
        self._writer.writeheader()

    def write(self, record: Record) -> None:
        """Print one record."""
        row = dict(record)
        probabilities = row.pop("probabilities", {})
        row.update({f"p_{label}": probabilities.get(label, "") for label in self._labels})
        for key, separator in (("prediction_set", " "), ("warnings", " ")):
            row[key] = separator.join(row.get(key, ()))
        for key in ("accepted", "in_domain"):
            row[key] = {True: "true", False: "false"}.get(row.get(key), "")  # type: ignore[arg-type]
        # A spreadsheet would run a name that begins like a formula.
        if row["file"].startswith(_FORMULA):
            row["file"] = "'" + row["file"]
        self._writer.writerow(row)

    def close(self) -> None:
        """Nothing is held back."""


class Table:
    """Aligned columns for a person, printed at the end because the widths depend on all rows."""

    _HEAD: Final = ["file", "slice", "model", "answer", "confidence", "accepted", "remarks"]

    def __init__(self) -> None:
        self._rows = [list(self._HEAD)]

    def write(self, record: Record) -> None:
        """Keep one record."""
        if "error" in record:
            self._rows.append([record["file"], "", "", "not read", "", "", record["error"]])
            return
        known = record["in_domain"] is not False
        others = [describe(key).name for key in record["prediction_set"][1:]]
        remarks = [*record["warnings"], *([f"Possible too: {', '.join(others)}."] * bool(others))]
        self._rows.append(
            [
                record["file"],
                str(record["slice"]),
                record["model"],
                describe(record["predicted"]).name if known else "no answer",
                f"{record['confidence']:.1%}" if known else "",
                "yes" if record["accepted"] else "no",
                " ".join(remarks),
            ]
        )

    def close(self) -> None:
        """Print the table."""
        print("\n".join(columns(self._rows, right=(1, 4))))


def open_writer(form: str, labels: Sequence[str], explained: bool) -> Writer:
    """Return the writer of a format.

    Args:
        form: One of `FORMATS`.
        labels: Class keys of all models, for the columns of `csv`.
        explained: Whether records name `overlay` and `cam`.
    """
    makers: dict[str, Callable[[], Writer]] = {
        "table": Table,
        "jsonl": JsonLines,
        "csv": lambda: Csv(labels, explained),
    }
    return makers[form]()
