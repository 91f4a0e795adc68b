"""One client's outcomes and figures as the page Prometheus scrapes: rendered when data arrive, ready bytes."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from smart.checks.base import Sample, Scope, View
from smart.checks.calendar import next_change
from smart.checks.registry import BRANCH_FIGURES, CHECKS, CLOCK_FIGURES, EVENT_FAMILIES, EVERYTHING, FIGURES
from smart.checks.textformat import Family
from smart.errors import StoreError
from smart.inventory.model import Branch, Client, Inventory
from smart.own_metrics import EXPOSITION_CLIENTS, EXPOSITION_FAILURES, EXPOSITION_SYNC_TIMESTAMP_SECONDS
from smart.store.state import ClientState, Event

log = logging.getLogger(__name__)

FOREVER = 1 << 62
GZIP_LEVEL = 1  # a third of the time of the default, 7 % larger


@dataclass(frozen=True, slots=True)
class Body:
    """A page, compressed once; true until `valid_until` (unix seconds) unless data arrive before."""

    gzip: bytes
    valid_until: int

    @property
    def plain(self) -> bytes:
        """The page for the few who do not take gzip."""
        return gzip.decompress(self.gzip)


FAMILIES = {row.metric: Family.of(row.metric, row.help, row.labels) for row in EVERYTHING}
_SHOWN_ALWAYS = (*(c.metric for c in CHECKS), *(f.metric for f in FIGURES if f.scope is Scope.ALWAYS))
_SHOWN_IN_MONTH = tuple(figure.metric for figure in FIGURES if figure.scope is Scope.MONTH)
_INPUTS = frozenset(figure.metric for figure in FIGURES if figure.scope is Scope.INPUT)
_EVENTS = {family.metric: family.labels for family in EVENT_FAMILIES}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One client's state; what neither the clock nor the inventory changes is text, compressed to be kept."""

    state: ClientState  # without its samples
    always: bytes
    in_month: bytes
    inputs: Mapping[str, tuple[Sample, ...]]

    @classmethod
    def of(cls, state: ClientState) -> Snapshot:
        """Samples of metrics this version does not know, or knows with other labels, are left out."""
        by_metric: dict[str, list[Sample]] = {}
        for sample in state.samples:
            if sample.metric in by_metric:
                by_metric[sample.metric].append(sample)
            else:
                by_metric[sample.metric] = [sample]
        return cls(
            _without_samples(state),
            zlib.compress(_families(_SHOWN_ALWAYS, by_metric), 1),
            zlib.compress(_families(_SHOWN_IN_MONTH, by_metric), 1),
            {metric: tuple(by_metric[metric]) for metric in _INPUTS & by_metric.keys()},
        )


def render_body(branch: Branch, client: Client, state: ClientState, now: int) -> Body:
    """The page of one client at one moment. The labels of the inventory are not on it: service discovery adds them."""
    del branch  # nothing on a client's page depends on it yet
    return render_snapshot(client, Snapshot.of(state), now)


def render_snapshot(client: Client, snapshot: Snapshot, now: int) -> Body:
    """As render_body, from what was turned to text before."""
    state = snapshot.state
    events = [event for event in state.events if event.expires > now and event.family in _EVENTS]
    left_out = {}
    if state.created is not None:
        alive = {event.family for event in events}
        left_out = {family: state.left_out.get(family, 0) if family in alive else 0 for family in _EVENTS}
    view = View(
        client=client,
        now=now,
        listed_at=state.listed_at,
        created=state.created,
        received=state.received,
        rejected_at=state.rejected_at,
        rejected_reason=state.rejected_reason,
        left_out=left_out,
        inputs=snapshot.inputs,
    )
    month = datetime.fromtimestamp(now, client.zone).strftime("%Y-%m")
    text = "".join(FAMILIES[figure.metric].text(figure.read(view)) for figure in CLOCK_FIGURES) + _event_text(events)
    plain = b"".join(
        (
            zlib.decompress(snapshot.always),
            zlib.decompress(snapshot.in_month) if month == state.month else b"",
            text.encode("utf-8", "replace"),
        )
    )
    until = min((next_change(client.zone, now), *(event.expires for event in events)))
    return Body(gzip.compress(plain, GZIP_LEVEL, mtime=0), until)


def render_branch(branch: Branch) -> Body:
    """The page of one branch: what concerns no single client."""
    text = "".join(FAMILIES[figure.metric].text(figure.read(branch)) for figure in BRANCH_FIGURES)
    return Body(gzip.compress(text.encode("utf-8"), GZIP_LEVEL, mtime=0), FOREVER)


def _families(metrics: Iterable[str], by_metric: Mapping[str, list[Sample]]) -> bytes:
    texts = []
    for metric in metrics:
        if metric in by_metric:
            try:
                texts.append(FAMILIES[metric].text((labels, value) for _, labels, value in by_metric[metric]))
            except TypeError:  # the line wants another number of labels
                log.warning("stored samples of %s are of another version and not shown", metric)
    return "".join(texts).encode("utf-8", "replace")


def _event_text(events: Iterable[Event]) -> str:
    rows: dict[str, dict[tuple[str, ...], float]] = {}
    for event in events:
        values = dict(event.labels)
        labels = tuple(values.get(name, "") for name in _EVENTS[event.family])
        rows.setdefault(event.family, {})[labels] = 1.0
    return "".join(FAMILIES[family].text(rows[family].items()) for family in _EVENTS if family in rows)


class States(Protocol):
    """What is asked of the store; see smart.store."""

    def sync_clients(self, inventory: Inventory, now: int) -> None: ...
    def client_id(self, dealer: str, name: str) -> int | None: ...
    def client_state(self, client_id: int, now: int) -> ClientState: ...
    def changed_since(self, version: int) -> tuple[int, list[int]]: ...


@dataclass(slots=True)
class Page:
    """The ready body of one client and what it was made of."""

    branch: Branch
    client: Client
    snapshot: Snapshot
    body: Body
    _swap: threading.Lock = field(default_factory=threading.Lock)

    def put(self, snapshot: Snapshot, body: Body) -> None:
        """Show something new."""
        with self._swap:
            self.snapshot, self.body = snapshot, body

    def current(self, now: int) -> Body:
        """The body, rendered again when time has made it untrue; what was put meanwhile is not overwritten."""
        if now < self.body.valid_until:
            return self.body
        snapshot = self.snapshot
        body = render_snapshot(self.client, snapshot, now)
        with self._swap:
            if self.snapshot is snapshot:
                self.body = body
            return self.body

    @property
    def reread_at(self) -> int:
        """When the next event ends: those left out for its sake are in the store only."""
        return min((event.expires for event in self.snapshot.state.events), default=FOREVER)


class Exposition:
    """Ready bodies of every client of the inventory, kept from the last known state: a restart changes nothing.

    `body` may be called from any thread and does no I/O. The other methods read the store; they are called in threads
    and take turns. When the store fails they raise, and the old bodies stay.
    """

    def __init__(self, store: States, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: dict[tuple[str, str], Page] = {}
        self._by_id: dict[int, Page] = {}
        self._branches: dict[tuple[str, str], Body] = {}
        self._version = 0
        self._wanted: Inventory | None = None
        self.loaded = False

    def take_inventory(self, inventory: Inventory) -> None:
        """Show exactly the clients of an inventory: at the start and, as a subscriber, after each reload.

        When the store fails the old pages stay, and `follow` tries again.
        """
        with self._lock:
            self._wanted = inventory
            self._take(inventory, int(self._clock()))

    def refresh(self, client_ids: Iterable[int]) -> None:
        """Show what the store has now for some clients; those not in the inventory are passed over."""
        with self._lock:
            self._refresh(client_ids, int(self._clock()))

    def follow(self) -> None:
        """Take up what other processes stored and what ended with time. To be called every few seconds."""
        with self._lock:
            now = int(self._clock())
            if self._wanted is not None:
                self._take(self._wanted, now)
            version, changed = self._store.changed_since(self._version)
            ended = [client_id for client_id, page in self._by_id.items() if page.reread_at <= now]
            self._refresh(dict.fromkeys((*changed, *ended)), now)
            self._version = version
            for page in list(self._by_id.values()):
                page.current(now)
            EXPOSITION_SYNC_TIMESTAMP_SECONDS.set(now)

    def body(self, dealer: str, client: str, now: int | None = None) -> Body | None:
        """The page of a client; None when the inventory does not list it."""
        page = self._pages.get((dealer, client))
        return None if page is None else page.current(int(self._clock()) if now is None else now)

    def branch_body(self, dealer: str, branch: str) -> Body | None:
        """The page of a branch; None when the inventory does not list it."""
        return self._branches.get((dealer, branch))

    def __len__(self) -> int:
        return len(self._pages)

    def _take(self, inventory: Inventory, now: int) -> None:
        self._store.sync_clients(inventory, now)
        version = self._version if self.loaded else self._store.changed_since(0)[0]
        pages: dict[tuple[str, str], Page] = {}
        by_id: dict[int, Page] = {}
        for branch, client in inventory.clients():
            client_id = self._store.client_id(branch.dealer, client.name)
            if client_id is None:
                raise StoreError(f"{branch.dealer}/{client.name} is not in the store after it was put there")
            pages[branch.dealer, client.name] = by_id[client_id] = self._page(client_id, branch, client, now)
        branches = {(branch.dealer, branch.name): render_branch(branch) for branch in inventory.branches}
        self._pages, self._by_id, self._branches, self._version = pages, by_id, branches, version
        self._wanted = None
        self.loaded = True
        EXPOSITION_CLIENTS.set(len(pages))
        EXPOSITION_SYNC_TIMESTAMP_SECONDS.set(now)

    def _page(self, client_id: int, branch: Branch, client: Client, now: int) -> Page:
        known = self._by_id.get(client_id)
        if known is not None and known.client == client:
            known.branch = branch
            return known
        snapshot = known.snapshot if known else Snapshot.of(self._store.client_state(client_id, now))
        return Page(branch, client, snapshot, render_snapshot(client, snapshot, now))

    def _refresh(self, client_ids: Iterable[int], now: int) -> None:
        for client_id in client_ids:
            page = self._by_id.get(client_id)
            if page is None:
                continue
            state = self._store.client_state(client_id, now)
            if _without_samples(state) != page.snapshot.state:
                snapshot = Snapshot.of(state)
                page.put(snapshot, render_snapshot(page.client, snapshot, now))


async def follow_forever(exposition: Exposition, interval_seconds: float = 5.0) -> None:
    """Keep the pages of a serving process up to date; a failing store is told in the log and a counter."""
    while True:
        await asyncio.sleep(interval_seconds)
        try:
            await asyncio.to_thread(exposition.follow)
        except Exception:
            log.exception("the pages of clients could not be brought up to date")
            EXPOSITION_FAILURES.inc()


def _without_samples(state: ClientState) -> ClientState:
    return replace(state, samples=())
