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
    INTEGER = "integer"  # decimal digits of ASCII, up to values.BIGGEST
    INSTANT = "instant"  # local time or date without a zone, or time with one -> unix seconds
    HOUR = "hour"  # an instant at minute 0, second 0
    DATE = "date"  # -> YYYY-MM-DD
    BOOLEAN = "boolean"
    PRESENCE = "presence"  # is the element there? true or false


class Target(NamedTuple):
    """One field of a record: its type, whether a profile has to map it, and what is allowed in it."""

    type: FieldType
    must: bool = False
    minimum: int = 0
    nullable: bool = True  # None may stand in its column; else a value has to come from the report or a default
    longest: int = 0  # characters of a text; 0: of any length


# Texts of keys are bounded, since a key of PostgreSQL holds 2,704 bytes: two names, or a path and a code, of four bytes
# a character. The same bounds keep the labels short that are made of them.
LONGEST_NAME, LONGEST_PATH, LONGEST_CODE = 300, 400, 200

_TEXT = Target(FieldType.TEXT)
_NAME = Target(FieldType.TEXT, longest=LONGEST_NAME)
_KEY = Target(FieldType.TEXT, must=True, longest=LONGEST_NAME)
_PATH = Target(FieldType.TEXT, longest=LONGEST_PATH)
_CODE = Target(FieldType.TEXT, longest=LONGEST_CODE)
_LONG = Target(FieldType.TEXT, must=True)
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
    "volumes": {"number": _KEY, "name": _TEXT, "file": _PATH, "update": _TEXT, "licence_valid_until": _DATE},
    "volume_errors": {"code": _CODE, "message": _TEXT},
    "operup": {"file": _PATH, "updated": _INSTANT},
    "activity": {
        "hour": _HOUR,
        "login": _KEY,
        "domain": _NAME,
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
        "catalog": _NAME,
        "type": _NAME,
        "source": _NAME,
        "found": _FOUND,
        "duration_ms": _NUMBER,
        "text": _LONG,
    },
    "rejections": {"time": _TIME, "login": _KEY, "reason": _KEY},
    "users": {
        "login": _KEY,
        "domain": _NAME,
        "registered": _INSTANT,
        "last_seen": _INSTANT,
        "has_card": Target(FieldType.PRESENCE),
        "fullname": _TEXT,
        "phone": _TEXT,
        "email": _TEXT,
        "position": _TEXT,
        "department": _TEXT,
    },
    "sessions": {"login": _KEY, "domain": _NAME, "ip": _TEXT, "browser": _TEXT, "since": _INSTANT, "seat": _FLAG},
    "kassist": {"day": _DAY, "added": _COUNT, "unique": _COUNT, "unmatched": _COUNT, "checked": _COUNT},
}

# Kinds that stand inside an element of another kind, so that they can be told whose they are.
INSIDE = {"volume_errors": "volumes", "operup": "volumes"}
