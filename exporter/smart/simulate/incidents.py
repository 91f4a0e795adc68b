"""What befalls stand-in customers, and when: each change by the name used in schedules, as `AT:CLIENT:CHANGE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from smart.errors import ConfigError
from smart.simulate.installation import Fault, Installation
from smart.simulate.report import Key, Period, ReportSpec

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LICENCE_DAYS_LEFT = 1  # once it is about to end
OPERUP_AGE = timedelta(days=4)


@dataclass(slots=True)
class StandIn:
    """One stand-in customer: an installation, and the agent beside it when it reports."""

    client: str
    branch: str
    installation: Installation
    reporting: bool = True  # False: the agent's schedule is gone


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """At `seconds` after the start something happens to a client."""

    seconds: float
    client: str
    what: str  # a key of CHANGES


def _spec(**fields: object) -> Callable[[StandIn, datetime], None]:
    def change(stand_in: StandIn, _now: datetime) -> None:
        _edit(stand_in, **fields)

    return change


def _fault(fault: Fault) -> Callable[[StandIn, datetime], None]:
    def change(stand_in: StandIn, _now: datetime) -> None:
        stand_in.installation.fault = fault

    return change


def _reporting(value: bool) -> Callable[[StandIn, datetime], None]:
    def change(stand_in: StandIn, _now: datetime) -> None:
        stand_in.reporting = value

    return change


def _operup_stopped(stand_in: StandIn, now: datetime) -> None:
    """The update job died days ago: what a report shows once it is noticed."""
    _edit(stand_in, operup_stopped=now - OPERUP_AGE)


def _licence_ends(stand_in: StandIn, now: datetime) -> None:
    _edit(stand_in, licence_until=now.date() + timedelta(days=LICENCE_DAYS_LEFT))


def _licence_renewed(stand_in: StandIn, now: datetime) -> None:
    _edit(stand_in, licence_until=now.date() + timedelta(days=365))


def _begins(name: str, back: timedelta) -> Callable[[StandIn, datetime], None]:
    """A period begins, `back` before now so that the next report already shows it."""

    def change(stand_in: StandIn, now: datetime) -> None:
        _edit(stand_in, **{name: Period(now - back)})

    return change


def _ends(name: str) -> Callable[[StandIn, datetime], None]:
    """The period ends; what happened in it stays in the lists."""

    def change(stand_in: StandIn, now: datetime) -> None:
        period: Period | None = getattr(stand_in.installation.spec, name)
        if period is not None:
            _edit(stand_in, **{name: replace(period, end=now)})

    return change


def _newcomer(stand_in: StandIn, now: datetime) -> None:
    _edit(stand_in, newcomers=1, newcomers_since=now - timedelta(hours=24))


def _edit(stand_in: StandIn, **fields: object) -> None:
    spec: ReportSpec = stand_in.installation.spec
    stand_in.installation.spec = replace(spec, **fields)  # type: ignore[arg-type]  # names are those of ReportSpec


CHANGES: Mapping[str, Callable[[StandIn, datetime], None]] = {
    "key-lost": _spec(key=Key.LOST),
    "key-back": _spec(key=Key.OK),
    "operup-stops": _operup_stopped,
    "operup-resumes": _spec(operup_stopped=None),
    "licence-ends": _licence_ends,
    "licence-renewed": _licence_renewed,
    "nothing-found": _begins("nothing_found", timedelta(hours=24)),
    "found-again": _ends("nothing_found"),
    "no-seats": _begins("no_seats", timedelta(hours=1)),
    "seats-free": _ends("no_seats"),
    "newcomer": _newcomer,
    "maintenance": _spec(maintenance=True),
    "maintenance-over": _spec(maintenance=False),
    "warning": _spec(warnings=(("64", "Не могу открыть файл D:\\Kodeks\\base\\nps.db (ошибка 64)"),)),
    "warning-over": _spec(warnings=()),
    "support-ends": _spec(supported=False),
    "support-back": _spec(supported=True),
    "silent": _reporting(False),
    "reports-again": _reporting(True),
    "error-500": _fault(Fault.ERROR_500),
    "hanging": _fault(Fault.HANGING),
    "half-a-body": _fault(Fault.HALF),
    "html": _fault(Fault.HTML),
    "healthy": _fault(Fault.NONE),
}


def parse_seconds(text: str) -> float:
    """`90`, `90s`, `5m`, `2h` or `1d` in seconds; raises ConfigError."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"{text!r} is not a time (write 90s, 5m, 2h or 1d)")
    return seconds


def parse_change(text: str) -> Change:
    """One line of a schedule, `AT:CLIENT:CHANGE`; raises ConfigError."""
    at, first, rest = text.partition(":")
    client, last, what = rest.rpartition(":")
    if not (first and last and client):
        raise ConfigError(f"{text!r} is not a change (write AT:CLIENT:CHANGE, such as 5m:romashka:key-lost)")
    if what not in CHANGES:
        raise ConfigError(f"{text!r}: {what!r} is not known (one of {', '.join(CHANGES)})")
    return Change(parse_seconds(at), client, what)
