"""What the people of a stand-in installation did, drawn hour by hour so that reports of different moments agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from smart.simulate.spec import ReportSpec
from smart.simulate.words import login_of, rng

HOUR = timedelta(hours=1)
SERVICE_LOGIN = "smartlogin"


class Work(NamedTuple):
    """What one user did in one hour; counters."""

    user: int
    hour: datetime
    requests: int
    documents: int
    free_documents: int
    services: int
    saved: int
    printed: int
    searches: int
    kassist: int


class Query(NamedTuple):
    """One search, without its text: `draw` seeds that."""

    time: datetime
    user: int
    draw: float


class Refusal(NamedTuple):
    """One login refused."""

    time: datetime
    user: int
    reason: str


def hours(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every full hour that begins in [start, end)."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield hour
        hour += HOUR


def busyness(hour: datetime) -> float:
    """How likely a person works at that hour, 0 to 1: office hours of weekdays, a few at other times."""
    if hour.weekday() >= 5:
        return 0.02
    return {8: 0.3, 12: 0.4, 18: 0.3, 19: 0.1}.get(hour.hour, 0.7 if 9 <= hour.hour < 18 else 0.01)


def entered(user: int) -> bool:
    """Has this user ever logged in? Some accounts are only made."""
    return user % 17 != 16


def work_of_hour(spec: ReportSpec, seed: object, hour: datetime) -> list[Work]:
    """What every user did in that hour; users are drawn one after the other, so a newcomer changes nobody's numbers."""
    source = rng(seed, spec.client, hour.isoformat(), "work")
    chance = busyness(hour)
    rows = []
    for user in range(spec.users + spec.newcomers):
        if source.random() >= chance * (0.15 + 0.85 * ((user * 7) % 10) / 10):
            continue
        searches = int(source.expovariate(1 / spec.searches_an_hour)) if spec.searches_an_hour else 0
        documents = source.randrange(0, 9)
        free, services = source.randrange(0, 4), source.randrange(0, 3)
        saved, printed = source.randrange(0, 3), source.randrange(0, 2)
        kassist = source.randrange(1, 5) if user % 5 == 0 and source.random() < 0.2 else 0
        requests = searches + documents + free + services + kassist + source.randrange(1, 6)
        if entered(user) and (user < spec.users or hour >= spec.newcomers_since):
            rows.append(Work(user, hour, requests, documents, free, services, saved, printed, searches, kassist))
    return rows


def month_work(spec: ReportSpec, seed: object) -> list[Work]:
    """The activity of the month up to the last hour that was over when the report was made, in the order of time."""
    last = spec.created.replace(minute=0, second=0, microsecond=0)
    return [row for hour in hours(spec.month_start, last) for row in work_of_hour(spec, seed, hour)]


def queries_of_hour(spec: ReportSpec, seed: object, rows: list[Work]) -> list[Query]:
    """The searches of one hour's rows, in the order of time, at most one a second while there are seconds enough."""
    if not rows:
        return []
    source = rng(seed, spec.client, rows[0].hour.isoformat(), "searches")
    users = [row.user for row in rows for _ in range(row.searches)]
    count = len(users)
    seconds = source.sample(range(3600), count) if count <= 3600 else [source.randrange(3600) for _ in users]
    found = [
        Query(rows[0].hour + timedelta(seconds=second), user, source.random())
        for second, user in zip(seconds, users, strict=True)
    ]
    return sorted(query for query in found if query.time < spec.created)


def queries(spec: ReportSpec, seed: object, planned: list[Work] | None = None) -> Iterator[Query]:
    """The searches of the days the list goes back; `planned` rows (in the order of time) stand in for drawn ones."""
    by_hour: dict[datetime, list[Work]] = {}
    for row in planned or ():
        by_hour.setdefault(row.hour, []).append(row)
    for hour in hours(spec.list_start, spec.created):
        rows = work_of_hour(spec, seed, hour) if planned is None else by_hour.get(hour, [])
        yield from queries_of_hour(spec, seed, rows)


def refusals(spec: ReportSpec, seed: object) -> list[Refusal]:
    """Logins refused in the days the list goes back."""
    found = []
    for hour in hours(spec.list_start, spec.created):
        source = rng(seed, spec.client, hour.isoformat(), "refusals")
        count = 1 if source.random() < spec.rejections_a_day / 24 else 0
        crowded = spec.no_seats is not None and (hour + HOUR / 2) in spec.no_seats
        for number in range(count + (3 if crowded else 0)):
            time = hour + timedelta(seconds=source.randrange(3600))
            reason = "no-seats" if number >= count or source.random() < 0.5 else "auth"
            found.append(Refusal(time, source.randrange(spec.users), reason))
    return sorted(refusal for refusal in found if refusal.time < spec.created)


def connected(spec: ReportSpec, work: list[Work]) -> list[Work]:
    """Who is connected when the report is made: the last row of each user of the last two full hours.

    Some seats stay free unless it is a time without free seats; then those who are not at work fill them up.
    """
    recent = {row.user: row for row in work if row.hour >= spec.created - 3 * HOUR}
    crowded = spec.no_seats is not None and spec.created in spec.no_seats
    if crowded:
        idle = [user for user in range(spec.users) if entered(user) and user not in recent]
        for user in idle[: max(0, spec.seats - len(recent))]:
            recent[user] = Work(user, spec.created.replace(minute=0, second=0) - HOUR, *([0] * 8))
    return list(recent.values())[: spec.seats if crowded else max(0, spec.seats - 1 - spec.seats // 5)]


def login_text(user: int) -> str:
    """The login alone, as the lists of searches and rejections name a user."""
    return login_of(user)[0]
