"""What a mapping profile can fill: the kinds of records a report has, their fields and the type of each.

The order of the fields of a bulk kind is the order of its NamedTuple in report.py, without what the parser computes
itself (Search.digest); the order of the small kinds is the order in which parse.py builds them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FieldType(StrEnum):
    """How a value is written in the report and what it becomes."""

    TEXT = "text"  # as it is, nothing trimmed
    INTEGER = "integer"  # decimal digits of ASCII, up to 64 bits
    INSTANT = "instant"  # local time or date without a zone, or time with one -> unix seconds
    HOUR = "hour"  # an instant at minute 0, second 0
    DATE = "date"  # -> YYYY-MM-DD
    BOOLEAN = "boolean"
    PRESENCE = "presence"  # is the element there? true or false


class Target(NamedTuple):
    """One field of a record: its type, whether a profile has to map it, and the least number allowed."""

    type: FieldType
    must: bool = False
    minimum: int = 0
    nullable: bool = True  # None may stand in its column; else a value has to come from the report or a default


_TEXT = Target(FieldType.TEXT)
_KEY = Target(FieldType.TEXT, must=True)
_COUNT = Target(FieldType.INTEGER, nullable=False)
_NUMBER = Target(FieldType.INTEGER)
_FOUND = Target(FieldType.INTEGER, must=True, minimum=-1, nullable=False)
_INSTANT = Target(FieldType.INSTANT)
_TIME = Target(FieldType.INSTANT, must=True, nullable=False)
_HOUR = Target(FieldType.HOUR, must=True, nullable=False)
_DATE = Target(FieldType.DATE)
_DAY = Target(FieldType.DATE, must=True, nullable=False)
_FLAG = Target(FieldType.BOOLEAN)

KINDS: dict[str, dict[str, Target]] = {
    "report": {
        "version": _TEXT,
        "created": _TIME,
        "product": _TEXT,
        "os": _TEXT,
        "started": _INSTANT,
        "address": _TEXT,
        "regnum": _TEXT,
        "owner": _TEXT,
        "seats": _NUMBER,
        "valid_until": _DATE,
        "supported": _FLAG,
        "maintenance": _FLAG,
        "need_support": _FLAG,
        "spp_ok": _FLAG,
        "seats_used": _NUMBER,
    },
    "protection": {"type": _TEXT, "status": _KEY, "code": _TEXT, "message": _TEXT},
    "components": {"name": _KEY, "version": _KEY},
    "warnings": {"code": _TEXT, "text": _TEXT},
    "catalogs": {"path": _KEY, "main_page": _FLAG, "products": _FLAG},
    "volumes": {"number": _KEY, "name": _TEXT, "file": _TEXT, "update": _TEXT, "licence_valid_until": _DATE},
    "volume_errors": {"code": _TEXT, "message": _TEXT},
    "operup": {"file": _TEXT, "updated": _INSTANT},
    "activity": {
        "hour": _HOUR,
        "login": _KEY,
        "domain": _TEXT,
        "requests": _COUNT,
        "documents": _COUNT,
        "free_documents": _COUNT,
        "services": _COUNT,
        "saved": _COUNT,
        "printed": _COUNT,
        "searches": _COUNT,
        "kassist": _COUNT,
    },
    "searches": {
        "time": _TIME,
        "login": _KEY,
        "catalog": _TEXT,
        "type": _TEXT,
        "source": _TEXT,
        "found": _FOUND,
        "duration_ms": _NUMBER,
        "text": _KEY,
    },
    "rejections": {"time": _TIME, "login": _KEY, "reason": _KEY},
    "users": {
        "login": _KEY,
        "domain": _TEXT,
        "registered": _INSTANT,
        "last_seen": _INSTANT,
        "has_card": Target(FieldType.PRESENCE),
        "fullname": _TEXT,
        "phone": _TEXT,
        "email": _TEXT,
        "position": _TEXT,
        "department": _TEXT,
    },
    "sessions": {"login": _KEY, "domain": _TEXT, "ip": _TEXT, "browser": _TEXT, "since": _INSTANT, "seat": _FLAG},
    "kassist": {"day": _DAY, "added": _COUNT, "unique": _COUNT, "unmatched": _COUNT, "checked": _COUNT},
}

# Kinds that stand inside an element of another kind, so that they can be told whose they are.
INSIDE = {"volume_errors": "volumes", "operup": "volumes"}
