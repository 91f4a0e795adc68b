"""Helpers of the sysinfo tests: read bytes as a report, and reports with one thing changed."""

from __future__ import annotations

import io
from pathlib import Path
from zoneinfo import ZoneInfo

from smart.sysinfo.parse import parse_report
from smart.sysinfo.profile import load_profile
from smart.sysinfo.report import Records, Report

MOSCOW = ZoneInfo("Europe/Moscow")
REFERENCE = load_profile()
REPORTS = Path(__file__).parent.parent / "data" / "reports"
FULL = (REPORTS / "full.xml").read_bytes()


def read(data: bytes, profile=REFERENCE, zone=MOSCOW) -> tuple[Report, dict[Records, list[tuple]]]:
    """The report and its bulk records, all batches of a kind joined."""
    rows: dict[Records, list[tuple]] = {kind: [] for kind in Records}
    report = parse_report(io.BytesIO(data), profile, zone, lambda kind, batch: rows[kind].extend(batch))
    assert report.counts == {kind: len(found) for kind, found in rows.items()}
    return report, rows


def sysinfo(inside: str = "", root: str = 'created="2026-11-20T10:55:03"') -> bytes:
    """A UTF-8 report with these sections on lines 2 and following."""
    return f'<?xml version="1.0" encoding="UTF-8"?><sysinfo {root}>\n{inside}\n</sysinfo>\n'.encode()


def searches(*texts: str, attributes: str = 'time="2026-11-20T09:03:12" login="user017" found="1"') -> bytes:
    """A report whose searches have these texts, as they stand in XML."""
    return sysinfo("<searches>" + "".join(f"<search {attributes}>{text}</search>" for text in texts) + "</searches>")
