"""The reports themselves, the client's entry in the inventory and the limits that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

from smart.checks.base import View
from smart.checks.calendar import local_date
from smart.inventory.model import Branch

Rows = Iterator[tuple[tuple[str, ...], float]]

# Clients or objects that must fail together for a Count alert, where the branch does not say otherwise.
COUNT_THRESHOLDS = {
    "KodeksDBerrorsNoCodeCount": 10,
    "KodeksDBerrorsCode2007Count": 10,
    "KodeksDBerrorsCodeXXXCount": 10,
    "KodeksDBOperUpToOldCount": 10,
    "KodeksIcmpCount": 5,
    "KodeksTcpStatusCount": 5,
    "KodeksHttp200StatusCount": 5,
    "KodeksMaintenanceCount": 31,
    "KodeksMaintenanceToLongCount": 5,
}


def show_file_time(view: View) -> Rows:
    """The earlier of creation and receipt of the newest report; without one, when the client came under watch.

    That is the later of its first day under watch and the moment it was first seen in the inventory: neither an entry
    made in advance nor one dated back may look like a silence.
    """
    if view.created is not None and view.received is not None:
        yield (), float(min(view.created, view.received))
        return
    since = datetime.combine(view.client.since, time(), view.client.zone).timestamp()
    yield (), max(since, float(view.listed_at))


def show_created(view: View) -> Rows:
    """The time inside the newest report."""
    if view.created is not None:
        yield (), float(view.created)


def show_received(view: View) -> Rows:
    """When the newest report came."""
    if view.received is not None:
        yield (), float(view.received)


def show_rejected(view: View) -> Rows:
    """When the newest file came, while it is one that was refused."""
    if view.rejected_at is not None:
        yield (view.rejected_reason,), float(view.rejected_at)


def show_max_age(view: View) -> Rows:
    """How old a report may become; nothing for clients whose silence does not alarm."""
    limit = view.client.thresholds.xml_max_age_seconds
    if limit is not None:
        yield (), float(limit)


def show_operup_max_age(view: View) -> Rows:
    """How old an OperUp file may become."""
    yield (), float(view.client.thresholds.operup_max_age_seconds)


def show_utc_offset(view: View) -> Rows:
    """What to add to UTC for the client's local time, summer time included."""
    offset = datetime.fromtimestamp(view.now, view.client.zone).utcoffset()
    assert offset is not None, "a ZoneInfo always knows its offset"
    yield (), offset.total_seconds()


def show_full_month(view: View) -> Rows:
    """1 if the client was under watch before the 1st of this month."""
    yield (), float(view.client.since < local_date(view.now, view.client.zone).replace(day=1))


def show_left_out(view: View) -> Rows:
    """Events beyond the limit, by family."""
    for family, count in sorted(view.left_out.items()):
        yield (family,), float(count)


def show_count_thresholds(branch: Branch) -> Rows:  # noqa: ARG001
    """Thresholds of the Count alerts."""
    for alert, threshold in COUNT_THRESHOLDS.items():
        yield (alert,), float(threshold)
