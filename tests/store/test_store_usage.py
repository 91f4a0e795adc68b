"""Sums of usage against a second, independent computation in Python; borders of months and windows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from store_samples import DAY, FULL_CARD, NOW, SERVICE, ZONE, activity, at, inventory_of, put, search, usage_of, user

from smart.checks.base import DomainUsage, Usage
from smart.store.usage import month_start, months_before
from smart.sysinfo.report import KassistDay, Protection, Records, Rejection, Report, User

DOMAINS = ("", "corp", "филиал")
COUNTERS = ("requests", "documents", "free_documents", "services", "saved", "printed", "searches", "kassist")


def random_rows(seed: int):
    """Records of 80 days around a month's border, of logins each in one domain, the service user among them."""
    dice = random.Random(seed)
    logins = {f"user{n:02}": dice.choice(DOMAINS) for n in range(25)} | {SERVICE: "corp"}
    hours = {(NOW - dice.randrange(80 * 24) * 3600, dice.choice(list(logins))) for _ in range(800)}
    users = []
    for login, domain in logins.items():
        registered = dice.choice((None, NOW - dice.randrange(500) * DAY))
        last_seen = dice.choice((None, NOW - dice.randrange(500) * DAY))
        card = dice.choice((None, FULL_CARD, (*FULL_CARD[:4], " "), ("",) * 5))
        users.append(user(login, domain, registered, last_seen, card))
    return {
        Records.ACTIVITY: [
            activity(hour, login, logins[login], **{name: dice.randrange(3) for name in COUNTERS})
            for hour, login in sorted(hours)
        ],
        Records.SEARCHES: [
            search(NOW - dice.randrange(60 * DAY), dice.choice(list(logins)), dice.choice((-1, 0, 0, 5)), digest=n,
                   type=dice.choice(("intellectual", "attribute")))
            for n in range(600)
        ],
        Records.REJECTIONS: [
            Rejection(NOW - dice.randrange(40 * DAY) // dice.choice((1, 1000)), dice.choice(list(logins)), reason)
            for reason in ("no-seats", "auth") for _ in range(60)
        ],
        Records.USERS: users,
        Records.KASSIST: [KassistDay(f"2026-11-{day:02}", day, 1, 2, 3) for day in range(1, 21)],
    }  # fmt: skip


def expected_usage(rows, created: int) -> Usage:
    """The formulas once more, over lists."""
    month = at(datetime.fromtimestamp(created, ZONE).strftime("%Y-%m-01T00:00:00"))
    people = [row for row in rows[Records.ACTIVITY] if row.login != SERVICE and row.hour <= created]
    home = {row.login: row.domain for row in rows[Records.USERS]}
    searches = [row for row in rows[Records.SEARCHES] if row.login != SERVICE and month <= row.time <= created]
    empty = [row for row in rows[Records.SEARCHES] if row.login != SERVICE and row.found == 0]
    refused = {row for row in rows[Records.REJECTIONS] if row.login != SERVICE}
    last_request = {}
    for row in sorted(people):
        if row.requests:
            last_request[row.login] = row.hour

    def of_domain(domain: str) -> DomainUsage:
        here = [row for row in people if row.domain == domain]
        this_month = [row for row in here if row.hour >= month]
        known = [row for row in rows[Records.USERS] if row.domain == domain and row.login != SERVICE and is_known(row)]
        entered = [row for row in known if row.last_seen is not None or row.login in last_request]
        return DomainUsage(
            **{name: sum(getattr(row, name) for row in this_month) for name in COUNTERS},
            kassist_30d=sum(row.kassist for row in here if row.hour > created - 30 * DAY),
            active_users=len({row.login for row in this_month if row.requests}),
            empty_searches=sum(home[row.login] == domain and month <= row.time for row in empty),
            empty_searches_24h=sum(home[row.login] == domain and row.time > created - DAY for row in empty),
            users=len(known),
            users_idle_30d=sum(last_request.get(row.login, 0) <= created - 30 * DAY for row in known),
            users_idle_60d=sum(seen(row) <= created - 60 * DAY for row in known),
            users_entered=len(entered),
            cards_filled=sum(all(field.strip() for field in row[5:]) for row in entered),
        )

    def seen(row: User) -> int:
        told = next(value for value in (row.last_seen, row.registered, created) if value is not None)
        return max(told, last_request.get(row.login, 0))

    def is_known(row: User) -> bool:
        return seen(row) >= months_before(created, 13)

    domains = {domain: of_domain(domain) for domain in DOMAINS}
    sums = {name: sum(getattr(usage, name) for usage in domains.values()) for name in DomainUsage.__dataclass_fields__}
    return Usage(
        total=DomainUsage(**sums),
        domains=domains,
        searches_by_type=dict(Counter(row.type for row in searches)),
        requests_24h=sum(row.requests for row in people if row.hour > created - DAY),
        rejections_month=dict(Counter(row.reason for row in refused if row.time >= month)),
        rejections_1h=dict(Counter(row.reason for row in refused if row.time > created - 3600)),
        kassist_day=("2026-11-20", 20, 1, 2, 3),
    )


@pytest.mark.parametrize("seed", range(8))
def test_sums_agree_with_a_second_computation(store, plant, seed):
    rows = random_rows(seed)
    old = {kind: batch[::2] for kind, batch in rows.items() if kind is not Records.USERS}
    put(store, plant, NOW - 60, rows=old)
    put(store, plant, rows=rows)
    assert usage_of(store, plant) == expected_usage(rows, NOW)


def test_usage_includes_the_records_just_added(store, plant):
    with store.report_transaction(plant, received=NOW, digest=b"1", size=1, way="push") as writer:
        writer.add(Records.ACTIVITY, [activity(NOW - 3600, requests=4)])
        assert writer.usage(NOW, ZONE, SERVICE).requests_24h == 4
        writer.finish(Report(created=NOW), (), "2026-11")


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        ("Asia/Novosibirsk", "2026-12-01T00:30:00"),
        ("Asia/Kamchatka", "2026-12-01T00:30:00"),
        ("Europe/Kaliningrad", "2026-12-01T00:30:00"),
        ("America/New_York", "2026-12-01T00:30:00"),
        ("Asia/Novosibirsk", "2027-01-01T00:30:00"),
    ],
)
def test_a_month_begins_at_midnight_of_the_client(store, plant, zone, local):
    zone = ZoneInfo(zone)
    now = at(local, zone)
    midnight = now - 1800
    put(
        store, plant, now,
        rows={
            Records.ACTIVITY: [activity(midnight - 3600, requests=100), activity(midnight, requests=7)],
            Records.SEARCHES: [search(midnight - 1), search(midnight), search(midnight - 2, found=0)],
            Records.REJECTIONS: [Rejection(midnight - 1, "a", "auth"), Rejection(midnight, "a", "no-seats")],
        },
    )  # fmt: skip
    usage = usage_of(store, plant, now, zone)
    assert (usage.total.requests, usage.requests_24h, usage.searches_by_type) == (7, 107, {"intellectual": 1})
    assert (usage.total.empty_searches, usage.total.empty_searches_24h) == (0, 1)
    assert (usage.rejections_month, usage.rejections_1h) == ({"no-seats": 1}, {"auth": 1, "no-seats": 1})
    assert month_start(now, zone) == midnight


def test_records_of_another_client_and_of_the_future_do_not_count(store, plant):
    store.sync_clients(inventory_of("plant7", "other"), 1)
    other = store.client_id("DEALER", "other")
    put(store, other, rows={Records.ACTIVITY: [activity(NOW - 60)], Records.SEARCHES: [search(NOW, found=0)]})
    put(store, plant, rows={Records.ACTIVITY: [activity(NOW + 7200)], Records.SEARCHES: [search(NOW + 1, found=0)]})
    usage = usage_of(store, plant)
    assert (usage.total.requests, usage.requests_24h, usage.searches_by_type) == (0, 0, {})
    assert usage.total.empty_searches_24h == 0


@pytest.mark.parametrize(
    ("kind", "days", "had"),
    [("SenseLock", 1, True), ("senselock", 30, True), ("SenseLock", 31, False), ("Other", 1, False), (None, 1, False)],
)
def test_an_earlier_senselock_report_is_remembered_for_30_days(store, plant, kind, days, had):
    protection = Protection(kind, "ok", "", "") if kind else None
    put(store, plant, NOW - days * DAY, report=Report(protection=protection))
    assert usage_of(store, plant).had_senselock_30d is had


def test_without_a_service_user_everybody_counts(store, plant):
    put(store, plant, rows={Records.ACTIVITY: [activity(NOW, SERVICE), activity(NOW, "")]})
    assert usage_of(store, plant, service="").total.requests == 2
    assert usage_of(store, plant).total.requests == 1


@pytest.mark.parametrize(
    ("moment", "months", "expected"),
    [
        ("2026-11-20T10:00:00", 13, "2025-10-20T10:00:00"),
        ("2026-03-31T10:00:00", 1, "2026-02-28T10:00:00"),
        ("2026-01-15T00:00:00", 1, "2025-12-15T00:00:00"),
        ("2028-03-30T00:00:00", 25, "2026-02-28T00:00:00"),
    ],
)
def test_months_are_those_of_the_calendar(moment, months, expected):
    utc = ZoneInfo("UTC")
    assert months_before(at(moment, utc), months) == at(expected, utc)
