"""What one sysinfo report says. Bulk records are NamedTuples in the column order of their table; the rest is `Report`.

Instants are unix seconds in UTC (the parser applies the client's zone); a value that the report does not give is
None, never zero. A section that is missing altogether is None where `Report` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Activity(NamedTuple):
    """What one user did in one clock hour; counters. Source: users/user/activity. Table user_hour."""

    hour: int  # start of the hour, unix seconds
    login: str
    domain: str
    requests: int
    documents: int
    free_documents: int
    services: int
    saved: int
    printed: int
    searches: int
    kassist: int


class Search(NamedTuple):
    """One search of one user. Source: searches/search. Table search_event."""

    time: int
    login: str
    digest: int  # CRC-32 of the NUL-joined text, catalog, type, source: tells searches of one second apart
    catalog: str
    type: str  # intellectual | attribute | as reported
    source: str  # ksrv | kassist | as reported
    found: int  # documents; -1: the query failed
    duration_ms: int | None
    text: str


class Rejection(NamedTuple):
    """One login refused. Source: rejections/rejection. Table rejection."""

    time: int
    login: str
    reason: str  # no-seats | auth | as reported


class User(NamedTuple):
    """One login the installation knows. Source: users/user and users/user/card. Tables user_account and user_card."""

    login: str
    domain: str
    registered: int | None
    last_seen: int | None
    has_card: bool
    fullname: str
    phone: str
    email: str
    position: str
    department: str


class Session(NamedTuple):
    """One user connected when the report was made. Source: sessions/session. Table session."""

    login: str
    domain: str
    ip: str
    browser: str
    since: int | None
    seat: bool | None


class KassistDay(NamedTuple):
    """Links kAssist handled in one day of the installation's calendar. Source: kassist/day. Table kassist_day."""

    day: str  # YYYY-MM-DD
    added: int
    unique: int
    unmatched: int
    checked: int


class Records(StrEnum):
    """Kinds of bulk records a parser hands to its sink, each a list of one NamedTuple type above."""

    ACTIVITY = "activity"
    SEARCHES = "searches"
    REJECTIONS = "rejections"
    USERS = "users"
    SESSIONS = "sessions"
    KASSIST = "kassist"


@dataclass(slots=True)
class VolumeError:
    """One error a volume reports; `code` as the report writes it, empty when there is none."""

    code: str
    message: str


@dataclass(slots=True)
class OperUp:
    """One update file of a volume; `updated` unix seconds or None."""

    file: str
    updated: int | None


@dataclass(slots=True)
class Volume:
    """One database volume. `licence_valid_until` is a date YYYY-MM-DD or None when the report has no term for it."""

    number: str
    name: str
    file: str
    update: str
    licence_valid_until: str | None = None
    errors: list[VolumeError] = field(default_factory=list)
    operup: list[OperUp] = field(default_factory=list)


@dataclass(slots=True)
class Protection:
    """Source: registration/protection. `status` is ok or error; `code` and `message` explain an error."""

    type: str
    status: str
    code: str
    message: str


@dataclass(slots=True)
class Alarm:
    """One alarm message of the server. Source: state/warning."""

    code: str
    text: str


@dataclass(slots=True)
class Catalog:
    """Source: catalogs/catalog; `main_page`, `products`: True for ok, False for anything else, None if not told."""

    path: str
    main_page: bool | None
    products: bool | None


@dataclass(slots=True)
class Report:
    """The part of a report that is small: everything but the bulk records."""

    version: str = ""  # of the report module
    created: int = 0  # unix seconds; a report without it is refused
    product: str = ""
    os: str = ""
    started: int | None = None
    address: str = ""
    regnum: str = ""
    owner: str = ""  # legal entity as the installation reports it
    seats: int | None = None
    valid_until: str | None = None  # of the reg-file, YYYY-MM-DD
    supported: bool | None = None
    protection: Protection | None = None
    components: dict[str, str] = field(default_factory=dict)  # name -> version
    maintenance: bool | None = None
    need_support: bool | None = None
    spp_ok: bool | None = None
    warnings: list[Alarm] | None = None  # None: no state section
    catalogs: list[Catalog] | None = None
    volumes: list[Volume] | None = None
    seats_used: int | None = None
    has_users: bool = False  # the sections were there, perhaps empty
    has_sessions: bool = False
    has_rejections: bool = False
    has_searches: bool = False
    has_kassist: bool = False
    counts: dict[Records, int] = field(default_factory=dict)  # bulk records handed to the sink
