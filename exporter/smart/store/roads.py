"""The fast road of a database for bulk records, behind one interface; and the tables records are staged in.

Large kinds (activity, searches, rejections) go the way that is quickest for the database. Small ones are staged in
temporary tables, the same on both databases, and merged by the same SQL (merges.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smart.store.tables import CARD_FIELDS, USER_COUNTERS
from smart.sysinfo.report import Records

# name -> columns in the order of the records; "*" marks text, all others are BIGINT, "?" marks one that may be NULL
SMALL_STAGES: dict[str, tuple[str, ...]] = {
    "stage_user": (
        *("login*", "domain*", "registered?", "last_seen?", "has_card"),
        *(f"{field}*" for field in CARD_FIELDS),
    ),
    "stage_session": ("ordinal", "login*", "domain*", "ip*", "browser*", "since?", "seat?"),
    "stage_kassist": ("day*", "added", "unique_links", "unmatched", "checked"),
    "stage_request": ("login*", "domain*", "first_hour", "last_hour"),
}
BULK_STAGES: dict[str, tuple[str, ...]] = {
    "stage_activity": ("hour", "login*", "domain*", *USER_COUNTERS),
    "stage_search": ("time", "login*", "digest", "catalog*", "type*", "source*", "found", "duration_ms?", "text*"),
    "stage_rejection": ("time", "login*", "reason*"),
}
BULK_KINDS = {
    Records.ACTIVITY: "stage_activity",
    Records.SEARCHES: "stage_search",
    Records.REJECTIONS: "stage_rejection",
}


def columns_of(stage: tuple[str, ...]) -> list[str]:
    """Names of a stage's columns."""
    return [column.rstrip("*?") for column in stage]


def create_stage(name: str, stage: tuple[str, ...], options: str = "") -> str:
    """The statement that makes a stage where the connection has none yet."""
    types = ["TEXT" if column.endswith("*") else "BIGINT" for column in stage]
    columns = ", ".join(map(" ".join, zip(columns_of(stage), types, strict=True)))
    return f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({columns}) {options}"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What all records of one report have in common."""

    client_id: int
    received: int
    keep_query_text: bool


class FastRoad(Protocol):
    """Carries the records of one report, within the transaction of the connection it was made for."""

    def bulk(self, kind: Records, rows: Sequence[tuple[Any, ...]]) -> None:
        """Takes rows of one of BULK_KINDS; they need not be in their table before `arrive`."""

    def stage(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Puts rows into one of SMALL_STAGES."""

    def arrive(self) -> dict[Records, int]:
        """Puts all bulk rows into their tables; how many records of each kind are new or have grown."""
