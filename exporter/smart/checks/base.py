"""What a check and a figure are, and the facts they are read off. No network, no clock, no store in here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from smart.checks.signatures import classify
from smart.inventory.model import Branch, Client
from smart.sysinfo.report import Report


class Reason(StrEnum):
    """Why a check is bad or was not made. A closed set: it becomes a label value; free text goes to the log."""

    PROTECTION = "protection"
    NOT_REPORTED = "not-reported"
    REPORTED = "reported"  # the installation itself says so
    EXHAUSTED = "exhausted"


class Sample(NamedTuple):
    """One exposed value of a metric that its registry row names. Labels are in the order of that row."""

    metric: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one check: True good, False bad, None not checked (then no sample is exposed)."""

    ok: bool | None
    reason: Reason | None = None


NOT_CHECKED = Outcome(None, Reason.NOT_REPORTED)


@dataclass(frozen=True, slots=True)
class DomainUsage:
    """Sums over the users of one domain; the service user is left out. Month = since the 1st, client's zone."""

    requests: int = 0
    documents: int = 0
    free_documents: int = 0
    services: int = 0
    saved: int = 0
    printed: int = 0
    searches: int = 0  # as the activity counters say, all types
    kassist: int = 0
    kassist_30d: int = 0
    active_users: int = 0  # distinct logins with at least one request this month
    empty_searches: int = 0  # this month
    empty_searches_24h: int = 0
    users: int = 0  # known logins, seen in the last 13 months
    users_idle_30d: int = 0  # of these, no request in 30 days
    users_idle_60d: int = 0  # last seen (or registered, when never seen) 60 days ago or more
    users_entered: int = 0  # of these, ever logged in
    cards_filled: int = 0  # of those who entered: all five fields of the card are filled


@dataclass(frozen=True, slots=True)
class Usage:
    """What people did, read from the stored records at the moment of a report. `domains` sums up to `total`."""

    total: DomainUsage = field(default_factory=DomainUsage)
    domains: Mapping[str, DomainUsage] = field(default_factory=dict)
    searches_by_type: Mapping[str, int] = field(default_factory=dict)  # this month, from the list of searches
    requests_24h: int = 0
    rejections_month: Mapping[str, int] = field(default_factory=dict)  # reason -> count
    rejections_1h: Mapping[str, int] = field(default_factory=dict)
    had_senselock_30d: bool = False  # an earlier report of the last 30 days had a SenseLock protection section
    kassist_day: tuple[str, int, int, int, int] | None = None  # newest day: day, added, unique, unmatched, checked


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a check of a report may look at."""

    client: Client
    report: Report
    usage: Usage
    received: int  # unix seconds
    classify: Callable[[str, str], tuple[str, str]] = classify  # code, message of a volume's error -> code, errclass

    @property
    def effective(self) -> int:
        """The moment the report speaks of: an old file sent again is not fresh, a clock ahead is not the future."""
        return min(self.report.created, self.received)


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """A yes-or-no question answered by the newest report of a client."""

    metric: str
    help: str
    read: Callable[[Facts], Outcome]
    sourced: bool = False  # other sources can answer it too: the sample says which one did, in the label src

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels of its samples."""
        return ("src",) if self.sourced else ()


class Scope(StrEnum):
    """How long a figure of the newest report stays true."""

    ALWAYS = "always"
    MONTH = "month"  # counters of a calendar month in the client's zone: withdrawn when that month is over
    INPUT = "input"  # stored but not shown: what figures that change with the clock or the inventory are made from


@dataclass(frozen=True, slots=True)
class Figure:
    """A number read off a report: `read` yields (label values in the order of `labels`, value)."""

    metric: str
    help: str
    read: Callable[[Facts], Iterable[tuple[tuple[str, ...], float]]]
    labels: tuple[str, ...] = ()
    scope: Scope = Scope.ALWAYS


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one client at one moment, for figures that change with the clock or the inventory."""

    client: Client
    now: int  # unix seconds
    listed_at: int  # when the client was first seen in the inventory
    created: int | None = None  # of the newest accepted report; None: none ever came
    received: int | None = None
    rejected_at: int | None = None  # only while the newest file is a refused one
    rejected_reason: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)  # event family -> events beyond the limit
    inputs: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)  # samples of Scope.INPUT by metric


@dataclass(frozen=True, slots=True)
class ClockFigure:
    """A number computed when a page is rendered: from the inventory, the clock and what is stored."""

    metric: str
    help: str
    read: Callable[[View], Iterable[tuple[tuple[str, ...], float]]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventFamily:
    """Records shown with value 1 for a limited time after they were first stored, the newest only."""

    metric: str
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BranchFigure:
    """A number of a branch as a whole: on the branch's own page, so that rules can join on (dealer, branch)."""

    metric: str
    help: str
    read: Callable[[Branch], Iterable[tuple[tuple[str, ...], float]]]
    labels: tuple[str, ...] = ()
