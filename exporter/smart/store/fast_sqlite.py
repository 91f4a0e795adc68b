"""SQLite's fast road: statements of many rows on the driver's own cursor, straight into the tables.

The records are bound as the parser made them: what is the same in all rows stands in the statement as a number. A
statement a row (executemany) takes a third longer: the driver's work between two rows is as much as that on a row.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from smart.store.database import storable
from smart.store.roads import BULK_KINDS, BULK_STAGES, SMALL_STAGES, Parcel, columns_of, create_stage
from smart.store.tables import USER_COUNTERS
from smart.sysinfo.report import Records

ROWS_AT_ONCE = 500  # of 11 values; SQLite takes 32,766 of these, and more rows are not quicker


class _Insert(NamedTuple):
    """A statement in two sizes."""

    many: str  # takes ROWS_AT_ONCE rows, one after another in one sequence
    one: str


class SqliteRoad:
    """See FastRoad. The keys of a report come in runs, so rows go into the tables one by one without a sort."""

    def __init__(self, connection: Connection, parcel: Parcel) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._driver = driver
        self._cursor = driver.cursor()
        self._new: Counter[Records] = Counter()
        self._statements = {kind: _insert(kind, parcel) for kind in BULK_KINDS}
        for name, stage in SMALL_STAGES.items():
            self._cursor.execute(create_stage(name, stage))
            self._cursor.execute(f"DELETE FROM {name}")  # noqa: S608

    def bulk(self, kind: Records, rows: Sequence[tuple[Any, ...]]) -> None:
        before = self._driver.total_changes
        self._insert(self._statements[kind], rows)
        self._new[kind] += self._driver.total_changes - before

    def stage(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(SMALL_STAGES[name]))
        self._cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", [tuple(map(storable, row)) for row in rows])  # noqa: S608

    def arrive(self) -> dict[Records, int]:
        return dict(self._new)

    def _insert(self, statement: _Insert, rows: Sequence[tuple[Any, ...]]) -> None:
        rest = len(rows) - len(rows) % ROWS_AT_ONCE
        try:
            for start in range(0, rest, ROWS_AT_ONCE):
                values = list(chain.from_iterable(rows[start : start + ROWS_AT_ONCE]))
                self._cursor.execute(statement.many, values)
            self._cursor.executemany(statement.one, rows[rest:])
        except UnicodeEncodeError:  # a lone surrogate: no XML can hold one; what went in before it is met again
            self._cursor.executemany(statement.one, [tuple(map(storable, row)) for row in rows])


def _insert(kind: Records, parcel: Parcel) -> _Insert:
    stage = BULK_STAGES[BULK_KINDS[kind]]
    columns = ", ".join(columns_of(stage))
    marks = ["?"] * len(stage)
    head = f"{parcel.client_id:d}, "
    if kind is Records.ACTIVITY:
        grown = ", ".join(f"{name} = max({name}, excluded.{name})" for name in USER_COUNTERS)
        larger = " OR ".join(f"excluded.{name} > {name}" for name in USER_COUNTERS)
        return _sized(
            f"INSERT INTO user_hour (client_id, {columns}) VALUES ",  # noqa: S608
            f"({head}{', '.join(marks)})",
            f" ON CONFLICT (client_id, hour, login, domain) DO UPDATE SET {grown} WHERE {larger}",
        )
    table = "search_event" if kind is Records.SEARCHES else "rejection"
    if kind is Records.SEARCHES and not parcel.keep_query_text:
        marks[-1] = "substr(?, 1, 0)"
    return _sized(
        f"INSERT INTO {table} (client_id, {columns}, stored_at) VALUES ",  # noqa: S608
        f"({head}{', '.join(marks)}, {parcel.received:d})",
        " ON CONFLICT DO NOTHING",
    )


def _sized(head: str, row: str, tail: str) -> _Insert:
    return _Insert(head + ", ".join([row] * ROWS_AT_ONCE) + tail, head + row + tail)
