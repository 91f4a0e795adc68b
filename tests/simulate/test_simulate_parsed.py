"""The parser reads what the stand-ins write: every record, and each thing that befalls them."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import smart
from smart.simulate.report import Key, ReportSpec, sized_spec, write_report
from smart.sysinfo.parse import parse_report
from smart.sysinfo.profile import load_profile

PROFILE = load_profile(Path(smart.__file__).parent / "profiles" / "reference.yml")
MOSCOW = ZoneInfo("Europe/Moscow")


def parsed(spec: ReportSpec):
    """The report, its rows by kind, and what the writer counted."""
    buffer = io.BytesIO()
    counts = write_report(spec, 1, buffer)
    buffer.seek(0)
    rows = {}
    report = parse_report(buffer, PROFILE, MOSCOW, lambda kind, batch: rows.setdefault(kind, []).extend(batch))
    return report, rows, counts


@pytest.mark.parametrize(
    "spec",
    [
        ReportSpec(rejections_a_day=5, users=90),
        ReportSpec(encoding="windows-1251", newline="\r\n"),
        ReportSpec(bom=True, key=Key.LOST),
        ReportSpec(zone=timezone(timedelta(hours=3))),
        sized_spec(0.5),
    ],
    ids=["usual", "cp1251-crlf", "bom-key-lost", "zoned", "sized"],
)
def test_every_record_written_is_read_once(spec: ReportSpec) -> None:
    report, rows, counts = parsed(spec)
    assert {kind: len(rows.get(kind, [])) for kind in counts} == dict(counts)
    assert all(Counter(map(tuple, batch)).most_common(1)[0][1] == 1 for batch in rows.values())
    assert report.created == int(spec.created.replace(tzinfo=MOSCOW).timestamp())
    assert report.owner == spec.legal_entity
    assert report.seats == spec.seats
    assert len(report.volumes) == spec.volumes


def test_a_report_without_offset_and_one_with_it_say_the_same() -> None:
    plain, zoned = ReportSpec(), ReportSpec(zone=timezone(timedelta(hours=3)))
    assert parsed(plain)[1] == parsed(zoned)[1]


def test_a_lost_key_is_read_as_an_error_of_every_volume() -> None:
    report, _, _ = parsed(replace(ReportSpec(), key=Key.LOST, created=datetime(2026, 11, 20, 20, 0, 0)))
    assert (report.protection.status, report.protection.code) == ("error", "4111")
    assert {error.message for volume in report.volumes for error in volume.errors} == {"Invalid protect string"}
    assert {volume.licence_valid_until for volume in report.volumes} == {None}
