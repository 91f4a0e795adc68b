"""The calendar of a client: days, months and the offset from UTC in its own zone."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, tzinfo

FIRST_YEAR, LAST_YEAR = 1971, 9998  # years beyond cannot be turned into instants in every zone


def local_date(now: int, zone: tzinfo) -> date:
    """The day it is in a zone."""
    return datetime.fromtimestamp(now, zone).date()


def end_of_day(text: str, zone: tzinfo) -> float:
    """Last second of a day YYYY-MM-DD as unix seconds."""
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        day = date(FIRST_YEAR, 1, 1) if day.year < FIRST_YEAR else date(LAST_YEAR, 12, 31)
    return datetime.combine(day, time(23, 59, 59), zone).timestamp()


def next_change(zone: tzinfo, now: int) -> int:
    """The next instant at which the calendar or the offset from UTC changes in a zone."""
    local = datetime.fromtimestamp(now, zone)
    tomorrow = datetime.combine(local.date() + timedelta(days=1), time(), zone)
    high = max(math.ceil(tomorrow.timestamp()), now + 1)
    if datetime.fromtimestamp(high, zone).utcoffset() == local.utcoffset():
        return high
    low = now
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == local.utcoffset():
            low = middle
        else:
            high = middle
    return high
