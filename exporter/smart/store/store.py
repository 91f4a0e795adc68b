"""The store as the rest of SMART sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from smart.errors import RejectReason, StoreError
from smart.inventory.model import Inventory
from smart.store import clients, retention
from smart.store.database import (
    describe,
    make_engine,
    parse_url,
    storable,
    unavailable_is_store_error,
    writing,
)
from smart.store.migrate import is_current, migrate
from smart.store.parts import raise_version
from smart.store.reading import read_last_file, read_state
from smart.store.state import ClientState, FileInfo
from smart.store.tables import change_counter, client, rejected_file
from smart.store.writer import Delivery, ReportWriter

EVENT_HOLD_SECONDS = 86_400
EVENT_LIMIT = 50


class Store:
    """Reports, records and what is shown of each client. One object serves a process, from any of its threads.

    Every method raises StoreError, without any secret, while the database cannot be reached, is full or stays locked:
    that says nothing about the data handed over, which may be tried again.
    """

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url

    @classmethod
    def open(cls, url: str) -> Store:
        """Opens the store of an SQLAlchemy URL and brings its schema up to date; several processes may at once.

        Raises StoreError: not reachable, not a store, or written by a newer version of SMART.
        """
        parsed = parse_url(url)
        engine = make_engine(parsed)
        try:
            with unavailable_is_store_error(parsed):
                if not is_current(engine):
                    migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, parsed)

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    def __repr__(self) -> str:
        return f"Store({describe(self._url)})"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for queries of one moment."""
        with unavailable_is_store_error(self._url), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with unavailable_is_store_error(self._url), writing(self._engine) as connection:
            yield connection

    def sync_clients(self, inventory: Inventory, now: int) -> None:
        """Makes table client what the inventory says; clients that are gone are kept as not listed."""
        with self._writing() as connection:
            clients.sync_clients(connection, inventory, now)

    def client_id(self, dealer: str, name: str) -> int | None:
        """The number of a client that is or was in the inventory, or None."""
        query = sa.select(client.c.id).where(client.c.dealer == dealer, client.c.name == name)
        with self.reading() as connection:
            return connection.execute(query).scalar()

    @contextmanager
    def report_transaction(
        self,
        client_id: int,
        *,
        received: int,
        digest: bytes,
        size: int,
        way: str,
        keep_cards: bool | None = None,
        keep_query_text: bool | None = None,
    ) -> Iterator[ReportWriter]:
        """One transaction for all of a report: whatever is raised inside leaves nothing of it in the store.

        `digest` is that of the file as it came, `size` its bytes, `way` how it came. Whether cards
        and texts are kept is what sync_clients was told of the client, unless given here. Leaving the block without
        `finish` is a defect of the caller and stores nothing.
        """
        delivery = Delivery(client_id, received, digest, size, way, keep_cards, keep_query_text)
        writer = ReportWriter(self._engine, delivery)
        with unavailable_is_store_error(self._url):
            try:
                yield writer
                if not writer.finished:
                    raise RuntimeError("a report was not finished")
            except BaseException as error:
                writer.close(error)
                raise
            writer.close(None)

    def client_state(
        self, client_id: int, now: int, event_hold_seconds: int = EVENT_HOLD_SECONDS, limit: int = EVENT_LIMIT
    ) -> ClientState:
        """What is shown of a client: its newest report's samples and the events first stored in the last hours."""
        with self.reading() as connection:
            return read_state(connection, client_id, now, event_hold_seconds, limit)

    def changed_since(self, version: int) -> tuple[int, list[int]]:
        """The version to ask with next time, and the clients whose state has changed after `version`.

        Versions become visible in their order (see parts.raise_version), so none is missed. A version from the future
        means that another database stands here now: all clients have changed.
        """
        with self.reading() as connection:
            newest = int(connection.execute(sa.select(change_counter.c.value)).scalar_one())
            since = version if version <= newest else 0
            query = sa.select(client.c.id).where(client.c.version > since).order_by(client.c.version)
            return newest, list(connection.execute(query).scalars())

    def record_rejected(
        self, client_id: int, *, received: int, digest: bytes, size: int, reason: RejectReason, text: str, name: str
    ) -> None:
        """Notes a refused file: `text` in Russian for a technician, `name` as it came. Twice the same is once."""
        row = {
            "client_id": client_id,
            "received": received,
            "digest": digest,
            "size": size,
            "reason": reason.value,
            "text": storable(text),
            "name": storable(name),
        }
        known = sa.select(rejected_file.c.size).where(
            *(rejected_file.c[key] == row[key] for key in ("client_id", "received", "digest"))
        )
        with self._writing() as connection:
            lock = sa.select(client.c.id).where(client.c.id == client_id).with_for_update(key_share=True)
            if connection.execute(lock).one_or_none() is None:
                raise StoreError(f"the store knows no client with the number {client_id}")
            if connection.execute(known).one_or_none() is None:
                connection.execute(sa.insert(rejected_file).values(row))
                raise_version(connection, client_id)

    def last_file(self, client_id: int) -> FileInfo | None:
        """The newest file of a client that was accepted or refused, None before the first."""
        with self.reading() as connection:
            return read_last_file(connection, client_id)

    def delete_old(
        self, now: int, months: Mapping[str, int] | None = None, stopped: Callable[[], bool] = lambda: False
    ) -> dict[str, int]:
        """Deletes records by age, kinds as in retention.KINDS; how many of each. May take minutes; blocks nobody.

        Once `stopped` says so it ends early, with nothing half done.
        """
        with unavailable_is_store_error(self._url):
            return retention.delete_old(self._engine, now, months, stopped)
