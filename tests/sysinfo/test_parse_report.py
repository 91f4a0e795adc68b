"""What is read: every field of the reference layout, times, encodings, texts, what is missing."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sysinfo_reading import FULL, MOSCOW, REFERENCE, REPORTS, read, searches, sysinfo

from smart.sysinfo.parse import parse_report
from smart.sysinfo.report import (
    Activity,
    Alarm,
    Catalog,
    KassistDay,
    OperUp,
    Protection,
    Records,
    Rejection,
    Search,
    Session,
    User,
    Volume,
    VolumeError,
)


def moscow(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=MOSCOW).timestamp())


NPS = Volume(
    "100001",
    "Нормы, правила, стандарты",
    r"D:\Kodeks\base\nps.db",
    "2311",
    "2026-12-31",
    [],
    [
        OperUp(r"D:\Kodeks\operup\nps.upd", moscow("2026-11-19T23:40:00")),
        OperUp(r"D:\Kodeks\operup\nps2.upd", None),
    ],
)
BUILDING = Volume(
    "100002",
    "Строительство",
    r"D:\Kodeks\base\str.db",
    "2311",
    "2026-12-31",
    [
        VolumeError("2007", "Нет прав на использование данной копии БД"),
        VolumeError("2008", "Количество пользователей превысило максимальное"),
    ],
)

FIELDS = {
    "version": "2.0.6.15",
    "created": moscow("2026-11-20T10:55:03"),
    "product": "6.4.5.127 (x64)",
    "os": "Windows Server 2019",
    "started": moscow("2026-11-20T03:10:00"),
    "address": "10.1.2.3:80",
    "regnum": "599_12345",
    "owner": "ООО «Ромашка»",
    "seats": 25,
    "valid_until": "2026-12-31",
    "supported": True,
    "protection": Protection("SenseLock", "ok", "", ""),
    "components": {"ksrv": "6.4.5.127", "kassist": "7.1.0.22"},
    "maintenance": False,
    "need_support": False,
    "spp_ok": True,
    "warnings": [Alarm("17", "Заканчивается место на диске D:")],
    "catalogs": [Catalog("/docs", True, True), Catalog("/archive", False, False)],
    "volumes": [NPS, BUILDING, Volume("100003", "Без срока", r"D:\Kodeks\base\free.db", "")],
    "seats_used": 12,
    "has_users": True,
    "has_sessions": True,
    "has_rejections": True,
    "has_searches": True,
    "has_kassist": True,
}


def digest(text: str, catalog: str, type_: str, source: str) -> int:
    return zlib.crc32("\0".join((text, catalog, type_, source)).encode())


GOST, WELDING = "гост 9.402", " «сварка & пайка» <5 мм "
ENGINEER = r"CORP\инженер18"
ROWS = {
    Records.ACTIVITY: [
        Activity(moscow("2026-11-20T09:00:00"), "user017", "corp.local", 14, 6, 2, 1, 1, 0, 4, 0),
        Activity(moscow("2026-11-20T10:00:00"), "user017", "corp.local", 3, 1, 0, 0, 0, 2, 1, 5),
    ],
    Records.USERS: [
        User(
            "user017",
            "corp.local",
            moscow("2024-02-01"),
            moscow("2026-11-20T10:40:00"),
            True,
            "Инженер ПТО",
            "+7 8452 00-00-00",
            "user017@corp.example",
            "инженер",
            "ПТО",
        ),
        User(ENGINEER, "", moscow("2024-02-01"), None, False, "", "", "", "", ""),
        User("user019@corp.local", "corp.local", moscow("2024-02-01"), None, True, "", "", "", "", ""),
    ],
    Records.SESSIONS: [
        Session("user017", "corp.local", "10.1.2.44", "Chrome 130", moscow("2026-11-20T09:02:11"), True),
        Session("smartlogin", "", "10.1.2.3", "curl", moscow("2026-11-20T10:55:00"), False),
    ],
    Records.REJECTIONS: [
        Rejection(moscow("2026-11-20T09:15:40"), "user020", "no-seats"),
        Rejection(moscow("2026-11-20T09:16:02"), ENGINEER, "auth"),
    ],
    Records.SEARCHES: [
        Search(
            moscow("2026-11-20T09:03:12"),
            "user017",
            digest(GOST, "/docs", "intellectual", "ksrv"),
            "/docs",
            "intellectual",
            "ksrv",
            0,
            1840,
            GOST,
        ),
        Search(
            moscow("2026-11-20T09:03:12"),
            "user017",
            digest(GOST, "/docs", "attribute", "ksrv"),
            "/docs",
            "attribute",
            "ksrv",
            17,
            95,
            GOST,
        ),
        Search(
            moscow("2026-11-20T09:04:00"),
            ENGINEER,
            digest(WELDING, "/docs", "intellectual", "kassist"),
            "/docs",
            "intellectual",
            "kassist",
            -1,
            30000,
            WELDING,
        ),
    ],
    Records.KASSIST: [KassistDay("2026-11-19", 14, 11, 2, 37)],
}


@pytest.fixture(scope="module")
def full():
    return read(FULL)


@pytest.mark.parametrize("name", FIELDS)
def test_field_of_the_reference_layout_is_read(full, name):
    assert getattr(full[0], name) == FIELDS[name]


def test_no_field_of_the_report_is_forgotten_here(full):
    assert set(FIELDS) | {"counts"} == set(full[0].__slots__)


@pytest.mark.parametrize("kind", list(Records))
def test_records_of_each_kind_are_read_with_every_field(full, kind):
    assert full[1][kind] == [tuple(row) for row in ROWS[kind]]


def full_as(encoding: str, codec: str, bom: bytes = b"", newline: bytes = b"\n") -> bytes:
    text = FULL.decode().replace('encoding="UTF-8"', f'encoding="{encoding}"' if encoding else "")
    return bom + text.encode(codec).replace(b"\n", newline)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((REPORTS / "full-windows-1251.xml").read_bytes(), id="windows-1251 with CRLF"),
        pytest.param(full_as("WINDOWS-1251", "cp1251"), id="windows-1251 in capitals"),
        pytest.param(full_as("cp1251", "cp1251"), id="cp1251"),
        pytest.param(full_as("", "utf-8"), id="no encoding declared"),
        pytest.param(full_as("utf-8", "utf-8", bom=b"\xef\xbb\xbf"), id="UTF-8 with a byte order mark"),
        pytest.param(full_as("windows-1251", "utf-8", bom=b"\xef\xbb\xbf"), id="a byte order mark is surer"),
        pytest.param(full_as("UTF-8", "utf-8", newline=b"\r\n"), id="CRLF"),
        pytest.param(full_as("UTF-16", "utf-16-le", bom=b"\xff\xfe"), id="UTF-16 LE"),
        pytest.param(full_as("UTF-16", "utf-16-be", bom=b"\xfe\xff"), id="UTF-16 BE"),
        pytest.param(FULL.split(b"?>", 1)[1].lstrip(), id="no declaration"),
        pytest.param(FULL.replace(b"<sysinfo ", b'<s:sysinfo xmlns:s="urn:x" ').replace(b"</sysinfo", b"</s:sysinfo"),
                     id="a prefix on the root"),
        pytest.param(FULL.replace(b"<search ", b'<k:search k:x="1" ').replace(b"</search>", b"</k:search>"),
                     id="a prefix on the records"),
        pytest.param(FULL.replace(b"<users>", b"<new><users><user/></users>text</new><users>"),
                     id="an unknown section"),
        pytest.param(FULL.replace(b" found=", b' mood="good" found='), id="an unknown attribute"),
        pytest.param(FULL.replace(b"9.402</search>", b"9<b>no</b>.<!-- - -->402</search>"),
                     id="elements and comments in a text"),
        pytest.param(FULL.replace("гост 9.402".encode(), "<![CDATA[гост]]>&#32;9&#x2e;402".encode()),
                     id="CDATA and references"),
    ],
)  # fmt: skip
def test_the_same_report_written_differently_says_the_same(full, data):
    assert read(data) == full


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 4096])
def test_pieces_of_any_size_give_the_same(full, monkeypatch, piece):
    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, piece))

    rows = {kind: [] for kind in Records}
    report = parse_report(Dripping(FULL), REFERENCE, MOSCOW, lambda kind, batch: rows[kind].extend(batch))
    assert (report, rows) == full


def test_lost_key_is_told_and_no_volume_knows_its_term():
    report, _ = read((REPORTS / "lost-key.xml").read_bytes())
    assert report.protection == Protection("SenseLock", "error", "4111", "Not connected")
    assert {volume.licence_valid_until for volume in report.volumes} == {None}
    assert report.volumes[0].errors == [VolumeError("4111", "Invalid protect string")]
    assert report.catalogs[0] == Catalog("/docs", False, False)


def test_missing_sections_are_not_reported_instead_of_zero():
    report, rows = read((REPORTS / "minimal.xml").read_bytes())
    assert (report.warnings, report.catalogs, report.volumes, report.protection) == (None, None, None, None)
    assert (report.seats, report.seats_used, report.supported, report.maintenance, report.spp_ok) == (None,) * 5
    told = (report.has_users, report.has_sessions, report.has_rejections, report.has_searches, report.has_kassist)
    assert not any(told)
    assert not any(rows.values())


def test_empty_sections_are_reported_and_empty():
    inside = "<state/><catalogs/><databases/><users/><sessions/><rejections/><searches></searches><kassist/>"
    report, rows = read(sysinfo(inside))
    assert (report.warnings, report.catalogs, report.volumes) == ([], [], [])
    assert report.has_users
    assert report.has_sessions
    assert report.has_rejections
    assert report.has_searches
    assert report.has_kassist
    assert not any(rows.values())


def test_empty_values_are_not_known_and_not_zero():
    inside = '<registration seats="" valid-until="" supported=""/><state spp=""/><seats used=""/>'
    report, _ = read(sysinfo(inside))
    assert (report.seats, report.valid_until, report.supported, report.seats_used) == (None,) * 4
    assert report.spp_ok is None


def test_counters_an_hour_does_not_name_are_none_done():
    inside = '<users><user login="u"><activity hour="2026-11-20T09:00:00" requests="1"/></user></users>'
    _, rows = read(sysinfo(inside))
    assert rows[Records.ACTIVITY] == [(moscow("2026-11-20T09:00:00"), "u", "", 1, 0, 0, 0, 0, 0, 0, 0)]


def test_one_user_does_not_inherit_from_the_one_before():
    inside = (
        '<users><user login="a" domain="d"><card fullname="A"/></user>'
        '<user login="b"><activity hour="2026-11-20T09:00:00" requests="1"/></user></users>'
    )
    _, rows = read(sysinfo(inside))
    assert [row[:2] + row[4:6] for row in rows[Records.USERS]] == [("a", "d", True, "A"), ("b", "", False, "")]
    assert rows[Records.ACTIVITY][0][1:3] == ("b", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  два  пробела  ",
        "первая\nвторая\tтретья",
        "'; DROP TABLE search_event; --",
        "кавычки \" и ' и «»",
        "🙂 𝔘𝔫𝔦 عربى \u200b \u0301",
        "x" * 200_000,
        "\x85\u2028\ufeff",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_search_text_is_kept_as_it_was_typed(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    _, rows = read(searches(escaped))
    assert [row[-1] for row in rows[Records.SEARCHES]] == [text]


def test_text_beyond_the_limit_is_cut_and_says_so():
    whole = "щ" * ((1 << 20) + 5)
    _, rows = read(searches(whole[:-5], whole, "после"))
    kept, cut, after = (row[-1] for row in rows[Records.SEARCHES])
    assert kept == whole[:-5]
    assert cut == whole[:-5] + "… [обрезано, всего знаков: 1048581]"
    assert after == "после"


@pytest.mark.parametrize(
    ("written", "zone", "utc"),
    [
        ("2026-11-20T10:55:03", "Europe/Moscow", "2026-11-20T07:55:03"),
        ("2026-11-20 10:55:03", "Europe/Moscow", "2026-11-20T07:55:03"),
        ("2026-11-20T10:55", "Europe/Moscow", "2026-11-20T07:55:00"),
        ("2026-11-20T10:55:03.987", "Europe/Moscow", "2026-11-20T07:55:03"),
        ("2026-11-20", "Europe/Moscow", "2026-11-19T21:00:00"),
        ("2026-11-20T10:55:03Z", "Europe/Moscow", "2026-11-20T10:55:03"),
        ("2026-11-20T10:55:03+07:00", "Europe/Moscow", "2026-11-20T03:55:03"),
        ("2026-11-20T10:55:03-0130", "Europe/Moscow", "2026-11-20T12:25:03"),
        ("2026-11-20T10:55:03", "Asia/Kolkata", "2026-11-20T05:25:03"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00"),  # comes twice: the first
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00"),  # never was: became 03:30
        ("2010-03-28T01:59:59", "Europe/Moscow", "2010-03-27T22:59:59"),
        ("2026-04-05T01:45:00", "Australia/Lord_Howe", "2026-04-04T14:45:00"),  # half an hour comes twice
        ("9999-12-31T23:59:59", "Europe/Moscow", "9999-12-31T20:59:59"),
        ("1970-01-01T00:00:00", "Europe/Moscow", "1969-12-31T21:00:00"),
    ],
)
@pytest.mark.parametrize("again", [1, 3], ids=["first time", "remembered"])
def test_times_become_instants_by_their_own_zone_or_the_clients(written, zone, utc, again):
    rejection = f'<rejection login="u" time="{written}" reason="auth"/>'
    _, rows = read(sysinfo(f"<rejections>{rejection * again}</rejections>"), zone=ZoneInfo(zone))
    expected = int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp())
    assert [row[0] for row in rows[Records.REJECTIONS]] == [expected] * again


def test_every_minute_of_a_day_with_a_change_of_clocks_agrees_with_the_calendar():
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 25)
    minutes = [start + timedelta(minutes=number) for number in range(24 * 60)]
    inside = "".join(f'<rejection login="u" time="{minute:%Y-%m-%dT%H:%M:%S}" reason="auth"/>' for minute in minutes)
    _, rows = read(sysinfo(f"<rejections>{inside}</rejections>"), zone=zone)
    assert [row[0] for row in rows[Records.REJECTIONS]] == [int(m.replace(tzinfo=zone).timestamp()) for m in minutes]


def test_a_fixed_offset_is_a_zone_too():
    report, _ = read(sysinfo(), zone=timezone(timedelta(hours=4)))
    assert report.created == int(datetime(2026, 11, 20, 6, 55, 3, tzinfo=UTC).timestamp())


def test_batches_hold_5000_rows_at_most_and_only_their_kind():
    report = searches(*[f"запрос {number}" for number in range(12_001)])
    batches = []
    parse_report(io.BytesIO(report), REFERENCE, MOSCOW, lambda kind, rows: batches.append((kind, rows)))
    assert {kind for kind, _ in batches} == {Records.SEARCHES}
    assert max(len(rows) for _, rows in batches) <= 5000
    assert [row[-1] for _, rows in batches for row in rows] == [f"запрос {number}" for number in range(12_001)]


def test_long_texts_do_not_gather_in_memory():
    report = io.BytesIO(searches(*["щ" * 400_000] * 60))
    tracemalloc.start()
    parse_report(report, REFERENCE, MOSCOW, lambda *_: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_what_the_sink_raises_passes_through():
    def sink(kind, rows):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        parse_report(io.BytesIO(FULL), REFERENCE, MOSCOW, sink)
