"""Events an alert names: first stored lately, the newest few, each once; who counts as a new user."""

from __future__ import annotations

import pytest
from store_samples import DAY, NOW, SERVICE, activity, put, search, table, user

from smart.sysinfo.report import Records, Rejection


def names(state, family):
    return [dict(event.labels) for event in state.events if event.family == family]


def test_events_carry_the_labels_of_their_alert(store, plant):
    rows = {
        Records.SEARCHES: [
            search(NOW - 9, found=0, text="я" * 300),
            search(NOW - 8, found=-1, text="a(", type="attribute"),
            search(NOW - 7),
            search(NOW - 6, SERVICE, found=0),
        ],
        Records.REJECTIONS: [Rejection(NOW - 5, "user017", "no-seats"), Rejection(NOW - 5, SERVICE, "auth")],
    }
    put(store, plant, NOW, NOW + 30, rows=rows)
    state = store.client_state(plant, NOW + 60)
    batch = "2026-11-20 10:00"
    common = {"user": "ivanov", "catalog": "/docs", "url": "", "batch": batch}
    assert names(state, "KodeksSearchEmptyEvents") == [common | {"query": "я" * 200, "searchtype": "intellectual"}]
    assert names(state, "KodeksSearchErrorEvents") == [common | {"query": "a(", "searchtype": "attribute"}]
    assert names(state, "KodeksRejectionEvents") == [{"user": "user017", "reason": "no-seats", "batch": batch}]
    assert {event.expires for event in state.events} == {NOW + 30 + DAY}
    assert state.left_out == {}


def test_labels_of_events_are_short_whatever_was_stored(store, plant):
    put(store, plant, rows={Records.SEARCHES: [search(NOW, found=0, catalog="c" * 100_000, type="t" * 100_000)]})
    (labels,) = names(store.client_state(plant, NOW), "KodeksSearchEmptyEvents")
    assert (len(labels["catalog"]), len(labels["searchtype"])) == (300, 300)


def test_an_event_is_held_from_when_it_was_first_stored_and_never_shown_again(store, plant):
    rows = {Records.SEARCHES: [search(NOW - 20 * DAY, found=0)]}
    put(store, plant, rows=rows)
    put(store, plant, NOW + 3600, rows=rows)
    assert len(store.client_state(plant, NOW + DAY - 1).events) == 1
    assert store.client_state(plant, NOW + DAY).events == ()
    assert len(store.client_state(plant, NOW + DAY, event_hold_seconds=DAY + 1).events) == 1


def test_only_the_newest_are_shown_and_the_rest_counted(store, plant):
    searches = [search(NOW - 1000 + n, found=0, text=f"{n:03}") for n in range(500)]
    failed = [search(NOW - n, found=-1, text=f"{n}") for n in range(50)]
    put(store, plant, rows={Records.SEARCHES: searches + failed})
    state = store.client_state(plant, NOW)
    assert [labels["query"] for labels in names(state, "KodeksSearchEmptyEvents")] == [
        f"{n}" for n in range(499, 449, -1)
    ]
    assert len(names(state, "KodeksSearchErrorEvents")) == 50
    assert state.left_out == {"KodeksSearchEmptyEvents": 450}
    assert store.client_state(plant, NOW, limit=3).left_out == {
        "KodeksSearchEmptyEvents": 497,
        "KodeksSearchErrorEvents": 47,
    }


def test_records_that_look_alike_are_one_event(store, plant):
    rows = [search(NOW - n, found=0, text="я" * 200 + str(n)) for n in range(80)]
    put(
        store,
        plant,
        rows={Records.SEARCHES: rows, Records.REJECTIONS: [Rejection(NOW - n, "a", "auth") for n in range(9)]},
    )
    put(store, plant, NOW + 5, rows={Records.SEARCHES: [search(NOW + 1, found=0, text="я" * 200)]})  # the same minute
    state = store.client_state(plant, NOW)
    assert len({event.labels for event in state.events}) == len(state.events) == 2
    assert state.left_out == {}


@pytest.mark.parametrize(
    ("after", "news"),
    [(0, False), (6 * DAY, False), (7 * DAY - 1, False), (7 * DAY, True), (40 * DAY, True)],
    ids=["first-report", "sixth-day", "a-second-early", "after-a-week", "later"],
)
def test_new_users_are_told_from_a_week_after_the_first_report(store, plant, after, news):
    if after:
        put(store, plant)
    moment = NOW + after
    put(
        store,
        plant,
        moment,
        rows={Records.USERS: [user(last_seen=moment)], Records.ACTIVITY: [activity(moment)]},
        name="x",
    )
    events = names(store.client_state(plant, moment), "KodeksNewUserEvents")
    assert [labels["user"] for labels in events] == (["ivanov"] if news else [])
    if news:
        assert set(events[0]) == {"user", "domain", "batch"}


LATER = NOW + 30 * DAY


@pytest.mark.parametrize(
    ("before", "rows", "news"),
    [
        ({}, {Records.ACTIVITY: [activity(LATER)]}, ["ivanov"]),
        ({}, {Records.ACTIVITY: [activity(LATER, requests=0, searches=3)]}, []),
        ({Records.ACTIVITY: [activity(NOW)]}, {Records.ACTIVITY: [activity(LATER)]}, []),
        ({Records.ACTIVITY: [activity(NOW, domain="old")]}, {Records.ACTIVITY: [activity(LATER)]}, []),
        ({Records.USERS: [user()]}, {Records.ACTIVITY: [activity(LATER)]}, ["ivanov"]),
        ({Records.USERS: [user(last_seen=NOW - 90 * DAY)]}, {Records.ACTIVITY: [activity(LATER)]}, []),
        ({}, {Records.USERS: [user(last_seen=LATER)]}, []),
        ({}, {Records.ACTIVITY: [activity(LATER, SERVICE)]}, []),
    ],
    ids=[
        "unknown",
        "no-request",
        "active-before",
        "other-domain",
        "listed-before",
        "came-before-the-watch",
        "only-listed",
        "service",
    ],
)
def test_only_the_first_requests_ever_of_a_login_make_it_new(store, plant, before, rows, news):
    put(store, plant, rows=before)
    put(store, plant, NOW + 10 * DAY)
    put(store, plant, LATER, rows=rows)
    events = names(store.client_state(plant, LATER), "KodeksNewUserEvents")
    assert [labels["user"] for labels in events] == news


def test_a_new_user_is_told_once_and_the_hours_of_requests_are_kept(store, plant):
    put(store, plant)
    put(store, plant, LATER, rows={Records.ACTIVITY: [activity(LATER - 7200), activity(LATER - 3600)]})
    put(store, plant, LATER + 60, rows={Records.ACTIVITY: [activity(LATER - 7200), activity(LATER)]})
    put(store, plant, LATER - DAY, LATER + 90, rows={Records.ACTIVITY: [activity(LATER - 2 * DAY)]})
    spans = table(store, "user_account", "first_request, last_request, first_request_stored_at")
    assert spans == [(LATER - 2 * DAY, LATER, LATER)]
    assert store.client_state(plant, LATER + DAY).events == ()
