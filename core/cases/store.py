"""Saving, listing, judging and deleting cases."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.exc import OperationalError

from core.cases.agreement import Agreement, count_agreement
from core.cases.engine import guarded, open_engine
from core.cases.records import (
    FIELDS,
    UNSURE,
    Case,
    Filters,
    Page,
    check_verdict,
    clean_note,
    thumbnail,
)
from core.cases.schema import CASES
from core.data.phantom import SYNTHETIC
from core.errors import CaseLogError
from core.settings import PROJECT_ROOT, Settings, get_settings
from core.types import BURNED_IN, Prediction, Slice

DEFAULT_FILE: Final = PROJECT_ROOT / "glialens.db"
MAX_LIMIT: Final = 500
_EVERYTHING: Final = Filters()


class CaseLog:
    """The log of one database; safe to share between threads.

    Args:
        url: SQLAlchemy URL.

    Raises:
        CaseLogError: If the database can't be opened, is broken or of another version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self.backend = self._engine.dialect.name

    def add(
        self,
        prediction: Prediction,
        slice_: Slice,
        *,
        model_version: str = "",
        weights_sha256: str = "",
        overlay_png: bytes | None = None,
        verdict: str | None = None,
        note: str = "",
    ) -> Case:
        """Save an answer. Of the slice the digest of its pixels is kept, never its name.

        Args:
            prediction: What the model says.
            slice_: What it says it of.
            model_version: `Card.version`.
            weights_sha256: `Card.sha256`.
            overlay_png: Picture to keep as a thumbnail, without its metadata; none is kept of
                a slice whose pixels may show who the patient is (`BURNED_IN`).
            verdict: The reader's class key, `OTHER` or `UNSURE`, if already given.
            note: The reader's note, at most 2,000 characters.

        Returns:
            The case as saved.

        Raises:
            CaseLogError: If an argument breaks its rule, or the database refuses.
        """
        check_verdict(verdict, prediction.labels)
        if not np.isfinite(prediction.probabilities).all():
            raise CaseLogError("A case's probabilities are finite. Received: NaN or infinity.")
        synthetic = (SYNTHETIC,) if SYNTHETIC in slice_.notes else ()
        record, bare = prediction.to_record(), BURNED_IN in slice_.notes
        now = datetime.now(UTC)
        values = {
            "created": now,
            "model": prediction.model,
            "model_version": model_version,
            "weights_sha256": weights_sha256,
            "probabilities": record["probabilities"],
            "predicted": prediction.predicted,
            "confidence": prediction.confidence,
            "threshold": prediction.threshold,
            "accepted": prediction.accepted,
            "in_domain": prediction.in_domain,
            "prediction_set": record["prediction_set"],
            "warnings": list(dict.fromkeys((*synthetic, *prediction.warnings))),
            "pixel_digest": slice_.sha256,
            "thumbnail": None if bare or overlay_png is None else thumbnail(overlay_png),
            "verdict": verdict,
            "note": clean_note(note),
            "judged": None if verdict is None else now,
        }
        with guarded(self.backend), self._engine.begin() as connection:
            key = connection.execute(insert(CASES).values(values)).inserted_primary_key
        return self.get(int(key[0]) if key else 0)

    def get(self, case_id: int) -> Case:
        """Return one case with its thumbnail.

        Raises:
            CaseLogError: If there is none of that id.
        """
        query = select(CASES).where(CASES.c.id == case_id)
        with guarded(self.backend), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise CaseLogError(f"A case is named by an id in the log. Received: {case_id}.")
        return _case(row)

    def list(self, filters: Filters = _EVERYTHING, *, limit: int = 50, offset: int = 0) -> Page:
        """Return a page of cases, newest first, with their thumbnails.

        Args:
            filters: Which cases.
            limit: Most cases to return, 1 to 500.
            offset: How many of the newest to skip.

        Raises:
            CaseLogError: If `limit` or `offset` lies outside its range.
        """
        if not 1 <= limit <= MAX_LIMIT or offset < 0:
            raise CaseLogError(
                f"A page has 1 to {MAX_LIMIT} cases and starts at 0 or later. "
                f"Received: {limit} from {offset}."
            )
        where = _where(filters)
        query = select(CASES).where(where).order_by(*_NEWEST).limit(limit).offset(offset)
        with guarded(self.backend), self._engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(CASES).where(where))
            count = int(total.scalar_one())
            rows = connection.execute(query).all()
        return Page(tuple(map(_case, rows)), count)

    def every(self, filters: Filters = _EVERYTHING) -> Iterator[Case]:
        """Yield all cases, newest first, without thumbnails; for exports and statistics."""
        columns = [CASES.c[name] for name in FIELDS]
        query = select(*columns).where(_where(filters)).order_by(*_NEWEST)
        with guarded(self.backend), self._engine.connect() as connection:
            yield from map(_case, connection.execute(query).all())

    def models(self) -> tuple[str, ...]:
        """Return the names of the models that have a case, sorted."""
        query = select(CASES.c.model).distinct().order_by(CASES.c.model)
        with guarded(self.backend), self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def update_verdict(self, case_id: int, verdict: str | None, note: str = "") -> Case:
        """Set the reader's verdict and note; None takes the verdict back.

        Raises:
            CaseLogError: If there is no such case, or an argument breaks its rule.
        """
        check_verdict(verdict, tuple(self.get(case_id).probabilities))
        judged = None if verdict is None else datetime.now(UTC)
        values = {"verdict": verdict, "note": clean_note(note), "judged": judged}
        with guarded(self.backend), self._engine.begin() as connection:
            connection.execute(update(CASES).where(CASES.c.id == case_id).values(values))
        return self.get(case_id)

    def delete(self, case_ids: Sequence[int]) -> int:
        """Delete cases for good and return how many there were; see `purge`.

        Raises:
            CaseLogError: If the database refuses, or bytes of the cases may remain.
        """
        return self._delete(CASES.c.id.in_(list(case_ids)))

    def clear(self) -> int:
        """Delete every case for good and return how many there were; see `purge`."""
        return self._delete(true())

    def purge(self) -> None:
        """Remove the bytes of deleted cases from the database's files.

        SQLite overwrites deleted content; the file is then rebuilt and the journal emptied.
        PostgreSQL rewrites the table. Backups and the server's own logs are beyond reach.

        Raises:
            CaseLogError: If another program holds the database, so that bytes may remain.
        """
        with guarded(self.backend), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            if self.backend == "postgresql":
                connection.execute(text(f"VACUUM FULL {CASES.name}"))
            elif self.backend == "sqlite" and not _rebuilt(connection):
                raise CaseLogError(
                    "Deleted bytes leave the file once no other program reads it. Received: a "
                    "case log in use; the cases are deleted, but purge it again."
                )

    def agreement(self, filters: Filters = _EVERYTHING) -> Agreement:
        """Count how often the reader and the model agree; see `Agreement`."""
        return count_agreement(self.every(filters))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _delete(self, where: ColumnElement[bool]) -> int:
        with guarded(self.backend), self._engine.begin() as connection:
            count = int(connection.execute(delete(CASES).where(where)).rowcount)
        if count:
            self.purge()
        return count


def open_case_log(settings: Settings | None = None) -> CaseLog:
    """Open the case log of the settings.

    Args:
        settings: Those of this process by default.

    Raises:
        CaseLogError: If the log is off, or its database can't be opened.
    """
    settings = settings or get_settings()
    if not settings.case_log:
        raise CaseLogError(
            "The case log is off until GLIALENS_CASE_LOG=true switches it on. Received: off."
        )
    return CaseLog(settings.database_url or f"sqlite:///{DEFAULT_FILE}")


_NEWEST: Final = (CASES.c.created.desc(), CASES.c.id.desc())


def _rebuilt(connection: Connection) -> bool:
    """Rebuild an SQLite file and empty its journal; False where another program is in the way."""
    try:
        connection.execute(text("VACUUM"))
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_BUSY":
            raise
        return False
    busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
    return not busy


def _case(row: Row[Any]) -> Case:
    values = dict(row._mapping)
    for name in ("prediction_set", "warnings"):
        values[name] = tuple(values[name])
    return Case(**values)


def _where(filters: Filters) -> ColumnElement[bool]:
    columns = CASES.c
    parts: list[ColumnElement[bool]] = []
    for name in ("model", "predicted", "verdict", "accepted", "pixel_digest"):
        value = getattr(filters, name)
        if value is not None:
            parts.append(columns[name] == value)
    if filters.judged is not None:
        parts.append(columns.verdict.is_not(None) == filters.judged)
    if filters.agrees is not None:
        same = columns.verdict == columns.predicted
        differs = and_(columns.verdict != columns.predicted, columns.verdict != UNSURE)
        parts.append(same if filters.agrees else differs)
    if filters.since is not None:
        parts.append(columns.created >= filters.since)
    if filters.until is not None:
        parts.append(columns.created <= filters.until)
    return and_(true(), *parts)
