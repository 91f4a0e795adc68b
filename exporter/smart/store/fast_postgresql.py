"""PostgreSQL's fast road: COPY into temporary tables, then one INSERT ... ON CONFLICT per kind of record.

The rows travel as CSV with control characters for marks. XML cannot hold those, so nearly always nothing needs
quoting and a batch is formatted by C code; a batch found to hold one, or a line break, is quoted field by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy.engine import Connection

from smart.store.roads import BULK_KINDS, BULK_STAGES, SMALL_STAGES, Parcel, columns_of, create_stage
from smart.store.tables import USER_COUNTERS
from smart.sysinfo.report import Records

_FIELD, _QUOTE, _NULL = "\x1f", "\x02", "\x03"
_FORBIDDEN = ("\0", "\r", _QUOTE)
_COPY = f"FROM STDIN (FORMAT csv, DELIMITER '{_FIELD}', QUOTE '{_QUOTE}', ESCAPE '{_QUOTE}', NULL '{_NULL}')"
_STAGES = SMALL_STAGES | BULK_STAGES
_TEMPLATES = {name: _FIELD.join(["%s"] * len(stage)) for name, stage in _STAGES.items()}


class PostgresqlRoad:
    """See FastRoad. The client's row is locked by the transaction, so nobody else writes records of this client."""

    def __init__(self, connection: Connection, parcel: Parcel) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101
        self._cursor = driver.cursor()
        self._parcel = parcel
        self._rows: dict[Records, int] = {}
        if self._cursor.execute("SELECT to_regclass('pg_temp.stage_user')").fetchone() == (None,):
            for name, stage in _STAGES.items():
                self._cursor.execute(create_stage(name, stage, "ON COMMIT DELETE ROWS"))

    def bulk(self, kind: Records, rows: Sequence[tuple[Any, ...]]) -> None:
        if kind is Records.SEARCHES and not self._parcel.keep_query_text:
            rows = [(*row[:-1], "") for row in rows]
        self.stage(BULK_KINDS[kind], rows)
        self._rows[kind] = self._rows.get(kind, 0) + len(rows)

    def stage(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._cursor.copy(f"COPY {name} {_COPY}") as copy:
            copy.write(to_csv(_TEMPLATES[name], rows))

    def arrive(self) -> dict[Records, int]:
        new = {}
        for kind in self._rows:
            self._cursor.execute(f"ANALYZE {BULK_KINDS[kind]}")
            self._cursor.execute(_merge(kind, self._parcel))
            new[kind] = self._cursor.rowcount
        return new


def to_csv(template: str, rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows as COPY reads them. NUL and our own marks, which no XML can hold, become U+FFFD, lone surrogates `?`."""
    lines = [template % row if None not in row else template % tuple(map(_or_null, row)) for row in rows]
    text = "\n".join(lines)
    fields = template.count(_FIELD)
    whole = text.count("\n") == len(rows) - 1 and text.count(_FIELD) == fields * len(rows)
    whole &= text.count(_NULL) == sum([row.count(None) for row in rows])
    if not whole or any(mark in text for mark in _FORBIDDEN):
        text = "\n".join([_FIELD.join(map(_quoted, row)) for row in rows])
    return text.encode("utf-8", "replace") + b"\n"


def _or_null(value: Any) -> Any:
    return _NULL if value is None else value


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return str(_or_null(value))
    return f"{_QUOTE}{value.replace(chr(0), chr(0xFFFD)).replace(_QUOTE, chr(0xFFFD))}{_QUOTE}"


def _merge(kind: Records, parcel: Parcel) -> str:
    """What is known is sorted out by a join first: ON CONFLICT DO UPDATE would lock and so rewrite such rows."""
    columns = columns_of(BULK_STAGES[BULK_KINDS[kind]])
    listed = ", ".join(columns)
    if kind is not Records.ACTIVITY:
        table = "search_event" if kind is Records.SEARCHES else "rejection"
        return (
            f"INSERT INTO {table} (client_id, {listed}, stored_at) "  # noqa: S608
            f"SELECT {parcel.client_id:d}, {listed}, {parcel.received:d} FROM {BULK_KINDS[kind]} ON CONFLICT DO NOTHING"
        )
    most = ", ".join(f"max({name}) AS {name}" for name in USER_COUNTERS)
    news = ", ".join(f"new.{name}" for name in columns)
    grown = ", ".join(f"{name} = greatest(user_hour.{name}, excluded.{name})" for name in USER_COUNTERS)
    larger = " OR ".join(f"new.{name} > known.{name}" for name in USER_COUNTERS)
    return f"""
        INSERT INTO user_hour (client_id, {listed})
        SELECT {parcel.client_id:d}, {news}
        FROM (SELECT hour, login, domain, {most} FROM stage_activity GROUP BY hour, login, domain) AS new
        LEFT JOIN user_hour AS known ON known.client_id = {parcel.client_id:d} AND known.hour = new.hour
            AND known.login = new.login AND known.domain = new.domain
        WHERE known.hour IS NULL OR {larger}
        ON CONFLICT (client_id, hour, login, domain) DO UPDATE SET {grown}
    """  # noqa: S608
