"""Any report that can be written is read back as it was meant, and lxml agrees."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from sysinfo_reading import MOSCOW, read

from smart.sysinfo.report import Activity, Records, Rejection, Search, User
from smart.sysinfo.values import BIGGEST

# Everything that XML 1.0 can carry. A carriage return is left out: XML itself turns it into a line feed.
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\ufffe", "\uffff"])
    | st.sampled_from("\t\n<>&\"'\\@ ")
)
LOGIN = st.one_of(XML_TEXT, st.sampled_from([r"CORP\инженер18", "user017@corp.local", "пользователь"]))
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31)).map(lambda time: time.replace(microsecond=0))
COUNTERS = st.integers(0, BIGGEST)
SEARCH = st.tuples(TIMES, LOGIN, XML_TEXT, XML_TEXT, XML_TEXT, st.integers(-1, BIGGEST), st.none() | COUNTERS, XML_TEXT)
ACTIVITY = st.tuples(
    TIMES.map(lambda time: time.replace(minute=0, second=0)), st.lists(COUNTERS, min_size=8, max_size=8)
)
USER = st.tuples(
    LOGIN,
    XML_TEXT,
    st.none() | TIMES,
    st.none() | st.lists(XML_TEXT, min_size=5, max_size=5),
    st.lists(ACTIVITY, max_size=3),
)
REPORT = st.tuples(
    TIMES,
    st.lists(USER, max_size=3),
    st.lists(SEARCH, max_size=5),
    st.lists(st.tuples(LOGIN, TIMES, XML_TEXT), max_size=3),
)

COUNTER_NAMES = ["requests", "documents", "free-documents", "services", "saved", "printed", "searches", "kassist"]
CARD_NAMES = ["fullname", "phone", "email", "position", "department"]


def seconds(time: datetime) -> int:
    return int(time.replace(tzinfo=MOSCOW).timestamp())


def written(report) -> bytes:
    """The report as lxml writes it."""
    created, users, searches, rejections = report
    root = etree.Element("sysinfo", created=created.isoformat())
    section = etree.SubElement(root, "users")
    for login, domain, registered, card, hours in users:
        user = etree.SubElement(section, "user", login=login, domain=domain)
        if registered is not None:
            user.set("registered", registered.isoformat(" "))
        if card is not None:
            etree.SubElement(user, "card", dict(zip(CARD_NAMES, card, strict=True)))
        for hour, counters in hours:
            values = dict(zip(COUNTER_NAMES, map(str, counters), strict=True))
            etree.SubElement(user, "activity", values, hour=hour.isoformat())
    section = etree.SubElement(root, "searches")
    for time, login, catalog, type_, source, found, milliseconds, text in searches:
        search = etree.SubElement(section, "search", time=time.isoformat(), login=login, catalog=catalog)
        search.attrib.update({"type": type_, "source": source, "found": str(found)})
        if milliseconds is not None:
            search.set("ms", str(milliseconds))
        search.text = text
    section = etree.SubElement(root, "rejections")
    for login, time, reason in rejections:
        etree.SubElement(section, "rejection", login=login, time=time.isoformat(), reason=reason)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def meant(report) -> dict[Records, list[tuple]]:
    """The records, made from the report and not from its XML."""
    _, users, searches, rejections = report
    activity = [
        Activity(seconds(hour), login, domain, *counters)
        for login, domain, _, _, hours in users
        for hour, counters in hours
    ]
    known = [
        User(
            login,
            domain,
            None if registered is None else seconds(registered),
            None,
            card is not None,
            *(card or [""] * 5),
        )
        for login, domain, registered, card, _ in users
    ]
    found = [
        Search(seconds(time), login, zlib.crc32("\0".join((text, catalog, type_, source)).encode()), catalog, type_,
               source, number, milliseconds, text)
        for time, login, catalog, type_, source, number, milliseconds, text in searches
    ]  # fmt: skip
    refused = [Rejection(seconds(time), login, reason) for login, time, reason in rejections]
    return {
        Records.ACTIVITY: activity,
        Records.USERS: known,
        Records.SEARCHES: found,
        Records.REJECTIONS: refused,
        Records.SESSIONS: [],
        Records.KASSIST: [],
    }


@given(REPORT)
@settings(max_examples=150, deadline=None)
def test_generated_report_is_read_back_as_it_was_meant(report):
    read_back, rows = read(written(report))
    assert read_back.created == seconds(report[0])
    assert rows == meant(report)


@given(REPORT)
@settings(max_examples=100, deadline=None)
def test_texts_are_what_lxml_reads(report):
    data = written(report)
    tree = etree.fromstring(data, etree.XMLParser(huge_tree=True))
    _, rows = read(data)
    by_lxml = [(node.get("login"), node.get("catalog"), node.text or "") for node in tree.iter("search")]
    assert [(row[1], row[3], row[-1]) for row in rows[Records.SEARCHES]] == by_lxml
    logins = [node.get("login") for node in tree.iter("user")]
    assert [row[0] for row in rows[Records.USERS]] == logins


@given(st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1)), st.integers(-23 * 60, 23 * 60))
@settings(max_examples=200, deadline=None)
def test_time_with_an_offset_is_the_instant_it_names(time, offset):
    time = time.replace(microsecond=0)
    sign = "-" if offset < 0 else "+"
    text = f"{time.isoformat()}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    report, _ = read(f'<sysinfo created="{text}"/>'.encode())
    assert report.created == int(time.replace(tzinfo=UTC).timestamp()) - offset * 60
