"""Mapping profiles: other layouts without a code change, and every mistake in a profile named with its line."""

from __future__ import annotations

import pickle
from datetime import datetime
from pathlib import Path

import pytest
from sysinfo_reading import FULL, MOSCOW, REFERENCE, REPORTS, read, sysinfo

from smart.errors import ConfigError, RejectReason, ReportRejected
from smart.sysinfo.profile import REFERENCE as REFERENCE_FILE
from smart.sysinfo.profile import choose_profile, load_profile
from smart.sysinfo.report import Records, VolumeError

OTHER = load_profile(REPORTS / "other-layout.yml")
OTHER_REPORT = (REPORTS / "other-layout.xml").read_bytes()


def moscow(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=MOSCOW).timestamp())


def test_other_layout_is_read_by_its_profile():
    report, rows = read(OTHER_REPORT, OTHER)
    assert (report.version, report.created) == ("2.0.6.15", moscow(2026, 11, 20, 10, 55, 3))
    assert (report.seats, report.seats_used, report.valid_until, report.supported) == (25, 12, "2026-12-31", True)
    protection = report.protection
    assert (protection.type, protection.status, protection.code, protection.message) == ("SenseLock", "нет", "4111", "")
    assert [(volume.number, volume.name) for volume in report.volumes] == [("100001", ""), ("100002", "")]
    assert [volume.errors for volume in report.volumes] == [[VolumeError("", "Invalid protect string")], []]
    assert (report.catalogs, report.warnings, report.has_sessions, report.has_searches) == (None, None, False, True)
    assert [(row[0], row[4]) for row in rows[Records.USERS]] == [(r"CORP\инженер18", True), ("user017", False)]
    assert [row[:4] for row in rows[Records.ACTIVITY]] == [
        (moscow(2026, 11, 20, 9), r"CORP\инженер18", "", 14),
        (moscow(2026, 11, 20, 10), r"CORP\инженер18", "", 3),
    ]
    ((time, login, _, catalog, type_, source, found, duration_ms, text),) = rows[Records.SEARCHES]
    assert (time, login, catalog, type_, source) == (
        moscow(2026, 11, 20, 9, 3, 12),
        "user017",
        "/docs",
        "intellectual",
        "",
    )
    assert (found, duration_ms, text) == (0, None, " гост 9.402 ")


@pytest.mark.parametrize(
    ("old", "new", "says", "reason"),
    [
        ("<Найдено>0", "<Найдено>ноль", "текст элемента <Журнал/Поиск/Найдено>: «ноль»", RejectReason.BAD_VALUE),
        ("20.11.2026 09:03:12", "2026-11-20", "в виде %d.%m.%Y %H:%M:%S", RejectReason.BAD_VALUE),
        ("<Кто>user017</Кто>", "", "не указано: текст элемента <Журнал/Поиск/Кто>", RejectReason.WRONG_LAYOUT),
        ("<Кто>", "<Кто>a</Кто><Кто>", "указано дважды", RejectReason.WRONG_LAYOUT),
        (
            'число="2026-11-20">',
            '><Час начало="20.11.2026 08:30"><Запросы>1</Запросы></Час>',
            "08:30",
            RejectReason.BAD_VALUE,
        ),
    ],
)
def test_mistakes_in_another_layout_are_told_in_its_words(old, new, says, reason):
    data = OTHER_REPORT.decode("cp1251").replace(old, new, 1).encode("cp1251")
    with pytest.raises(ReportRejected) as caught:
        read(data, OTHER)
    assert caught.value.reason is reason
    assert says in caught.value.text
    assert caught.value.line > 1


def test_what_is_taken_from_outside_has_to_stand_before():
    after = "<Отчёт><Сводка><Создан>20.11.2026 10:55:03</Создан></Сводка><Люди><Человек><Дни><День><Час начало='20.11.2026 09:00'><Запросы>1</Запросы></Час></День></Дни><Логин>u</Логин></Человек></Люди></Отчёт>"  # noqa: E501
    with pytest.raises(ReportRejected, match="не указано: текст элемента <Люди/Человек/Логин>"):
        read(after.encode(), OTHER)


def test_profile_is_chosen_by_the_root_element():
    profiles = (REFERENCE, OTHER)
    assert choose_profile(profiles, "Отчёт") is OTHER
    assert read(FULL, profiles) == read(FULL)
    assert read(OTHER_REPORT, profiles) == read(OTHER_REPORT, OTHER)
    with pytest.raises(ReportRejected, match="<report>, а должен быть <sysinfo>, <Отчёт>"):
        read(b"<report/>", profiles)


def test_profile_goes_to_worker_processes():
    assert pickle.loads(pickle.dumps(REFERENCE)) == REFERENCE  # noqa: S301


def test_layout_without_a_kind_reports_none_of_it(tmp_path):
    report, rows = read(sysinfo("<users><user login='u'/></users>"), profile_of(tmp_path, MINIMAL))
    assert not report.has_users
    assert not any(rows.values())


MINIMAL = """root: sysinfo
report:
  fields:
    created: {at: "@created", type: instant, required: yes}
"""
USERS = "users: {path: users/user, fields: {login: {at: '@login', type: text}"
SEARCHES = """searches:
  path: searches/search
  fields:
    time: {at: "@time", type: instant, required: yes}
    login: {at: "@login", type: text}
    text: {at: text(), type: text}
    found: {at: "@found", type: integer}
"""


def profile_of(folder: Path, text: str | bytes):
    path = folder / "profile.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_profile(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": is empty (a mapping of keys and values is needed)"),
        ("root: [", ":2: is not YAML here: while parsing a flow node"),
        ("root:\tx: y", ":1: tab character; write spaces instead"),
        (b"root: \xff", ":1: byte 0xFF at offset 6 is not UTF-8"),
        ("- root", ":1: must be a mapping of keys and values (key: value), not a list"),
        (MINIMAL.replace("sysinfo", "a b"), ":1: root: 'a b' must be the name of an element, such as sysinfo"),
        (MINIMAL.replace("root: sysinfo\n", ""), ":1: root: is missing"),
        ("root: sysinfo\n", ":1: report: is missing"),
        (MINIMAL + "root: x\n", ":5: root: is written twice in one mapping, first at"),
        (MINIMAL + "user: {}\n", ":5: user: is not a known key; did you mean users?"),
        (
            MINIMAL + "    zzz: {at: '@n', type: text}\n",
            ":5: report.fields.zzz: is not a known key (known: version, created, ",
        ),
        (MINIMAL.replace(", required: yes", ", must: yes"), ":4: report.fields.created.must: is not a known key"),
        (MINIMAL.replace(", required: yes", ""), ":4: report.fields.created.required: must be yes, or a default given"),
        (
            MINIMAL.replace("created: {", "os: {"),
            ":4: report.fields.created: has to be mapped: records are told apart by it",
        ),
        (MINIMAL.replace("instant", "text"), ":4: report.fields.created.type: must be instant for this field"),
        (
            MINIMAL.replace("required: yes", "required: maybe"),
            ":4: report.fields.created.required: 'maybe' must be true or false",
        ),
        (
            MINIMAL.replace("required: yes", "default: soon"),
            ":4: report.fields.created.default: 'soon' is not of the type instant",
        ),
        (
            MINIMAL.replace("yes}", "yes, default: 2026-01-01}"),
            ":4: report.fields.created.default: a required field has no default",
        ),
        (
            MINIMAL.replace("yes}", "yes, true: [yes]}"),
            ":4: report.fields.created.true: only a boolean has words for yes and no",
        ),
        (MINIMAL.replace('at: "@created", ', ""), ":4: report.fields.created.at: is missing (write @name, text(), "),
        (
            MINIMAL.replace('"@created"', "[a]"),
            ":4: report.fields.created.at: must be @name, text(), card/@name, card/text() or ../@name, not a list",
        ),
        *[
            (
                MINIMAL.replace("@created", place),
                f":4: report.fields.created.at: {place!r} is not a place in a report (right: ",
            )
            for place in ("created", "@", "@a b", "../@x", "/server/@x", "server//@x", "a/../@x", "text", "*/@x")
        ],
        (
            MINIMAL + "    supported: {at: '@s', type: boolean}\n",
            ":5: report.fields.supported.true: is missing: a boolean needs the words that mean yes",
        ),
        (
            MINIMAL + "    supported: {at: '@s', type: boolean, true: [Да], false: [да]}\n",
            ":5: report.fields.supported.false: a word cannot mean both yes and no",
        ),
        (
            MINIMAL + "    supported: {at: '@s', type: boolean, true: []}\n",
            ":5: report.fields.supported.true: must not be empty; each item is a word, such as yes",
        ),
        (
            MINIMAL + "    os: {at: '@o', type: text, format: '%d'}\n",
            ":5: report.fields.os.format: only instant, hour and date have",
        ),
        (MINIMAL + "users: {path: /users/user, fields: {}}", ":5: users.path: '/users/user' must be names of elements"),
        (MINIMAL + "users: {path: users/user}", ":5: users.fields: is missing (write a mapping (key: value))"),
        (MINIMAL + USERS + "}, path2: x}", ":5: users.path2: is not a known key; did you mean path?"),
        (
            MINIMAL + USERS + ", has_card: {at: card/@x, type: presence}}}",
            ":5: users.fields.has_card.at: 'card/@x' is not a place",
        ),
        (
            MINIMAL + SEARCHES,
            ":11: searches.fields.found.required: must be yes, or a default given: its column cannot be empty",
        ),
        (
            MINIMAL + USERS + "}}\n" + SEARCHES.replace("searches/search", "users/user"),
            ":7: searches.path: is the element of users",
        ),
        (
            MINIMAL + "operup: {path: o/u, fields: {}}",
            ":5: operup.path: needs volumes beside it: each belongs to one of them",
        ),
        (
            MINIMAL + "volumes: {path: d/v, fields: {number: {at: '@n', type: text}}}\noperup: {path: o/u, fields: {}}",
            ":6: operup.path: must stand inside d/v (volumes)",
        ),
    ],
)
def test_mistake_is_named_with_file_line_and_what_is_right(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        profile_of(tmp_path, text)
    assert any(line.startswith(f"{tmp_path / 'profile.yml'}{message}") for line in str(caught.value).splitlines()), str(
        caught.value
    )


def test_all_mistakes_are_named_at_once(tmp_path):
    text = MINIMAL.replace("sysinfo", "a b").replace("instant", "text") + "user: {}\n"
    with pytest.raises(ConfigError) as caught:
        profile_of(tmp_path, text)
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "4", "5"]


def test_missing_file_is_a_mistake_of_the_configuration(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yml: there is no such file"):
        load_profile(tmp_path / "none.yml")


def test_reference_profile_is_the_default():
    assert load_profile(REFERENCE_FILE) == load_profile()
    assert set(Records) <= set(REFERENCE.kinds)
    assert all(field.place for rule in REFERENCE.kinds.values() for field in rule.fields)
