"""Records of reports: stored once, growing, whole or not at all; the same on both databases."""

from __future__ import annotations

import pytest
from store_samples import DAY, FULL_CARD, NOW, GivenUpError, activity, inventory_of, put, search, table, user

from smart.errors import StoreError
from smart.sysinfo.report import (
    KassistDay,
    OperUp,
    Protection,
    Records,
    Rejection,
    Report,
    Session,
    Volume,
    VolumeError,
)

ROWS = {
    Records.ACTIVITY: [activity(NOW - 3600), activity(NOW - 7200, "петров", "", requests=5)],
    Records.SEARCHES: [
        search(NOW - 9),
        search(NOW - 9, digest=2, found=0),
        search(NOW - 8, found=-1, duration_ms=None),
    ],
    Records.REJECTIONS: [Rejection(NOW - 5, "user017", "no-seats")],
    Records.USERS: [user(registered=NOW - 90 * DAY, last_seen=NOW, card=FULL_CARD), user("петров", "")],
    Records.SESSIONS: [Session("ivanov", "corp", "10.1.2.44", "Chrome 130", None, True)] * 2,
    Records.KASSIST: [KassistDay("2026-11-19", 14, 11, 2, 37)],
}
OUR_MARKS = "\x02\x03"  # which no XML can hold: PostgreSQL's road may change the quoting one
TABLES = ("user_hour", "search_event", "rejection", "user_account", "user_card", "session", "kassist_day")


def contents(store):
    return {name: table(store, name) for name in TABLES}


def test_all_kinds_of_a_report_are_stored(store, plant):
    saved = put(store, plant, rows=ROWS)
    assert saved.new == {kind: len(rows) for kind, rows in ROWS.items()}
    assert (saved.newest, saved.duplicate) == (True, False)
    sizes = [len(rows) for rows in contents(store).values()]
    assert sizes == [2, 3, 1, 2, 1, 2, 1]
    assert table(store, "search_event", "time, digest, found, duration_ms, text, stored_at") == [
        (NOW - 9, 1, 3, 20, "гост 9.402", NOW),
        (NOW - 9, 2, 0, 20, "гост 9.402", NOW),
        (NOW - 8, 1, -1, None, "гост 9.402", NOW),
    ]


@pytest.mark.parametrize("amount", [499, 500, 501, 1_234])
def test_many_records_of_a_kind_are_all_stored_and_each_once(store, plant, amount):
    searches = [search(NOW - n, f"user{n % 7}", digest=n, text=f"запрос {n}") for n in range(amount)]
    hours = [activity(NOW - 3600 * n, requests=n) for n in range(amount)]
    rows = {Records.SEARCHES: [*searches, *searches[:10]], Records.ACTIVITY: hours}
    saved = put(store, plant, rows=rows)
    assert (saved.new[Records.SEARCHES], saved.new[Records.ACTIVITY]) == (amount, amount)
    assert table(store, "search_event", "time, login, text") == sorted(
        (one.time, one.login, one.text) for one in searches
    )
    assert table(store, "user_hour", "hour, requests") == sorted((one.hour, one.requests) for one in hours)
    more = [*searches, search(NOW + 1)]
    assert put(store, plant, NOW + 60, rows={Records.SEARCHES: more}).new[Records.SEARCHES] == 1


def test_a_text_no_database_takes_among_many_leaves_all_others_as_they_are(store, plant):
    rows = [search(NOW - n, digest=n, text="\ud800" if n == 700 else f"{n}") for n in range(1_200)]
    assert put(store, plant, rows={Records.SEARCHES: rows}).new[Records.SEARCHES] == 1_200
    stored = dict(table(store, "search_event", "time, text"))
    assert stored == {NOW - n: "?" if n == 700 else f"{n}" for n in range(1_200)}


def test_the_same_file_again_stores_nothing(store, plant):
    put(store, plant, rows=ROWS)
    before = contents(store)
    again = put(store, plant, rows=ROWS, received=NOW + 500)
    assert (again.duplicate, again.newest, set(again.new.values())) == (True, False, {0})
    assert contents(store) == before
    assert len(table(store, "report")) == 1


def test_the_same_records_in_the_next_report_are_stored_once(store, plant):
    put(store, plant, rows=ROWS)
    before = contents(store)
    del before["session"]  # each report has its own
    again = put(store, plant, NOW + 3600, rows=ROWS | {Records.SEARCHES: [*ROWS[Records.SEARCHES], search(NOW + 50)]})
    after = contents(store)
    assert again.new[Records.SEARCHES] == 1
    assert again.new[Records.ACTIVITY] == again.new[Records.USERS] == again.new[Records.KASSIST] == 0
    assert len(after.pop("session")) == 4
    assert [row for row in after.pop("search_event") if row[1] != NOW + 50] == before.pop("search_event")
    assert after == before


def test_counters_of_the_running_hour_grow_and_never_fall(store, plant):
    put(store, plant, rows={Records.ACTIVITY: [activity(NOW, requests=4, printed=2)]})
    grown = put(store, plant, NOW + 60, rows={Records.ACTIVITY: [activity(NOW, requests=7, printed=1)]})
    late = put(store, plant, NOW - 60, NOW + 90, rows={Records.ACTIVITY: [activity(NOW, requests=1)]})
    assert (grown.new[Records.ACTIVITY], late.new[Records.ACTIVITY]) == (1, 0)
    assert table(store, "user_hour", "requests, printed") == [(7, 2)]


def test_a_record_named_twice_in_one_report_is_stored_once(store, plant):
    rows = {
        Records.ACTIVITY: [activity(NOW, requests=2), activity(NOW, requests=9), activity(NOW, requests=3)],
        Records.SEARCHES: [search(NOW)] * 3 + [search(NOW + 1)],
        Records.REJECTIONS: [Rejection(NOW, "a", "auth")] * 2,
        Records.USERS: [user(last_seen=5 + NOW), user(last_seen=3 + NOW, card=FULL_CARD)],
        Records.KASSIST: [KassistDay("2026-11-19", 1, 1, 1, 9), KassistDay("2026-11-19", 2, 1, 1, 1)],
    }
    put(store, plant, rows=rows)
    assert table(store, "user_hour", "requests") == [(9,)]
    assert table(store, "search_event", "time") == [(NOW,), (NOW + 1,)]
    assert len(table(store, "rejection")) == len(table(store, "user_card")) == 1
    assert table(store, "user_account", "last_seen") == [(NOW + 5,)]
    assert table(store, "kassist_day", "added, checked") == [(2, 9)]


def test_batches_of_one_kind_add_up(store, plant):
    with store.report_transaction(plant, received=NOW, digest=b"1", size=1, way="push") as writer:
        for start in range(0, 12_000, 4_000):
            writer.add(Records.SEARCHES, [search(NOW - n) for n in range(start, start + 5_000)])
        writer.add(Records.SESSIONS, ROWS[Records.SESSIONS])
        writer.add(Records.SESSIONS, ROWS[Records.SESSIONS])
        saved = writer.finish(Report(created=NOW), (), "2026-11")
    assert (saved.new[Records.SEARCHES], saved.new[Records.SESSIONS]) == (13_000, 4)


def test_a_late_older_report_adds_records_and_leaves_the_newer_state(store, plant):
    put(
        store,
        plant,
        rows={Records.USERS: [user(last_seen=NOW, card=FULL_CARD)], Records.KASSIST: [("2026-11-19", 5, 5, 5, 5)]},
    )
    older = {
        Records.USERS: [user(registered=NOW - DAY, last_seen=NOW - DAY, card=("",) * 5), user("petrov")],
        Records.KASSIST: [("2026-11-19", 1, 1, 1, 1), ("2026-11-18", 2, 2, 2, 2)],
        Records.SEARCHES: [search(NOW - DAY)],
    }
    saved = put(store, plant, NOW - DAY, NOW + 60, rows=older, samples=())
    assert not saved.newest
    assert store.client_state(plant, NOW).samples
    assert table(store, "user_card", "login, fullname") == [("ivanov", "ФИО")]
    accounts = table(store, "user_account", "login, registered, last_seen, gone_at")
    assert sorted(accounts, key=str) == [("ivanov", NOW - DAY, NOW, None), ("petrov", None, None, None)]
    assert table(store, "kassist_day", "day, added") == [("2026-11-18", 2), ("2026-11-19", 5)]
    assert len(table(store, "search_event")) == 1


def give_up(store, plant, settled):
    with store.report_transaction(plant, received=NOW + 9, digest=b"2", size=1, way="push") as writer:
        for kind, rows in ROWS.items():
            writer.add(kind, [(*row[:0], *row) for row in rows])
        writer.add(Records.SEARCHES, [search(NOW + n) for n in range(6_000)])
        if settled:
            writer.usage(NOW + 9, None, "")
        raise GivenUpError


@pytest.mark.parametrize("settled", [False, True], ids=["after the records", "after the sums"])
def test_an_error_midway_leaves_nothing_of_the_report(store, plant, settled):
    put(store, plant, rows=ROWS)
    before = contents(store)
    with pytest.raises(GivenUpError):
        give_up(store, plant, settled)
    assert contents(store) == before
    put(store, plant, NOW + 10, rows=ROWS)


def test_a_report_that_is_not_finished_is_not_stored(store, plant):
    with (
        pytest.raises(RuntimeError),
        store.report_transaction(plant, received=NOW, digest=b"2", size=1, way="push") as writer,
    ):
        writer.add(Records.SEARCHES, [search(NOW)])
    assert table(store, "search_event") == []


def test_an_unknown_client_is_a_store_error(store):
    with pytest.raises(StoreError, match="number 77"):
        put(store, 77)


def test_a_report_without_records_is_stored(store, plant):
    assert put(store, plant).newest
    assert len(table(store, "report")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\tb\r\nc",
        "\\N",
        "\\.",
        '"',
        "'; DROP TABLE client",
        "%s %(a)s ? :a",
        "\x1f",
        OUR_MARKS,
        "🙂",
        "я" * 70_000,
    ],
    ids=[
        "empty",
        "newline",
        "breaks",
        "null-mark",
        "end-mark",
        "quote",
        "sql",
        "marks",
        "field",
        "ours",
        "emoji",
        "long",
    ],
)
def test_any_text_of_a_search_comes_back(store, plant, text):
    put(
        store,
        plant,
        rows={Records.SEARCHES: [search(NOW, text=text), search(NOW + 1, text="x"), search(NOW + 2, duration_ms=None)]},
    )
    found = table(store, "search_event", "time, text")[0][1]
    assert found == (text if text != OUR_MARKS or "sqlite" in repr(store) else "\ufffd\x03")


@pytest.mark.parametrize("bad", ["a\0b", "a\ud800b"], ids=["nul", "lone-surrogate"])
def test_what_no_xml_can_hold_does_not_stop_a_report(store, plant, bad):
    report = Report(volumes=[Volume("1", bad, bad, "1", None, [VolumeError("1", bad)], [OperUp(bad, None)])], owner=bad)
    rows = {
        Records.SEARCHES: [search(NOW - 1), search(NOW, text=bad)],
        Records.ACTIVITY: [activity(NOW, login=bad)],
        Records.USERS: [user(login=bad)],
    }
    with store.report_transaction(plant, received=NOW, digest=b"1", size=1, way="push") as writer:
        for kind, batch in rows.items():
            writer.add(kind, batch)
        report.created = NOW
        writer.finish(report, (), "2026-11")
    assert len(table(store, "search_event")) == 2
    assert len(table(store, "user_account")) == 1


def test_cards_and_texts_are_not_stored_where_they_are_not_wanted(store, plant):
    put(store, plant, rows=ROWS, keep_cards=False, keep_query_text=False)
    assert table(store, "user_card") == []
    assert set(table(store, "search_event", "digest, text")) == {(1, ""), (2, "")}
    assert table(store, "user_account", "login, card_filled") == [("ivanov", True), ("петров", False)]


def test_what_the_inventory_says_about_privacy_holds_without_being_asked(store):
    store.sync_clients(inventory_of("plant7", keep_cards=False, keep_query_text=False), 1)
    put(store, store.client_id("DEALER", "plant7"), rows=ROWS)
    assert table(store, "user_card") == []
    assert set(table(store, "search_event", "text")) == {("",)}


def test_cards_stored_before_go_with_the_first_report_that_may_not_keep_them(store, plant):
    put(store, plant, rows=ROWS)
    put(store, plant, NOW + 60, keep_cards=False)
    assert table(store, "user_card") == []


def test_a_user_no_longer_listed_is_gone_with_the_card_and_may_come_back(store, plant):
    both = [user(card=FULL_CARD), user("petrov", card=FULL_CARD)]
    put(store, plant, rows={Records.USERS: both})
    put(store, plant, NOW + 60, rows={Records.USERS: both[:1]})
    assert table(store, "user_account", "login, coalesce(gone_at, 0)") == [("ivanov", 0), ("petrov", NOW + 60)]
    assert table(store, "user_card", "login") == [("ivanov",)]
    put(store, plant, NOW + 120)  # a report without users says nothing about them
    put(store, plant, NOW + 180, rows={Records.USERS: both})
    assert table(store, "user_account", "login, coalesce(gone_at, 0)") == [("ivanov", 0), ("petrov", 0)]


def test_small_parts_keep_their_span_and_the_newest_state(store, plant):
    def report(version, operup, *errors):
        faults = [VolumeError("2007", message) for message in errors]
        return Report(
            version="2.0",
            product=version,
            regnum="599",
            owner="ООО «Ромашка»",
            protection=Protection("SenseLock", "ok", "", ""),
            components={"kassist": "7.1"},
            volumes=[Volume("100001", "Нормы", "D:\\nps.db", "2311", None, faults, [OperUp("D:\\nps.upd", operup)])],
        )

    put(store, plant, NOW, report=report("6.4", NOW - 50, "Нет прав"))
    put(store, plant, NOW + 60, report=report("6.5", NOW + 50, "Другая"))
    put(store, plant, NOW - 60, NOW + 90, report=report("6.3", NOW - 99, "Нет прав"))
    assert table(store, "operup_file", "filename, updated, first_seen, last_seen, present") == [
        ("D:\\nps.upd", NOW + 50, NOW - 60, NOW + 60, True)
    ]
    assert table(store, "db_error", "message, first_seen, last_seen, present") == [
        ("Другая", NOW + 60, NOW + 60, True),
        ("Нет прав", NOW - 60, NOW, False),
    ]
    assert table(store, "component_version", "component, version, first_seen, last_seen") == [
        ("kassist", "7.1", NOW - 60, NOW + 60),
        ("product", "6.3", NOW - 60, NOW - 60),
        ("product", "6.4", NOW, NOW),
        ("product", "6.5", NOW + 60, NOW + 60),
        ("sysinfo", "2.0", NOW - 60, NOW + 60),
    ]
    assert table(store, "client", "owner, regnum") == [("ООО «Ромашка»", "599")]
