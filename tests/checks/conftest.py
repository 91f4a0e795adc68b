"""Facts for tests of checks: a client and a small report, each changed by keyword."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smart.checks import read_facts
from smart.checks.base import DomainUsage, Facts, Usage
from smart.inventory.model import Client, Kind
from smart.sysinfo.report import Alarm, OperUp, Protection, Report, Volume, VolumeError

CREATED = 1_795_161_303  # 2026-11-20T10:55:03+03:00

CLIENT = Client("romashka", "ООО «Ромашка»", "north-1", Kind.PUSH, ZoneInfo("Europe/Moscow"), date(2026, 1, 1))
REPORT = Report(
    version="2.0.6.15",
    created=CREATED,
    regnum="599_12345",
    owner="ООО «Ромашка»",
    seats=25,
    valid_until="2026-12-31",
    supported=True,
    protection=Protection("SenseLock", "ok", "", ""),
    maintenance=False,
    need_support=False,
    spp_ok=True,
    warnings=[],
    volumes=[
        Volume(
            "100001", "Нормы", r"D:\Kodeks\base\nps.db", "2311", "2026-12-31", [], [OperUp(r"D:\o\nps.upd", CREATED)]
        ),
        Volume(
            "100002",
            "Законы",
            r"D:\Kodeks\base\law.db",
            "2311",
            "2026-11-30",
            [VolumeError("2007", "Нет прав на использование данной копии БД")],
            [OperUp(r"D:\o\law.upd", CREATED - 86_400)],
        ),
    ],
    seats_used=12,
    has_users=True,
    has_sessions=True,
    has_rejections=True,
    has_searches=True,
    has_kassist=True,
)
CORP = DomainUsage(
    requests=100,
    documents=40,
    free_documents=7,
    services=5,
    saved=4,
    printed=3,
    searches=30,
    kassist=2,
    kassist_30d=6,
    active_users=10,
    empty_searches=9,
    empty_searches_24h=1,
    users=12,
    users_idle_30d=2,
    users_idle_60d=1,
    users_entered=8,
    cards_filled=6,
)
USAGE = Usage(
    total=CORP,
    domains={"corp.local": CORP},
    searches_by_type={"intellectual": 21, "attribute": 9},
    requests_24h=17,
    rejections_month={"no-seats": 3},
    rejections_1h={"auth": 1},
    kassist_day=("2026-11-19", 14, 11, 2, 37),
)


def make_facts(*, client: dict[str, Any] | None = None, usage: Usage = USAGE, **report: Any) -> Facts:
    """Facts of a sound installation with some fields of the report changed."""
    return Facts(replace(CLIENT, **(client or {})), replace(REPORT, **report), usage, CREATED + 60)


@pytest.fixture
def facts() -> Callable[..., Facts]:
    return make_facts


@pytest.fixture
def samples_of() -> Callable[..., dict[tuple[str, ...], float]]:
    """Samples of one metric by label values."""

    def samples_of(metric: str, **changes: Any) -> dict[tuple[str, ...], float]:
        found = [sample for sample in read_facts(make_facts(**changes)) if sample.metric == metric]
        return {sample.labels: sample.value for sample in found}

    return samples_of


@pytest.fixture
def alarm() -> Callable[[str, str], Alarm]:
    return Alarm
