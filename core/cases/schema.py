"""The tables of the case log and their version."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION: Final = 1
VERSION_NAME: Final = "case_log"


class Utc(TypeDecorator[datetime]):
    """A time that is aware of its zone on both sides; SQLite stores it without one, in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a time into UTC on its way in."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give a time from the database its zone."""
        if value is None:
            return None
        read: datetime = value
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


METADATA: Final = MetaData()

VERSIONS: Final = Table(
    "glialens_versions",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("version", Integer, nullable=False),
)

CASES: Final = Table(
    "glialens_cases",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created", Utc, nullable=False, index=True),
    Column("model", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("probabilities", JSON, nullable=False),
    Column("predicted", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("in_domain", Boolean, nullable=True),
    Column("prediction_set", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("pixel_digest", String(64), nullable=False, index=True),
    Column("thumbnail", LargeBinary, nullable=True),
    Column("verdict", Text, nullable=True),
    Column("note", Text, nullable=False),
    Column("judged", Utc, nullable=True),
    # Without it SQLite would give a deleted case's id to the next one.
    sqlite_autoincrement=True,
)
