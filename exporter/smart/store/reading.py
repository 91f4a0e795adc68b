"""Reads what is shown of one client: its snapshot, the events an alert names, its newest file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from smart.checks.labels import clip
from smart.errors import StoreError
from smart.store.state import (
    EMPTY_SEARCHES,
    FAILED_SEARCHES,
    NEW_USERS,
    REJECTIONS,
    ClientState,
    Event,
    FileInfo,
    FileState,
    samples_from_json,
)
from smart.store.tables import client, rejected_file, report, snapshot

QUERY_CHARACTERS = 200

# Each: the family and the labels of one event, when it was stored, and how many there are of that family. Records that
# look alike are one event: they would be one and the same series. Newest first, at most :limit of a family.
_NEWEST = """
SELECT family, {labels}, stored_at, amount FROM (
    SELECT family, {labels}, stored_at, latest, count(*) OVER (PARTITION BY family) AS amount,
        row_number() OVER (PARTITION BY family ORDER BY stored_at DESC, latest DESC, {labels}) AS place
    FROM ({records}) AS records) AS ranked
WHERE place <= :limit ORDER BY family, place
"""


@dataclass(frozen=True, slots=True)
class _Source:
    labels: tuple[str, ...]  # columns of the query below, named as the labels
    records: str

    @property
    def query(self) -> str:
        return _NEWEST.format(labels=", ".join(f'"{label}"' for label in self.labels), records=self.records)


_SOURCES = (
    _Source(
        ("user", "query", "searchtype", "catalog"),
        f"""
        SELECT CASE WHEN found < 0 THEN '{FAILED_SEARCHES}' ELSE '{EMPTY_SEARCHES}' END AS family, login AS "user",
            substr(text, 1, {QUERY_CHARACTERS}) AS query, type AS searchtype, catalog, stored_at, max(time) AS latest
        FROM search_event
        WHERE client_id = :client AND found <= 0 AND stored_at > :since AND login <> :service
        GROUP BY 1, 2, 3, 4, 5, 6
        """,  # noqa: S608
    ),
    _Source(
        ("user", "reason"),
        f"""
        SELECT '{REJECTIONS}' AS family, login AS "user", reason, stored_at, max(time) AS latest FROM rejection
        WHERE client_id = :client AND stored_at > :since AND login <> :service GROUP BY login, reason, stored_at
        """,  # noqa: S608
    ),
    _Source(
        ("user", "domain"),
        f"""
        SELECT '{NEW_USERS}' AS family, login AS "user", domain, first_request_stored_at AS stored_at,
            first_request AS latest
        FROM user_account
        WHERE client_id = :client AND first_request_stored_at IS NOT NULL AND first_request_stored_at > :since
            AND login <> :service
        """,  # noqa: S608
    ),
)
_NOBODY = "\x01"


def read_state(connection: Connection, client_id: int, now: int, hold_seconds: int, limit: int) -> ClientState:
    """Everything the exposition shows of a client at `now`. Raises StoreError for an unknown client."""
    query = sa.select(client, snapshot.c.created, snapshot.c.received, snapshot.c.month, snapshot.c.samples)
    query = query.outerjoin(snapshot, snapshot.c.client_id == client.c.id).where(client.c.id == client_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise StoreError(f"the store knows no client with the number {client_id}")
    events: dict[tuple[str, tuple[tuple[str, str], ...]], Event] = {}
    left_out: dict[str, int] = {}
    for event, amount in _events(connection, row, now - hold_seconds, hold_seconds, limit):
        events.setdefault((event.family, event.labels), event)
        if amount > limit:
            left_out[event.family] = amount - limit
    refused = _refused(connection, client_id)
    return ClientState(
        client_id=client_id,
        listed_at=row["listed_at"],
        version=row["version"],
        created=row["created"],
        received=row["received"],
        month=row["month"] or "",
        samples=samples_from_json(row["samples"]) if row["samples"] else (),
        events=tuple(events.values()),
        left_out=left_out,
        rejected_at=refused.received if refused else None,
        rejected_reason=refused.reason if refused else "",
    )


def _events(
    connection: Connection, row: RowMapping, since: int, hold_seconds: int, limit: int
) -> Iterator[tuple[Event, int]]:
    zone = ZoneInfo(row["zone"])
    parameters = {"client": row["id"], "since": since, "limit": limit, "service": row["service_login"] or _NOBODY}
    for source in _SOURCES:
        for family, *values, stored_at, amount in connection.execute(sa.text(source.query), parameters):
            batch = datetime.fromtimestamp(stored_at, zone).strftime("%Y-%m-%d %H:%M")
            labels = list(zip(source.labels, map(clip, values), strict=True))
            if family in (EMPTY_SEARCHES, FAILED_SEARCHES):
                labels.append(("url", ""))
            yield Event(family, (*labels, ("batch", batch)), stored_at + hold_seconds), amount


def _refused(connection: Connection, client_id: int) -> sa.Row[Any, Any, Any, Any] | None:
    """The newest refused file, if no newer one was accepted."""
    query = (
        sa.select(rejected_file.c.received, rejected_file.c.size, rejected_file.c.reason, rejected_file.c.text)
        .where(rejected_file.c.client_id == client_id)
        .order_by(rejected_file.c.received.desc())
        .limit(1)
    )
    refused = connection.execute(query).one_or_none()
    if refused is None:
        return None
    newest = sa.select(sa.func.max(report.c.last_received)).where(report.c.client_id == client_id)
    accepted = connection.execute(newest).scalar()
    return refused if accepted is None or refused.received > accepted else None


def read_last_file(connection: Connection, client_id: int) -> FileInfo | None:
    """The newest file of a client that was accepted or refused."""
    refused = _refused(connection, client_id)
    if refused is not None:
        return FileInfo(refused.received, refused.size, FileState.REJECTED, refused.text)
    query = (
        sa.select(report.c.last_received, report.c.size)
        .where(report.c.client_id == client_id)
        .order_by(report.c.last_received.desc())
        .limit(1)
    )
    accepted = connection.execute(query).one_or_none()
    return FileInfo(accepted.last_received, accepted.size, FileState.ACCEPTED) if accepted else None
