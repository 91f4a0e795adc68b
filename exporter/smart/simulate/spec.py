"""What a stand-in installation is like and what is wrong with it: everything a generated report depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

RECORDS_OF_20_MIB = 62_701
MIB = 1024 * 1024
CREATED = datetime(2026, 11, 20, 10, 55, 3)


class Key(StrEnum):
    """State of the protection key."""

    OK = "ok"
    LOST = "lost"  # error 4111: no product opens, no volume knows its licence term


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` on, to `end` when it is over. Local times of the installation."""

    start: datetime
    end: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """One report of one stand-in installation. Times are local to the installation and naive.

    Content is drawn per hour from the seed, the client and the hour, never from `created`: reports of one client made
    at different moments agree on every record they share.
    """

    client: str = "romashka"
    legal_entity: str = "ООО «Ромашка»"
    regnum: str = "599_12345"
    created: datetime = CREATED
    zone: tzinfo | None = None  # given: times carry its UTC offset, as some installations write them
    encoding: str = "utf-8"  # or windows-1251
    bom: bool = False
    newline: str = "\n"
    product: str = "6.4.5.127 (x64)"
    version: str = "2.0.6.15"
    supported: bool = True
    seats: int = 25
    seats_used: int | None = None  # None: those who are connected
    users: int = 40
    newcomers: int = 0  # users beyond `users` who began to work at `newcomers_since`
    newcomers_since: datetime = CREATED
    days: int = 7  # how far back the list of searches and of rejections goes; activity goes back to the 1st
    searches_an_hour: float = 1.5  # mean, of one working user
    empty_share: float = 0.03  # of searches that find nothing
    failed_share: float = 0.003  # of searches the engine could not execute
    nothing_found: Period | None = None  # a time when every search finds nothing
    rejections_a_day: float = 0.5
    no_seats: Period | None = None  # a time when every seat is taken and people are turned away
    volumes: int = 16
    operup_files: int = 12
    operup_stopped: datetime | None = None  # the last renewal, when nightly updates stopped
    licence_until: date = date(2027, 12, 31)
    key: Key = Key.OK
    maintenance: bool = False
    need_support: bool = False
    spp: str = "ok"
    warnings: tuple[tuple[str, str], ...] = ()  # code, text
    without: frozenset[str] = frozenset()  # names of top-level sections this installation does not report
    records: int | None = None  # exactly so many bulk records; searches make up the number
    size: int | None = None  # exactly so many bytes; longer texts of searches make up the number

    def at(self, created: datetime) -> ReportSpec:
        """The same installation, reporting at another moment."""
        return replace(self, created=created)

    @property
    def month_start(self) -> datetime:
        return self.created.replace(day=1, hour=0, minute=0, second=0, microsecond=0)

    @property
    def list_start(self) -> datetime:
        """First hour of the lists of searches and rejections."""
        start = self.created.replace(minute=0, second=0, microsecond=0) - timedelta(days=self.days)
        return max(start, self.month_start) if self.records is not None else start


def sized_spec(mib: float, records: int | None = None) -> ReportSpec:
    """A report of exactly `mib` MiB: 20 MiB hold 62,701 records, mostly searches, other sizes in proportion."""
    wanted = records if records is not None else max(1, round(mib / 20 * RECORDS_OF_20_MIB))
    return ReportSpec(
        users=max(1, round(wanted * 0.0016)),
        seats=max(5, round(wanted * 0.001)),
        days=31,
        volumes=max(1, min(41, wanted // 40)),
        operup_files=max(1, min(12, wanted // 80)),
        records=wanted,
        size=round(mib * MIB),
    )
