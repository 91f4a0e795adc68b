"""Generated reports: valid, repeatable, of exact size, and true to what befalls the installation."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree

from smart.simulate.report import Key, Period, ReportSpec, report_of_size, sized_spec, write_report, zip_report
from smart.simulate.spec import CREATED, MIB
from smart.sysinfo.report import Records

PATHS = {
    Records.ACTIVITY: "users/user/activity",
    Records.SEARCHES: "searches/search",
    Records.REJECTIONS: "rejections/rejection",
    Records.USERS: "users/user",
    Records.SESSIONS: "sessions/session",
    Records.KASSIST: "kassist/day",
}


def written(spec: ReportSpec, seed: object = 1) -> bytes:
    buffer = io.BytesIO()
    write_report(spec, seed, buffer)
    return buffer.getvalue()


def tree(spec: ReportSpec, seed: object = 1):
    return etree.fromstring(written(spec, seed))


def records(root, kind: Records) -> set[tuple]:
    """Every record as its attributes and text, with the login for the hours of a user."""
    found = set()
    for element in root.findall(PATHS[kind]):
        login = element.getparent().get("login", "") if kind is Records.ACTIVITY else ""
        found.add((login, *sorted(element.attrib.items()), element.text if kind is Records.SEARCHES else ""))
    return found


@pytest.mark.parametrize(
    "spec",
    [
        ReportSpec(),
        ReportSpec(encoding="windows-1251"),
        ReportSpec(bom=True, newline="\r\n"),
        ReportSpec(zone=timezone(timedelta(hours=3))),
        ReportSpec(key=Key.LOST),
        ReportSpec(no_seats=Period(CREATED - timedelta(hours=2))),
        ReportSpec(users=0, seats=0, volumes=0, rejections_a_day=0),
        ReportSpec(created=datetime(2026, 11, 1, 0, 0, 10)),
        sized_spec(0.1),
    ],
    ids=["plain", "cp1251", "bom-crlf", "zoned", "key-lost", "crowded", "empty", "first-of-month", "sized"],
)
def test_reports_are_repeatable_and_well_formed(spec: ReportSpec) -> None:
    first = written(spec, 7)
    assert first == written(spec, 7)
    root = etree.fromstring(first)
    assert root.tag == "sysinfo"
    assert root.get("created").startswith(spec.created.isoformat())
    if spec.users:
        assert first != written(spec, 8)


@pytest.mark.parametrize("spec", [ReportSpec(), sized_spec(0.2)], ids=["plain", "sized"])
def test_the_counts_returned_are_those_of_the_document(spec: ReportSpec) -> None:
    counts = write_report(spec, 1, buffer := io.BytesIO())
    root = etree.fromstring(buffer.getvalue())
    assert counts == {kind: len(root.findall(path)) for kind, path in PATHS.items()}


def test_content_is_declared_encoding_even_for_letters_it_lacks() -> None:
    """What windows-1251 cannot write becomes a character reference and reads back the same."""
    wide = tree(ReportSpec(encoding="utf-8", users=200, searches_an_hour=6))
    narrow = tree(ReportSpec(encoding="windows-1251", users=200, searches_an_hour=6))
    assert records(wide, Records.SEARCHES) == records(narrow, Records.SEARCHES)
    assert any("🔥" in (search.text or "") for search in narrow.iter("search"))


@pytest.mark.parametrize(("mib", "count"), [(0.05, 157), (1, 3135), (20, 62_701)], ids=["small", "one", "usual-large"])
def test_a_sized_report_has_exactly_its_bytes_and_records(mib: float, count: int) -> None:
    content = report_of_size(mib, 3)
    assert len(content) == round(mib * MIB)
    root = etree.fromstring(content)
    found = {kind: len(root.findall(path)) for kind, path in PATHS.items()}
    assert sum(found.values()) == count
    distinct = {kind: len(records(root, kind)) for kind in (Records.ACTIVITY, Records.SEARCHES, Records.REJECTIONS)}
    assert distinct == {kind: found[kind] for kind in distinct}


@pytest.mark.parametrize(
    "spec",
    [replace(sized_spec(1), size=20_000), replace(sized_spec(1), records=20)],
    ids=["too-few-bytes", "too-few-records"],
)
def test_an_impossible_size_is_refused(spec: ReportSpec) -> None:
    with pytest.raises(ValueError, match=r"too small|cannot be made"):
        written(spec)


@pytest.mark.parametrize("hours", [1, 5, 30], ids=lambda hours: f"{hours}h-later")
def test_the_next_report_repeats_what_the_last_one_said_and_adds_to_it(hours: int) -> None:
    spec = ReportSpec(users=60, rejections_a_day=20, created=datetime(2026, 11, 18, 10, 55, 3))
    later = spec.at(spec.created + timedelta(hours=hours))
    before, after = tree(spec), tree(later)
    assert records(before, Records.ACTIVITY) < records(after, Records.ACTIVITY)
    for kind, path in ((Records.SEARCHES, "time"), (Records.REJECTIONS, "time")):
        start = (later.list_start).isoformat()
        still_listed = {record for record in records(before, kind) if dict(record[1:-1])[path] >= start}
        assert still_listed
        assert still_listed <= records(after, kind)
    assert len(records(after, Records.SEARCHES) - records(before, Records.SEARCHES)) > 0


def test_a_newcomer_changes_nobody_elses_records() -> None:
    spec = ReportSpec(searches_an_hour=3)
    joined = replace(spec, newcomers=1, newcomers_since=CREATED - timedelta(days=2))
    before, after = tree(spec), tree(joined)
    assert len(after.findall("users/user")) == len(before.findall("users/user")) + 1
    assert records(before, Records.ACTIVITY) <= records(after, Records.ACTIVITY)


def test_a_new_month_begins_its_activity_anew() -> None:
    spec = ReportSpec(created=datetime(2026, 12, 1, 11, 55, 3))
    hours = [activity.get("hour") for activity in tree(spec).iter("activity")]
    assert hours
    assert min(hours) >= "2026-12-01T00:00:00"


def test_nothing_is_later_than_the_report_itself() -> None:
    root = tree(ReportSpec(created=datetime(2026, 11, 18, 14, 20, 0), users=80, rejections_a_day=30))
    moments = [search.get("time") for search in root.iter("search")]
    moments += [session.get("since") for session in root.iter("session")]
    moments += [user.get("last-seen") for user in root.iter("user") if user.get("last-seen")]
    moments += [operup.get("updated") for operup in root.iter("operup")]
    assert max(moments) <= root.get("created")


@pytest.mark.parametrize("section", ["databases", "users", "sessions", "searches", "kassist", "registration", "state"])
def test_a_section_that_is_not_reported_is_not_there(section: str) -> None:
    assert tree(ReportSpec()).find(section) is not None
    assert tree(ReportSpec(without=frozenset({section}))).find(section) is None


def test_a_lost_key_shows_as_protection_error_4111_without_licence_terms() -> None:
    root = tree(ReportSpec(key=Key.LOST, volumes=41))
    assert dict(root.find("registration/protection").attrib) == {
        "type": "SenseLock",
        "status": "error",
        "code": "4111",
        "message": "Not connected",
    }
    assert len(root.findall("databases/database/error[@message='Invalid protect string']")) == 41
    assert root.find("databases/database/licence") is None


def test_a_zip_holds_the_same_report_and_is_repeatable() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    counts = zip_report(ReportSpec(), 1, first)
    zip_report(ReportSpec(), 1, second)
    assert first.getvalue() == second.getvalue()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["romashka.xml"]
        assert archive.read("romashka.xml") == written(ReportSpec())
    assert counts[Records.USERS] == 41


def test_times_carry_an_offset_when_the_installation_writes_one() -> None:
    root = tree(ReportSpec(zone=UTC))
    assert root.get("created") == "2026-11-20T10:55:03+00:00"
    assert all(search.get("time").endswith("+00:00") for search in root.iter("search"))


def test_logins_come_in_every_shape_and_cards_name_no_real_person() -> None:
    root = tree(ReportSpec(users=30))
    logins = {user.get("login") for user in root.iter("user")}
    assert {"user000", "CORP\\user007", "user008@corp.local", "пользователь9", "smartlogin"} <= logins
    assert all(card.get("fullname").startswith("Пользователь ") for card in root.iter("card"))
    assert len({user.get("login") for user in root.iter("user")}) == len(root.findall("users/user"))
