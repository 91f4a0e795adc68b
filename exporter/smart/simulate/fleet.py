"""A fleet of stand-in customers that make reports and push them with the agent's own curl calls."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from smart.errors import ConfigError
from smart.simulate.agent import Agent, Push, Style
from smart.simulate.incidents import CHANGES, Change, StandIn
from smart.simulate.installation import Installation, Installations
from smart.simulate.report import ReportSpec

AGENTS_AT_ONCE = 8
CUSTOMERS = (
    # branch, client, legal entity, seats
    ("north", "plant7", "АО «Завод № 7»", 25),
    ("north", "romashka", "ООО «Ромашка»", 10),
    ("north", "bridge", "ООО «Северный мост»", 15),
    ("south", "school3", "ГБОУ «Школа № 3»", 5),
    ("south", "hospital5", "ГБУЗ «Больница № 5»", 20),
)


class Clock:
    """Unix time that may begin elsewhere and run faster than the machine's."""

    def __init__(self, start: float | None = None, speed: float = 1.0) -> None:
        self.speed = speed
        self._real = time.monotonic()
        self._start = time.time() if start is None else start

    def now(self) -> float:
        return self._start + (time.monotonic() - self._real) * self.speed

    def wait(self, seconds: float, stop: Event) -> None:
        """Let so many seconds of this clock pass, fewer when `stop` is set."""
        stop.wait(seconds / self.speed)


def quiet_spec(client: str, legal_entity: str, seats: int, number: int, licence_until: date) -> ReportSpec:
    """An installation with nothing to complain about: nobody is refused, every search finds something."""
    return ReportSpec(
        client=client,
        legal_entity=legal_entity,
        regnum=f"599_{10001 + number}",
        seats=seats,
        users=seats * 2,
        licence_until=licence_until,
        empty_share=0.0,
        failed_share=0.0,
        rejections_a_day=0.0,
    )


def stand_ins(
    seed: object = 1, customers: Iterable[tuple[str, str, str, int]] = CUSTOMERS, today: date | None = None
) -> list[StandIn]:
    """The customers of two branches of one dealer, all well, with licences to the end of next year."""
    licence_until = date((today or date.today()).year + 1, 12, 31)
    return [
        StandIn(client, branch, Installation(quiet_spec(client, legal_entity, seats, number, licence_until), seed))
        for number, (branch, client, legal_entity, seats) in enumerate(customers)
    ]


class Fleet:
    """Stand-in customers, the server that answers for their installations, and their agents. Use with `with`."""

    def __init__(
        self,
        customers: Sequence[StandIn],
        *,
        dealer: str,
        server: str,
        token: str,
        style: Style = Style.NEW,
        clock: Clock | None = None,
    ) -> None:
        self.customers = {customer.client: customer for customer in customers}
        self.clock = clock or Clock()
        self.installations = Installations(self.clock.now)
        self._folder = tempfile.TemporaryDirectory(prefix="smart-agents-")
        self.agents: dict[str, Agent] = {}
        for number, (client, customer) in enumerate(self.customers.items()):
            self.installations.clients[client] = customer.installation
            folder = Path(self._folder.name) / f"agent-{number}"
            self.agents[client] = Agent(client, dealer, server, token, folder, style)

    def push(self, client: str) -> Push:
        """One run of the agent of `client`, now."""
        return self.agents[client].run(self.installations.address(client))

    def push_all(self) -> list[Push]:
        """One run of every agent that still runs, several at once, in the order of the customers."""
        clients = [client for client, customer in self.customers.items() if customer.reporting]
        with ThreadPoolExecutor(AGENTS_AT_ONCE) as pool:
            return list(pool.map(self.push, clients))

    def apply(self, change: Change) -> None:
        """Let something happen to a client; its next report shows it."""
        customer = self.customers.get(change.client)
        if customer is None:
            raise ConfigError(f"no client {change.client!r} in the fleet (there are {', '.join(self.customers)})")
        CHANGES[change.what](customer, self.local_time(customer))

    def local_time(self, customer: StandIn) -> datetime:
        return datetime.fromtimestamp(int(self.clock.now()), customer.installation.zone).replace(tzinfo=None)

    def run(
        self,
        *,
        seconds: float,
        interval: float,
        schedule: Iterable[Change] = (),
        stop: Event | None = None,
        tell: Callable[[Change | Push], None] = lambda _event: None,
    ) -> None:
        """Push at once and every `interval` while the schedule is played; all seconds are those of the fleet's clock.

        `tell` hears of every change and push. A change is followed by a push of its client at the next interval, as at
        a customer's, not at once.
        """
        stop = stop or Event()
        begun = self.clock.now()
        changes = sorted(schedule)
        for change in changes:
            if change.client not in self.customers:
                raise ConfigError(f"no client {change.client!r} in the fleet (there are {', '.join(self.customers)})")
        next_push = 0.0
        while not stop.is_set():
            passed = self.clock.now() - begun
            while changes and changes[0].seconds <= passed:
                self.apply(changes[0])
                tell(changes.pop(0))
            if passed >= next_push:
                for push in self.push_all():
                    tell(push)
                next_push += interval * max(1, (self.clock.now() - begun - next_push) // interval)
            if passed >= seconds:
                return
            due = min(next_push, seconds, changes[0].seconds if changes else seconds)
            self.clock.wait(max(0.0, due - (self.clock.now() - begun)), stop)

    def __enter__(self) -> Self:
        self.installations.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.installations.__exit__(kind, error, trace)
        self._folder.cleanup()
