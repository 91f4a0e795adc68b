"""What people did at one client up to a moment, as SQL over the stored records.

Every query is one range of a key that begins with client_id; history beyond the windows costs nothing. The service
user is left out of everything: SMART's own probes log in by that name.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy.engine import Connection

from smart.checks.base import DomainUsage, Usage
from smart.store.merges import run
from smart.store.tables import USER_COUNTERS

_HOUR, _DAY = 3_600, 86_400
KNOWN_MONTHS = 13  # a login not seen for so long is no longer counted among the known ones

# By user first: both databases count distinct users of a domain by sorting all rows of it.
_ACTIVITY = """
SELECT domain, {totals}, CAST(sum(kassist_30d) AS BIGINT), CAST(sum(requests_24h) AS BIGINT),
    count(*) FILTER (WHERE requests > 0)
FROM (SELECT domain, {sums}, coalesce(sum(kassist) FILTER (WHERE hour > :ago_30d), 0) AS kassist_30d,
        coalesce(sum(requests) FILTER (WHERE hour > :ago_24h), 0) AS requests_24h
    FROM user_hour WHERE client_id = :client AND hour >= :oldest AND hour <= :created AND login <> :service
    GROUP BY domain, login) AS by_user
GROUP BY domain
""".format(  # noqa: S608
    totals=", ".join(f"CAST(sum({name}) AS BIGINT)" for name in USER_COUNTERS),
    sums=", ".join(f"coalesce(sum({name}) FILTER (WHERE hour >= :month), 0) AS {name}" for name in USER_COUNTERS),
)
# When a user was last seen; from the registration on, or the first report, if never. Requests are a sign of life too.
LAST_SIGN = (
    "CASE WHEN coalesce(last_request, 0) > coalesce(last_seen, registered, first_seen_at) "
    "THEN last_request ELSE coalesce(last_seen, registered, first_seen_at) END"
)
_ACCOUNTS = f"""
SELECT domain, count(*),
    count(*) FILTER (WHERE last_request IS NULL OR last_request <= :ago_30d),
    count(*) FILTER (WHERE {LAST_SIGN} <= :ago_60d),
    count(*) FILTER (WHERE last_seen IS NOT NULL OR first_request IS NOT NULL),
    count(*) FILTER (WHERE card_filled AND (last_seen IS NOT NULL OR first_request IS NOT NULL))
FROM user_account WHERE client_id = :client AND gone_at IS NULL AND login <> :service
    AND {LAST_SIGN} >= :known_since
GROUP BY domain
"""  # noqa: S608
# A search names no domain: its login's is taken, the alphabetically last where a login is known in several.
_EMPTY = """
SELECT coalesce((SELECT max(domain) FROM user_account WHERE client_id = :client AND login = empty.login), ''),
    month, day
FROM (SELECT login, count(*) FILTER (WHERE time >= :month) AS month, count(*) FILTER (WHERE time > :ago_24h) AS day
    FROM search_event
    WHERE client_id = :client AND found <= 0 AND found = 0 AND time <= :created
        AND time >= CASE WHEN :ago_24h < :month THEN :ago_24h ELSE :month END AND login <> :service
    GROUP BY login) AS empty
"""
_SEARCHES = """
SELECT type, count(*) FROM search_event
WHERE client_id = :client AND time >= :month AND time <= :created AND login <> :service GROUP BY type
"""
_REJECTIONS = """
SELECT reason, count(*) FILTER (WHERE time >= :month), count(*) FILTER (WHERE time > :ago_1h)
FROM rejection WHERE client_id = :client AND time <= :created
    AND time >= CASE WHEN :ago_1h < :month THEN :ago_1h ELSE :month END AND login <> :service
GROUP BY reason
"""
_SENSELOCK = """
SELECT 1 FROM report WHERE client_id = :client AND created >= :ago_30d AND created < :created
    AND lower(protection_type) = 'senselock' LIMIT 1
"""
_KASSIST = """
SELECT day, added, unique_links, unmatched, checked FROM kassist_day
WHERE client_id = :client AND day <= :today ORDER BY day DESC LIMIT 1
"""
_NOBODY = "\x01"  # a login nobody has: there is no service user


def month_start(instant: int, zone: tzinfo) -> int:
    """00:00 of the 1st in that zone, unix seconds."""
    local = datetime.fromtimestamp(instant, zone)
    return int(datetime(local.year, local.month, 1, tzinfo=zone).timestamp())


def months_before(instant: int, months: int) -> int:
    """The same day and time so many calendar months earlier in UTC; the last day of a shorter month."""
    moment = datetime.fromtimestamp(instant, UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    for day in range(moment.day, 0, -1):
        try:
            return int(moment.replace(year=year, month=month + 1, day=day).timestamp())
        except ValueError:  # 31 April
            continue
    raise AssertionError(months)


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    parameters: dict[str, Any]

    def rows(self, statement: str) -> list[Any]:
        return list(run(self.connection, statement, self.parameters))


def read_usage(connection: Connection, client_id: int, created: int, zone: tzinfo, service_login: str) -> Usage:
    """Sums, windows and states of a client as of `created`, in the client's zone.

    A clock hour counts to a window when it begins inside it. A user is a login in a domain.
    """
    month = month_start(created, zone)
    ago_30d = created - 30 * _DAY
    reader = _Reader(
        connection,
        {
            "client": client_id,
            "created": created,
            "service": service_login or _NOBODY,
            "month": month,
            "oldest": min(month, ago_30d),
            "ago_1h": created - _HOUR,
            "ago_24h": created - _DAY,
            "ago_30d": ago_30d,
            "ago_60d": created - 60 * _DAY,
            "known_since": months_before(created, KNOWN_MONTHS),
            "today": datetime.fromtimestamp(created, zone).date().isoformat(),
        },
    )
    domains, requests_24h = _domains(reader)
    rejections = reader.rows(_REJECTIONS)
    kassist = reader.rows(_KASSIST)
    return Usage(
        total=_total(domains),
        domains=domains,
        searches_by_type=dict(sorted((kind, count) for kind, count in reader.rows(_SEARCHES))),
        requests_24h=requests_24h,
        rejections_month={reason: month for reason, month, _ in rejections if month},
        rejections_1h={reason: hour for reason, _, hour in rejections if hour},
        had_senselock_30d=bool(reader.rows(_SENSELOCK)),
        kassist_day=tuple(kassist[0]) if kassist else None,
    )


def _domains(reader: _Reader) -> tuple[dict[str, DomainUsage], int]:
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    requests_24h = 0
    for domain, *sums, kassist_30d, last_day, active in reader.rows(_ACTIVITY):
        found[domain].update(zip(USER_COUNTERS, sums, strict=True))
        found[domain].update(kassist_30d=kassist_30d, active_users=active)
        requests_24h += last_day
    names = ("users", "users_idle_30d", "users_idle_60d", "users_entered", "cards_filled")
    for domain, *counts in reader.rows(_ACCOUNTS):
        found[domain].update(zip(names, counts, strict=True))
    for domain, *counts in reader.rows(_EMPTY):
        for name, count in zip(("empty_searches", "empty_searches_24h"), counts, strict=True):
            found[domain][name] = found[domain].get(name, 0) + count
    return {domain: DomainUsage(**found[domain]) for domain in sorted(found)}, requests_24h


def _total(domains: dict[str, DomainUsage]) -> DomainUsage:
    return DomainUsage(
        **{field.name: sum(getattr(usage, field.name) for usage in domains.values()) for field in fields(DomainUsage)}
    )
