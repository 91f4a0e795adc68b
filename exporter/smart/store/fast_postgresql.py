"""PostgreSQL's fast road: COPY into temporary tables, then one statement per kind of record.

The rows travel as CSV with control characters for marks. XML cannot hold those, so nearly always nothing needs
quoting and a batch is formatted by C code; a batch found to hold one, or a line break, is quoted field by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
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


class PostgresqlRoad:
    """See FastRoad. The client's row is locked by the transaction, so nobody else writes records of this client."""

    def __init__(self, connection: Connection, parcel: Parcel) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        self._cursor = driver.cursor()
        self._parcel = parcel
        self._spans: dict[Records, tuple[int, int]] = {}  # earliest and latest instant of a kind
        if self._cursor.execute("SELECT to_regclass('pg_temp.stage_user')").fetchone() == (None,):
            for name, stage in _STAGES.items():
                self._cursor.execute(create_stage(name, stage, "ON COMMIT DELETE ROWS"))

    def bulk(self, kind: Records, rows: Sequence[tuple[Any, ...]]) -> None:
        if kind is Records.SEARCHES and not self._parcel.keep_query_text:
            rows = [(*row[:-1], "") for row in rows]
        self.stage(BULK_KINDS[kind], rows)
        instants = [row[0] for row in rows]
        first, last = self._spans.get(kind, (instants[0], instants[0]))
        self._spans[kind] = min(first, *instants), max(last, *instants)

    def stage(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._cursor.copy(f"COPY {name} {_COPY}") as copy:
            copy.write(to_csv(_STAGES[name], rows))

    def arrive(self) -> dict[Records, int]:
        # The stages have no statistics. A nested loop, were it chosen for a guess of few rows, could take minutes;
        # hash joins are right for whatever they hold.
        new: dict[Records, int] = {}
        self._cursor.execute("SET LOCAL enable_nestloop = off")
        for kind, span in self._spans.items():
            if kind is Records.ACTIVITY:
                row = self._cursor.execute(_merge_activity(self._parcel, span)).fetchone()
                new[kind] = int(row[0]) if row else 0
            else:
                new[kind] = self._insert_events(kind, span)
        self._cursor.execute("SET LOCAL enable_nestloop = on")
        return new

    def _insert_events(self, kind: Records, span: tuple[int, int]) -> int:
        """ON CONFLICT makes an insert nearly twice as slow and is needed only if a report names one record twice."""
        statement = _insert_events(kind, self._parcel, span)
        self._cursor.execute("SAVEPOINT bulk")
        try:
            self._cursor.execute(statement)
        except psycopg.errors.UniqueViolation:
            self._cursor.execute("ROLLBACK TO SAVEPOINT bulk")
            self._cursor.execute(f"{statement} ON CONFLICT DO NOTHING")
        inserted = self._cursor.rowcount
        self._cursor.execute("RELEASE SAVEPOINT bulk")
        return inserted


def to_csv(stage: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows as COPY reads them. NUL and our own marks, which no XML can hold, become U+FFFD, lone surrogates `?`."""
    nulls = 0
    plain: Sequence[tuple[Any, ...]] = rows
    for place, column in enumerate(stage):
        if column.endswith("?"):
            nulls += [row[place] for row in rows].count(None)
    if nulls:
        plain = [tuple(map(_or_null, row)) if None in row else row for row in rows]
    text = "\n".join([_FIELD.join(["%s"] * len(stage))] * len(rows)) % tuple(chain.from_iterable(plain))
    whole = text.count("\n") == len(rows) - 1 and text.count(_FIELD) == (len(stage) - 1) * len(rows)
    if not whole or text.count(_NULL) != nulls or any(mark in text for mark in _FORBIDDEN):
        text = "\n".join([_FIELD.join(map(_quoted, row)) for row in rows])
    return text.encode("utf-8", "replace") + b"\n"


def _or_null(value: Any) -> Any:
    return _NULL if value is None else value


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return str(_or_null(value))
    return f"{_QUOTE}{value.replace(chr(0), chr(0xFFFD)).replace(_QUOTE, chr(0xFFFD))}{_QUOTE}"


def _insert_events(kind: Records, parcel: Parcel, span: tuple[int, int]) -> str:
    """Searches or rejections that are not there yet; what is there is sorted out by a join over the report's span."""
    client, stage = parcel.client_id, BULK_KINDS[kind]
    columns = columns_of(BULK_STAGES[stage])
    table, key = ("search_event", "digest") if kind is Records.SEARCHES else ("rejection", "reason")
    return f"""
        INSERT INTO {table} (client_id, {", ".join(columns)}, stored_at)
        SELECT {client:d}, {", ".join(f"new.{name}" for name in columns)}, {parcel.received:d}
        FROM {stage} AS new WHERE NOT EXISTS (
            SELECT FROM {table} AS known WHERE known.client_id = {client:d}
                AND known.time BETWEEN {span[0]:d} AND {span[1]:d} AND known.time = new.time
                AND known.login = new.login AND known.{key} = new.{key})
    """  # noqa: S608


def _merge_activity(parcel: Parcel, span: tuple[int, int]) -> str:
    """Hours that are new are inserted, those that have grown updated, all others not touched; counts both."""
    columns = columns_of(BULK_STAGES["stage_activity"])
    of_known = f"""known.client_id = {parcel.client_id:d} AND known.hour BETWEEN {span[0]:d} AND {span[1]:d}
        AND known.hour = new.hour AND known.login = new.login AND known.domain = new.domain"""
    listed = ", ".join(columns)
    most = ", ".join(f"max({name}) AS {name}" for name in USER_COUNTERS)
    grown = ", ".join(f"{name} = greatest(known.{name}, new.{name})" for name in USER_COUNTERS)
    larger = " OR ".join(f"new.{name} > known.{name}" for name in USER_COUNTERS)
    return f"""
        WITH told AS (SELECT hour, login, domain, {most} FROM stage_activity GROUP BY hour, login, domain),
        news AS MATERIALIZED (
            SELECT new.*, known.hour IS NULL AS missing FROM told AS new LEFT JOIN user_hour AS known ON {of_known}
            WHERE known.hour IS NULL OR {larger}),
        updated AS (
            UPDATE user_hour AS known SET {grown} FROM news AS new WHERE {of_known} AND NOT new.missing RETURNING 1),
        inserted AS (
            INSERT INTO user_hour (client_id, {listed})
            SELECT {parcel.client_id:d}, {listed} FROM news WHERE missing RETURNING 1)
        SELECT (SELECT count(*) FROM updated) + (SELECT count(*) FROM inserted)
    """  # noqa: S608
