"""One report on its way into the store: a transaction that begins with the first record and ends with the report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from smart.checks.base import Sample, Usage
from smart.errors import StoreError
from smart.store import merges, parts
from smart.store.database import storable, writing
from smart.store.roads import BULK_KINDS, FastRoad, Parcel
from smart.store.state import Saved, samples_to_json
from smart.store.tables import client, report, snapshot
from smart.store.usage import KNOWN_MONTHS, months_before, read_usage
from smart.sysinfo.report import Records, Report

QUIET_SECONDS = 7 * 86_400  # after a client's first report nobody is a new user yet


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a report came."""

    client_id: int
    received: int
    digest: bytes
    size: int
    way: str
    keep_cards: bool | None  # None: as table client says
    keep_query_text: bool | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a report stands among those of its client."""

    effective: int  # min(created, received): a clock ahead is not the future
    received: int  # of the first time this file came: sent again, it is not fresh
    duplicate: bool
    newest: bool


class ReportWriter:
    """Takes the records of one report in batches, then the report itself. Made by Store.report_transaction."""

    def __init__(self, engine: Engine, delivery: Delivery) -> None:
        self._engine = engine
        self._delivery = delivery
        self._stack = ExitStack()
        self._opened: tuple[Connection, FastRoad] | None = None
        self._quiet = True
        self._keep_cards = False
        self._staged = dict.fromkeys(Records, 0)
        self._requests: dict[tuple[Any, ...], list[int]] = {}  # (login, domain) -> first and last hour with a request
        self._place: _Place | None = None
        self._new: dict[Records, int] = {}
        self.finished = False

    def add(self, kind: Records, rows: Sequence[tuple[Any, ...]]) -> None:
        """Stores records of one kind, in the column order of its NamedTuple. The first call begins the transaction."""
        assert self._place is None, "records come before usage and finish"
        if not rows:
            return
        road = self._open()[1]
        if kind in BULK_KINDS:
            road.bulk(kind, rows)
        elif kind is Records.USERS:
            road.stage("stage_user", [(*row[:4], int(row[4]), *row[5:]) for row in rows])
        elif kind is Records.SESSIONS:
            first = self._staged[kind]
            seats = [None if row[5] is None else int(row[5]) for row in rows]
            road.stage("stage_session", [(first + n, *row[:5], seats[n]) for n, row in enumerate(rows)])
        else:
            road.stage("stage_kassist", rows)
        if kind is Records.ACTIVITY:
            self._note_requests(rows)
        self._staged[kind] += len(rows)

    def usage(self, created: int, zone: tzinfo, service_login: str) -> Usage:
        """What people did up to `created`, the records just added included. No records may be added afterwards.

        A report from a clock that is ahead is better asked for the moment it was received.
        """
        self._settle(created)
        return read_usage(self._open()[0], self._delivery.client_id, created, zone, service_login)

    def finish(self, told: Report, samples: Iterable[Sample], month: str) -> Saved:
        """Stores the report itself and, when it is the client's newest, what it makes visible.

        `month`, YYYY-MM in the client's zone, is the one its monthly samples belong to. A file handed in again is a
        duplicate: only the time of its last receipt changes.
        """
        place = self._settle(told.created)
        connection = self._open()[0]
        version = 0
        if place.duplicate:
            self._receive_again(connection, told.created)
        else:
            self._insert_report(connection, told)
        parts.store_parts(connection, self._delivery.client_id, told, place.effective, place.newest)
        if place.newest:
            self._replace_snapshot(connection, place, told.created, samples_to_json(samples), month)
        if place.newest or not place.duplicate or any(self._new.values()):
            version = parts.raise_version(connection, self._delivery.client_id)
        self.finished = True
        return Saved(self._new, place.newest, place.duplicate, version)

    def close(self, error: BaseException | None) -> None:
        """Commits, or with an error rolls back."""
        if error is None:
            self._stack.close()
        else:
            self._stack.__exit__(type(error), error, error.__traceback__)

    def _open(self) -> tuple[Connection, FastRoad]:
        if self._opened is None:
            delivery = self._delivery
            connection = self._stack.enter_context(writing(self._engine))
            # Reports of one client follow one another: this row is their lock (in SQLite all writers wait).
            columns = client.c.first_report_at, client.c.keep_cards, client.c.keep_query_text
            query = sa.select(*columns).where(client.c.id == delivery.client_id)
            row = connection.execute(query.with_for_update(key_share=True)).one_or_none()
            if row is None:
                raise StoreError(f"the store knows no client with the number {delivery.client_id}")
            first = row.first_report_at
            self._quiet = first is None or delivery.received < first + QUIET_SECONDS
            self._keep_cards = row.keep_cards if delivery.keep_cards is None else delivery.keep_cards
            keep_text = row.keep_query_text if delivery.keep_query_text is None else delivery.keep_query_text
            parcel = Parcel(delivery.client_id, delivery.received, keep_text)
            self._opened = connection, _road(connection, parcel)
        return self._opened

    def _note_requests(self, rows: Sequence[tuple[Any, ...]]) -> None:
        noted = self._requests
        for row in rows:
            if row[3]:
                hour, login, domain = row[:3]
                span = noted.get((login, domain))
                if span is None:
                    noted[login, domain] = [hour, hour]
                elif hour > span[1]:
                    span[1] = hour
                elif hour < span[0]:
                    span[0] = hour

    def _settle(self, created: int) -> _Place:
        """Brings all records into their tables, once: usage and the report's row need them there."""
        if self._place is None:
            connection, road = self._open()
            place = self._find_place(connection, created)
            staged = self._staged
            parameters = {
                "client": self._delivery.client_id,
                "moment": place.effective,
                "received": self._delivery.received,
                "newest": place.newest,
                "quiet": self._quiet,
                "oldest": months_before(place.effective, KNOWN_MONTHS),
            }
            new = road.arrive()
            if self._requests:
                road.stage("stage_request", [(*who, *span) for who, span in self._requests.items()])
            new[Records.USERS] = merges.merge_users(connection, parameters, self._keep_cards, staged[Records.USERS] > 0)
            if self._requests:
                merges.merge_requests(connection, parameters)
            if staged[Records.SESSIONS] and not place.duplicate:
                new[Records.SESSIONS] = merges.merge_sessions(connection, parameters)
            if staged[Records.KASSIST]:
                new[Records.KASSIST] = merges.merge_kassist(connection, parameters)
            self._new = {kind: new.get(kind, 0) for kind in Records}
            self._place = place
        return self._place

    def _find_place(self, connection: Connection, created: int) -> _Place:
        """`created` may be the effective moment, which is earlier: the digest alone says whether a file is the same."""
        delivery = self._delivery
        same = sa.select(report.c.received).where(
            report.c.client_id == delivery.client_id, report.c.created >= created, report.c.digest == delivery.digest
        )
        first_received = connection.execute(same).scalar()
        received = delivery.received if first_received is None else first_received
        shown = connection.execute(
            sa.select(snapshot.c.effective, snapshot.c.received).where(snapshot.c.client_id == delivery.client_id)
        ).one_or_none()
        effective = min(created, received)
        duplicate = first_received is not None
        # Of two in one second the later one wins: reports of a client are stored in the order they came.
        newest = shown is None or (effective, received, not duplicate) > (*shown, False)
        return _Place(effective, received, duplicate, newest)

    def _insert_report(self, connection: Connection, told: Report) -> None:
        delivery = self._delivery
        counts = {kind.value: [told.counts.get(kind, self._staged[kind]), self._new[kind]] for kind in Records}
        values = {
            "client_id": delivery.client_id,
            "created": told.created,
            "digest": delivery.digest,
            "received": delivery.received,
            "last_received": delivery.received,
            "size": delivery.size,
            "way": delivery.way,
            "module_version": storable(told.version),
            "protection_type": storable(told.protection.type) if told.protection else "",
            "counts": json.dumps(counts),
        }
        connection.execute(sa.insert(report).values(values))
        first = sa.update(client).where(client.c.id == delivery.client_id, client.c.first_report_at.is_(None))
        connection.execute(first.values(first_report_at=delivery.received))

    def _receive_again(self, connection: Connection, created: int) -> None:
        delivery = self._delivery
        connection.execute(
            sa.update(report)
            .where(
                report.c.client_id == delivery.client_id,
                report.c.created == created,
                report.c.digest == delivery.digest,
                report.c.last_received < delivery.received,
            )
            .values(last_received=delivery.received)
        )

    def _replace_snapshot(self, connection: Connection, place: _Place, created: int, samples: str, month: str) -> None:
        connection.execute(sa.delete(snapshot).where(snapshot.c.client_id == self._delivery.client_id))
        values = {
            "client_id": self._delivery.client_id,
            "created": created,
            "received": place.received,
            "effective": place.effective,
            "month": month,
            "samples": samples,
        }
        connection.execute(sa.insert(snapshot).values(values))


def _road(connection: Connection, parcel: Parcel) -> FastRoad:
    """The road of the database at hand; the module of the other one, with its driver, is not imported."""
    if connection.dialect.name == "postgresql":
        from smart.store.fast_postgresql import PostgresqlRoad

        return PostgresqlRoad(connection, parcel)
    from smart.store.fast_sqlite import SqliteRoad

    return SqliteRoad(connection, parcel)
