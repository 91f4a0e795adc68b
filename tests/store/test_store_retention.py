"""Deletion by age: what goes, what stays, and that it goes in small transactions."""

from __future__ import annotations

import pytest
from store_samples import DAY, FULL_CARD, NOW, activity, inventory_of, put, search, table, user

from smart.errors import ConfigError, RejectReason
from smart.store import retention
from smart.store.usage import months_before
from smart.sysinfo.report import Activity, KassistDay, OperUp, Records, Rejection, Report, Session, Volume, VolumeError

EDGE = months_before(NOW, 13)


def fill(store, client_id, moment):
    """One record of each kind, of that age."""
    volume = Volume("1", "n", f"f{moment}", "1", None, [VolumeError("2007", "")], [OperUp(f"u{moment}", moment)])
    rows = {
        Records.ACTIVITY: [activity(moment, f"a{moment}")],
        Records.SEARCHES: [search(moment)],
        Records.REJECTIONS: [Rejection(moment, "a", "auth")],
        Records.USERS: [user(f"a{moment}", last_seen=moment, card=FULL_CARD)],
        Records.SESSIONS: [Session("ivanov", "", "", "", None, None)],
        Records.KASSIST: [KassistDay("2025-10-18" if moment < EDGE else "2025-10-21", 1, 1, 1, 1)],
    }
    put(store, client_id, moment, rows=rows, report=Report(components={"kassist": str(moment)}, volumes=[volume]))
    store.record_rejected(
        client_id, received=moment, digest=b"x", size=1, reason=RejectReason.EMPTY, text="пусто", name="a"
    )


def test_records_older_than_13_months_go_and_younger_ones_stay(store, plant):
    fill(store, plant, EDGE - 1)
    fill(store, plant, EDGE)
    deleted = store.delete_old(NOW)
    assert deleted == dict.fromkeys(retention.KINDS, 1) | {
        "session": 2, "online_search_event": 0, "online_check_error": 0, "asrp_event": 0, "alert_event": 0
    }  # fmt: skip
    assert table(store, "user_hour", "hour") == table(store, "search_event", "time") == [(EDGE,)]
    assert table(store, "user_account", "login") == [(f"a{EDGE}",)]
    assert table(store, "kassist_day", "day") == [("2025-10-21",)]
    assert store.client_state(plant, NOW).samples
    assert set(store.delete_old(NOW).values()) == {0}


def test_cards_go_with_their_accounts(store, plant):
    put(store, plant, EDGE - 1, rows={Records.USERS: [user("old", last_seen=EDGE - 1, card=FULL_CARD)]})
    put(store, plant, EDGE - 2, EDGE, rows={Records.USERS: [user("young", last_seen=EDGE)]})
    assert table(store, "user_card", "login") == [("old",)]
    store.delete_old(NOW)
    assert (table(store, "user_card"), table(store, "user_account", "login")) == ([], [("young",)])


def test_sessions_stay_30_days_and_every_kind_may_have_its_own_age(store, plant):
    for days in (29, 33, 70):
        rows = {Records.SESSIONS: [Session("a", "", "", "", None, None)], Records.SEARCHES: [search(NOW - days * DAY)]}
        put(store, plant, NOW - days * DAY, rows=rows)
    deleted = store.delete_old(NOW, {"search_event": 2})
    assert (deleted["session"], deleted["search_event"], deleted["report"]) == (2, 1, 0)
    assert store.delete_old(NOW, {"session": 1, "search_event": 1})["search_event"] == 1


def test_an_unknown_kind_is_a_mistake_that_is_told(store):
    with pytest.raises(ConfigError, match="searches: no such kind"):
        store.delete_old(NOW, {"searches": 3})


def test_a_large_history_goes_in_chunks_of_every_client_listed_or_not(store, plant):
    store.sync_clients(inventory_of("other"), 5)
    other = store.client_id("DEALER", "other")
    for client_id in (plant, other):
        rows = [search(EDGE - 1 - n // 7, digest=n) for n in range(12_000)]
        hours = [Activity(EDGE - 3600, f"u{n}", "", *[1] * 8) for n in range(6_000)]  # more of one age than a chunk
        put(store, client_id, EDGE, rows={Records.SEARCHES: [*rows, search(EDGE)], Records.ACTIVITY: hours})
    deleted = store.delete_old(NOW)
    assert (deleted["search_event"], deleted["user_hour"]) == (24_000, 12_000)
    assert len(table(store, "search_event")) == 2


def test_a_user_kept_from_coming_back_each_hour(store, plant):
    rows = {Records.USERS: [user("ancient", registered=EDGE - 99 * DAY, last_seen=EDGE - 1, card=FULL_CARD)]}
    put(store, plant, NOW, rows=rows)
    assert table(store, "user_account") == table(store, "user_card") == []
