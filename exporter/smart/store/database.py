"""The two databases: addresses, engines, transactions, and errors that never show a password."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from smart.errors import StoreError

SQLITE_OLDEST = (3, 39)  # IS DISTINCT FROM
BUSY_SECONDS = 60
BUSY_TRIES = 10  # a queue of large reports may be longer than one wait
WRITE = "smart_write"  # execution option: this transaction will write


def parse_url(text: str) -> URL:
    """The address of a store; `postgresql://` means the psycopg driver. Raises StoreError, which shows no password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("the address of the store is not an SQLAlchemy URL such as sqlite:///smart.db") from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise StoreError(f"{url.drivername}: the store is kept in sqlite or postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise StoreError("sqlite: a file is needed, several processes share the store (sqlite:///smart.db)")
        if sqlite3.sqlite_version_info < SQLITE_OLDEST:
            raise StoreError(f"sqlite {sqlite3.sqlite_version} is too old, at least 3.39 is needed")
    return url


def describe(url: URL) -> str:
    """The address as texts may show it: no password, and no options, which could hold one too."""
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def unavailable_is_store_error(url: URL) -> Iterator[None]:
    """Turns what the outside world does to a database (gone, full, locked) into StoreError; defects pass as they are.

    The cause is not chained: a driver's error may carry its connection string.
    """
    try:
        yield
    except _unavailable() as error:
        if _is_lasting(error):
            raise
        raise StoreError(f"{describe(url)}: {_reason(url, error)}") from None
    except DBAPIError as error:
        broken = getattr(error.orig, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
        if not error.connection_invalidated and not broken:
            raise
        raise StoreError(f"{describe(url)}: {_reason(url, error)}") from None


def _unavailable() -> tuple[type[Exception], ...]:
    """What drivers raise while a database cannot be used. psycopg, 15 MB, is there only where PostgreSQL is used."""
    driver = sys.modules.get("psycopg")
    postgresql = (driver.OperationalError, driver.InterfaceError) if driver else ()
    return (OperationalError, sqlite3.OperationalError, *postgresql)


def _is_lasting(error: Exception) -> bool:
    """Would trying again meet the same? Both drivers file what a statement or its data are to blame for under
    operational errors too: PostgreSQL what exceeds its limits (54…), SQLite an overflow and whatever it has no name
    for. A table that is missing is no such case: somebody took the file away, and opening the store makes it anew.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return "no such table" not in str(cause)
    return (getattr(cause, "sqlstate", None) or "").startswith("54")


def _reason(url: URL, error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    secrets = [url.password, url.query.get("password"), url.query.get("sslpassword")]
    reason = lines[0]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            reason = reason.replace(secret, "<secret>")
    return reason


def make_engine(url: URL) -> Engine:
    """An engine whose transactions begin as the store needs them; connects to nothing yet."""
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(
            url,
            hide_parameters=True,  # errors go to the log, what people typed does not
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "application_name": "smart"},
        )
    directory = Path(url.database or "").parent
    if not directory.is_dir():
        raise StoreError(f"{describe(url)}: there is no directory {directory}")
    # isolation_level None: the driver begins nothing by itself, `_begin` does.
    engine = sa.create_engine(
        url, hide_parameters=True, connect_args={"isolation_level": None, "timeout": BUSY_SECONDS}
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """WAL lets readers go on beside the writer.

    synchronous FULL, not NORMAL: in WAL mode NORMAL may lose the last commits when the power fails, and the spool file
    of a report is deleted as soon as its commit returns.
    """
    for statement in (
        f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -8192",  # KiB: what one report touches; counts against the memory of a worker
        "PRAGMA wal_autocheckpoint = 16384",  # pages, 64 MiB: seldom within a report's commit
    ):
        connection.execute(statement)


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: a reader turned writer could not wait for it, SQLite refuses that."""
    if not connection.get_execution_options().get(WRITE, False):
        connection.exec_driver_sql("BEGIN")
        return
    for patience in reversed(range(BUSY_TRIES)):
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            if code is None or code & 0xFF != sqlite3.SQLITE_BUSY or not patience:
                raise


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes; committed at the end, rolled back on an exception."""
    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        yield connection


def storable(value: Any) -> Any:
    """A text as both databases take it: no NUL, no lone surrogate (neither can come from XML). Other values as is."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
