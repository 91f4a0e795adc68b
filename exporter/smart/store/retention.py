"""Deletes records by age, a few thousand at a time so that nobody waits long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from smart.errors import ConfigError
from smart.store.database import writing
from smart.store.usage import LAST_SIGN, months_before

DEFAULT_MONTHS = 13
SESSION_DAYS = 30
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of record: its table, and the expression that says how old a record is."""

    age: str
    by_client: bool = True
    day: bool = False  # the expression is a date YYYY-MM-DD
    also: str = ""  # a statement run before the deletion, with its parameters


# An account is as old as the last sign of its user; its card goes with it.
KINDS: Mapping[str, _Kind] = {
    "user_hour": _Kind("hour"),
    "search_event": _Kind("time"),
    "rejection": _Kind("time"),
    "session": _Kind("reported_at"),
    "user_account": _Kind(
        LAST_SIGN,
        also="DELETE FROM user_card WHERE client_id = :client AND (login, domain) IN "  # noqa: S608
        f"(SELECT login, domain FROM user_account WHERE client_id = :client AND {LAST_SIGN} <= :newest)",
    ),
    "kassist_day": _Kind("day", day=True),
    "operup_file": _Kind("last_seen"),
    "db_error": _Kind("last_seen"),
    "component_version": _Kind("last_seen"),
    "report": _Kind("created"),
    "rejected_file": _Kind("received"),
    "online_search_event": _Kind("time"),
    "online_check_error": _Kind("time"),
    "asrp_event": _Kind("time"),
    "alert_event": _Kind("starts_at", by_client=False),
}


def delete_old(
    engine: Engine, now: int, months: Mapping[str, int] | None = None, stopped: Callable[[], bool] = lambda: False
) -> dict[str, int]:
    """Deletes what is older than `months` says for its kind (default 13, sessions 30 days); counts by kind.

    Ends early, between two transactions, once `stopped` says so. Raises ConfigError for a kind that does not exist.
    """
    months = months or {}
    unknown = sorted(set(months) - set(KINDS))
    if unknown:
        raise ConfigError(f"retention: {', '.join(unknown)}: no such kind of record (there are {', '.join(KINDS)})")
    with engine.connect() as connection:
        clients = list(connection.execute(sa.text("SELECT id FROM client ORDER BY id")).scalars())
    deleted = {}
    for name, kind in KINDS.items():
        cutoff = _cutoff(name, now, months)
        limit = datetime.fromtimestamp(cutoff, UTC).date().isoformat() if kind.day else cutoff
        owners = clients if kind.by_client else [0]
        deleted[name] = sum(_delete(engine, name, kind, owner, limit, stopped) for owner in owners)
    return deleted


def _cutoff(name: str, now: int, months: Mapping[str, int]) -> int:
    if name == "session" and name not in months:
        return now - SESSION_DAYS * 86_400
    return months_before(now, months.get(name, DEFAULT_MONTHS))


def _delete(
    engine: Engine, name: str, kind: _Kind, client_id: int, limit: int | str, stopped: Callable[[], bool]
) -> int:
    deleted = 0
    while not stopped():
        with engine.connect() as connection:  # a look without a lock: mostly there is nothing to do
            newest = _newest_of_chunk(connection, name, kind, client_id, limit)
        if newest is None:
            return deleted
        parameters = {"client": client_id, "newest": newest}
        with writing(engine) as connection:
            if kind.also:
                connection.execute(sa.text(kind.also), parameters)
            where = f"{_owner(kind)} AND {kind.age} <= :newest"
            statement = sa.text(f"DELETE FROM {name} WHERE {where}")  # noqa: S608
            deleted += connection.execute(statement, parameters).rowcount
    return deleted


def _newest_of_chunk(connection: Connection, name: str, kind: _Kind, client_id: int, limit: int | str) -> Any:
    """The age up to which to delete next, so that a chunk is cut between two ages; None when nothing is too old."""
    statement = f"""
        SELECT max(age) FROM (SELECT {kind.age} AS age FROM {name}
            WHERE {_owner(kind)} AND {kind.age} < :limit ORDER BY 1 LIMIT {_CHUNK}) AS chunk
    """  # noqa: S608
    return connection.execute(sa.text(statement), {"client": client_id, "limit": limit}).scalar()


def _owner(kind: _Kind) -> str:
    return "client_id = :client" if kind.by_client else ":client = 0"
