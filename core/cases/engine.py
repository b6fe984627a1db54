"""Opening the database of the case log: the engine, SQLite's habits, tables and version."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from core.cases.schema import CASES, METADATA, SCHEMA_VERSION, VERSION_NAME, VERSIONS
from core.errors import CaseLogError

BUSY_MS: Final = 10_000
_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.02


@contextmanager
def guarded(backend: str) -> Iterator[None]:
    """Turn what a database raises into a `CaseLogError`, without the values it was given."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        reason = str(cause).strip().partition("\n")[0] or type(cause).__name__
        raise CaseLogError(
            "The case log must be a database that can be read and written. "
            f"Received: {backend}, {reason}."
        ) from error


def open_engine(text: str) -> Engine:
    """Open the database of a URL and bring its tables into being.

    Args:
        text: SQLAlchemy URL; an SQLite file is created with its folder, for its owner alone.

    Raises:
        CaseLogError: If the URL is none, its driver is missing, the database can't be opened
            or is broken, or its tables are of another version.
    """
    url = _parse(text)
    backend = url.get_backend_name()
    options: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": backend != "sqlite"}
    if backend == "sqlite":
        options["connect_args"] = {"timeout": BUSY_MS / 1000}
        if url.database in (None, "", ":memory:"):
            options["poolclass"] = StaticPool
            options["connect_args"]["check_same_thread"] = False
        else:
            _create_file(url)
    try:
        with guarded(backend):
            engine = create_engine(url, **options)
    except ImportError as error:
        raise CaseLogError(
            f"The case log needs the database's driver installed. Received: {backend}, "
            f"without {error.name}."
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    try:
        with guarded(backend):
            _create_tables(engine)
    except CaseLogError:
        engine.dispose()
        raise
    return engine


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError as error:
        # The text itself stays out of the message: it may hold a password.
        raise CaseLogError(
            "GLIALENS_DATABASE_URL is an SQLAlchemy URL such as sqlite:///cases.db. "
            "Received: another text."
        ) from error


def _create_file(url: URL) -> None:
    """Create the folder and the file first: SQLite itself would make it readable for all."""
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise CaseLogError(
            "The case log must be a database that can be read and written. "
            f"Received: {path.name}, {error.strerror}."
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    _use_wal(cursor)
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to the write-ahead log, after whoever writes to the file at this moment.

    SQLite's own timeout covers only a part of this: the switch turns a read lock into a write
    lock, where SQLite doesn't wait, since two programs that both did would wait for each other.
    """
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= deadline:
                raise
        time.sleep(_PAUSE_S)


def _create_tables(engine: Engine) -> None:
    names = set(inspect(engine).get_table_names())
    if CASES.name in names and VERSIONS.name not in names:
        raise CaseLogError(
            f"The case log's tables tell their version. Received: a table {CASES.name} "
            "of unknown origin."
        )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # The versions come first, so that a second program never sees cases without.
            METADATA.create_all(engine, tables=[VERSIONS])
            METADATA.create_all(engine, tables=[CASES])
            break
        except DBAPIError:
            # Two programs that start at once both try; the slower one finds the tables.
            if attempt == _ATTEMPTS:
                raise
    with engine.connect() as connection:
        version = _version(connection)
    if version is None:
        try:
            with engine.begin() as connection:
                connection.execute(
                    insert(VERSIONS).values(name=VERSION_NAME, version=SCHEMA_VERSION)
                )
        except IntegrityError:
            pass
        with engine.connect() as connection:
            version = _version(connection)
    if version != SCHEMA_VERSION:
        raise CaseLogError(
            f"This GliaLens reads version {SCHEMA_VERSION} of the case log. "
            f"Received: version {version}; update GliaLens or name another database."
        )


def _version(connection: Connection) -> int | None:
    query = select(VERSIONS.c.version).where(VERSIONS.c.name == VERSION_NAME)
    found: int | None = connection.execute(query).scalar()
    return found
