"""Protection key, reg-file, seats and maintenance contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from smart.checks.base import NOT_CHECKED, Facts, Outcome, Reason, View
from smart.checks.calendar import end_of_day, local_date
from smart.checks.labels import clip

OWNER = "KodeksReportedOwner"
SUPPORTED = "KodeksReportedSupported"
FIRST_END = "KodeksLicenseFirstEnd"


def is_senselock(binding: str) -> bool:
    """Is this the name of the SenseLock binding, as reports and admin pages write it?"""
    return "senselock" in binding.casefold().replace(" ", "").replace("-", "")


def check_xml_senselock(facts: Facts) -> Outcome:
    """Does the newest report say that the SenseLock protection is ok?

    Source: registration/protection. Not checked when there is no such section, it gives no status, or the reg-file is
    bound otherwise.
    """
    protection = facts.report.protection
    if protection is None or not protection.status or not is_senselock(protection.type):
        return NOT_CHECKED
    return Outcome(True) if protection.status.casefold() == "ok" else Outcome(False, Reason.PROTECTION)


def check_offline_senselock(facts: Facts) -> Outcome:
    """Does the report still have the SenseLock section that reports of the last 30 days had?

    Source: registration/protection and stored reports. Not checked when the reg-file is bound otherwise or no report
    ever had the section. The status inside the section is the business of check_xml_senselock.
    """
    protection = facts.report.protection
    if protection is not None:
        return Outcome(True) if is_senselock(protection.type) else NOT_CHECKED
    return Outcome(False, Reason.NOT_REPORTED) if facts.usage.had_senselock_30d else NOT_CHECKED


def check_limits_users(facts: Facts) -> Outcome:
    """Is at least one seat free? Source: registration seats and seats/used. Not checked when one is not reported."""
    seats, used = facts.report.seats, facts.report.seats_used
    if seats is None or used is None:
        return NOT_CHECKED
    return Outcome(True) if used < seats else Outcome(False, Reason.EXHAUSTED)


def read_protection(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """The protection section as reported. Source: registration/protection."""
    protection = facts.report.protection
    if protection is not None:
        labels = (protection.type, protection.status, protection.code, protection.message)
        yield tuple(clip(label) for label in labels), 1.0


def read_seats(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Seats in the reg-file. Source: registration seats."""
    if facts.report.seats is not None:
        yield (), float(facts.report.seats)


def read_seats_used(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Seats taken now. Source: seats/used."""
    if facts.report.seats_used is not None:
        yield (), float(facts.report.seats_used)


def read_valid_until(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Last second of the reg-file's term, client's zone. Source: registration valid-until."""
    if facts.report.valid_until is not None:
        yield (), end_of_day(facts.report.valid_until, facts.client.zone)


def read_first_end(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Last second of the earliest licence term among all volumes. Source: database/licence valid-until."""
    ends = [volume.licence_valid_until for volume in facts.report.volumes or () if volume.licence_valid_until]
    if ends:
        yield (), end_of_day(min(ends), facts.client.zone)


def read_owner(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Legal entity and registration number as reported. Source: registration owner, number."""
    yield (clip(facts.report.owner), clip(facts.report.regnum)), 1.0


def read_supported(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """1 if the report says that the maintenance contract is alive. Source: registration supported."""
    if facts.report.supported is not None:
        yield (), float(facts.report.supported)


def show_days_left(view: View) -> Iterator[tuple[tuple[str, ...], float]]:
    """Whole days of the client's calendar from today to the last day of the earliest licence; 0 on that day."""
    for sample in view.inputs.get(FIRST_END, ()):
        last_day = datetime.fromtimestamp(sample.value, view.client.zone).date()
        yield owner_of(view), float((last_day - local_date(view.now, view.client.zone)).days)


def show_supported(view: View) -> Iterator[tuple[tuple[str, ...], float]]:
    """What the inventory says about the maintenance contract; when it says nothing, what the newest report says."""
    if view.client.supported is not None:
        yield (), float(view.client.supported)
        return
    for sample in view.inputs.get(SUPPORTED, ()):
        yield (), sample.value


def show_client_info(view: View) -> Iterator[tuple[tuple[str, ...], float]]:
    """Legal entity and registration number."""
    yield owner_of(view), 1.0


def owner_of(view: View) -> tuple[str, str]:
    """Legal entity (as reported, else of the inventory) and registration number of a client."""
    for sample in view.inputs.get(OWNER, ()):
        clientname, regnum = sample.labels
        return clientname or clip(view.client.legal_entity), regnum
    return clip(view.client.legal_entity), ""
