"""Records of one shard and one model as a Parquet file, and back, without losing a digit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.engines.scoring import Record
from core.errors import OutputError
from core.files import replacing

_PREFIX = "p_"


def write_records(path: Path, records: Sequence[Record], labels: Sequence[str]) -> None:
    """Write records whole or not at all.

    Columns: `file, slice, model, predicted, confidence, p_<label>…, prediction_set, accepted,
    in_domain, warnings, error`; an error's row has `file` and `error` alone.

    Args:
        path: Where to write.
        records: One record per item of the shard, in order.
        labels: The model's class keys in output order.

    Raises:
        OutputError: If the file can't be written.
    """
    texts = pa.list_(pa.string())
    schema = pa.schema(
        [
            pa.field("file", pa.string(), nullable=False),
            ("slice", pa.int64()),
            ("model", pa.string()),
            ("predicted", pa.string()),
            ("confidence", pa.float64()),
            *((f"{_PREFIX}{label}", pa.float64()) for label in labels),
            ("prediction_set", texts),
            ("accepted", pa.bool_()),
            ("in_domain", pa.bool_()),
            ("warnings", texts),
            ("error", pa.string()),
        ]
    )
    rows = [_flat(record, labels) for record in records]
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary, compression="zstd")


def read_records(path: Path) -> list[Record]:
    """Read what `write_records` wrote.

    Returns:
        The same records, in order.

    Raises:
        OutputError: If the file is missing or damaged.
    """
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(
            "A finished shard must be readable here; delete a damaged one to score it again. "
            f"Received: {path.name}, {type(error).__name__}."
        ) from error
    return [_nested(row) for row in table.to_pylist()]


def _flat(record: Record, labels: Sequence[str]) -> dict[str, Any]:
    row = dict(record)
    probabilities = row.pop("probabilities", {})
    return {**row, **{f"{_PREFIX}{label}": probabilities.get(label) for label in labels}}


def _nested(row: dict[str, Any]) -> Record:
    if row["error"] is not None:
        return {"file": row["file"], "error": row["error"]}
    return {
        "file": row["file"],
        "slice": row["slice"],
        "model": row["model"],
        "predicted": row["predicted"],
        "confidence": row["confidence"],
        "probabilities": {
            key.removeprefix(_PREFIX): value
            for key, value in row.items()
            if key.startswith(_PREFIX)
        },
        "prediction_set": row["prediction_set"],
        "accepted": row["accepted"],
        "in_domain": row["in_domain"],
        "warnings": row["warnings"],
    }
