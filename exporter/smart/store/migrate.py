"""Brings the schema of a store up to this version; safe when several processes do so at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from smart.errors import StoreError
from smart.store.database import writing

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).with_name("migrations")
HEAD = "0001"  # the newest revision, named here so that only a store to be changed costs the import of Alembic
_ADVISORY_LOCK = 0x534D415254  # "SMART"


def migrate(engine: Engine, revision: str = "head") -> None:
    """Makes or changes the tables so that they are those of `revision`.

    Raises StoreError when the store was written by a newer version, whose schema this one does not know.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    with _alone(engine), writing(engine) as connection:
        config = _config(connection)
        found = current_revision(connection)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise StoreError(
                f"the store has the schema {found}, which this version of SMART does not know: "
                "it was written by a newer version; install that one or restore a backup"
            )
        if revision == "head" or found is None:
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def current_revision(connection: Connection) -> str | None:
    """The revision the tables are at, None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def is_current(engine: Engine) -> bool:
    """Whether there is nothing to do, found out without any lock."""
    with engine.connect() as connection:
        return current_revision(connection) == HEAD


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Holds a lock between processes: a file beside an SQLite database, an advisory lock in PostgreSQL.

    SQLite's own lock does not do: turning WAL on needs the file for itself and does not wait for it.
    """
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("PRAGMA journal_mode = WAL")
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(_ADVISORY_LOCK)))
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_ADVISORY_LOCK)))
