"""What is shown of a client: the newest report, changes, refused files, the inventory."""

from __future__ import annotations

import pytest
from store_samples import DAY, FULL_CARD, NOW, inventory_of, put, sample, search, table, user

from smart.checks.base import Sample
from smart.errors import RejectReason, StoreError
from smart.store import FileInfo, FileState
from smart.sysinfo.report import Records, Report


def test_a_client_without_reports_shows_when_it_was_listed(store, plant):
    state = store.client_state(plant, NOW)
    assert (state.listed_at, state.created, state.received, state.samples, state.events) == (1_000, None, None, (), ())
    assert store.last_file(plant) is None


def test_samples_come_back_as_they_were(store, plant):
    samples = (Sample("KodeksSeats", (), 25.0), Sample("KodeksDBerrors", ('D:\\"x"\n', "2007", "я"), 0.5))
    put(store, plant, samples=samples)
    state = store.client_state(plant, NOW)
    assert (state.samples, state.created, state.received, state.month) == (samples, NOW, NOW, "2026-11")


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ((NOW, NOW + 5), (NOW + 60, NOW + 65), 2),
        ((NOW + 60, NOW + 65), (NOW, NOW + 99), 1),
        ((NOW, NOW + 5), (NOW, NOW + 9), 2),
        ((NOW + DAY, NOW), (NOW + 60, NOW + 65), 2),
        ((NOW, NOW), (NOW - 30 * DAY, NOW + 60), 1),
        ((NOW, NOW), (NOW, NOW), 2),
    ],
    ids=[
        "newer",
        "older-comes-late",
        "same-moment-later-receipt",
        "after-a-clock-a-day-ahead",
        "month-old",
        "two-in-one-second",
    ],
)
def test_the_newest_report_is_shown(store, plant, first, second, shown):
    put(store, plant, *first, name="1", samples=(sample(1),))
    saved = put(store, plant, *second, name="2", samples=(sample(2),))
    assert store.client_state(plant, NOW).samples == (sample(shown),)
    assert saved.newest == (shown == 2)


def test_an_old_file_sent_again_is_not_fresh(store, plant):
    put(store, plant, NOW + DAY, NOW, samples=(sample(1),))  # its clock is a day ahead
    version = store.client_state(plant, NOW).version
    again = put(store, plant, NOW + DAY, NOW + 7200, samples=(sample(2),))
    state = store.client_state(plant, NOW + 7200)
    assert (again.duplicate, again.newest, again.version) == (True, False, 0)
    assert (state.received, state.samples, state.version) == (NOW, (sample(1),), version)
    assert store.last_file(plant) == FileInfo(NOW + 7200, 1000, FileState.ACCEPTED)


def test_usage_asked_for_the_moment_of_receipt_places_a_report_all_the_same(store, plant):
    def ahead(received):
        with store.report_transaction(plant, received=received, digest=b"1", size=1, way="push") as writer:
            writer.usage(received, None, "")
            return writer.finish(Report(created=NOW + DAY), (), "2026-11")

    assert not ahead(NOW).duplicate
    assert ahead(NOW + 50).duplicate
    assert store.client_state(plant, NOW).created == NOW + DAY


def test_changes_are_told_once_and_to_everyone_who_asks(store):
    store.sync_clients(inventory_of("a", "b", "c"), 5)
    ids = [store.client_id("DEALER", name) for name in "abc"]
    start, listed = store.changed_since(0)
    assert sorted(listed) == sorted(ids)
    put(store, ids[1])
    put(store, ids[0])
    put(store, ids[1], name="again")
    newest, changed = store.changed_since(start)
    assert changed == [ids[0], ids[1]]
    assert store.changed_since(newest) == (newest, [])
    put(store, ids[1], name="again")  # a duplicate changes nothing
    assert store.changed_since(newest) == (newest, [])


def test_a_version_of_another_database_makes_everything_new(store, plant):
    assert store.changed_since(10_000) == (store.client_state(plant, 0).version, [plant])


def test_a_refused_file_shows_until_a_newer_one_is_accepted(store, plant):
    put(store, plant)
    refused = {
        "received": NOW + 60, "digest": b"x", "size": 7, "reason": RejectReason.BOMB, "text": "бомба\0", "name": "я.zip"
    }  # fmt: skip
    store.record_rejected(plant, **refused)
    before = store.client_state(plant, NOW + 60)
    store.record_rejected(plant, **refused)
    assert store.client_state(plant, NOW + 60) == before
    assert (before.rejected_at, before.rejected_reason, before.samples) == (NOW + 60, "bomb", (sample(1),))
    assert store.last_file(plant) == FileInfo(NOW + 60, 7, FileState.REJECTED, "бомба\ufffd")
    put(store, plant, NOW + 120)
    after = store.client_state(plant, NOW + 120)
    assert (after.rejected_at, after.rejected_reason) == (None, "")
    assert store.last_file(plant).state is FileState.ACCEPTED


def test_unknown_clients_are_store_errors_or_none(store):
    assert store.client_id("DEALER", "nobody") is None
    with pytest.raises(StoreError):
        store.client_state(5, NOW)
    with pytest.raises(StoreError):
        store.record_rejected(5, received=1, digest=b"", size=0, reason=RejectReason.EMPTY, text="", name="")


def test_the_inventory_is_followed_and_nothing_is_forgotten(store, plant):
    put(store, plant, rows={Records.SEARCHES: [search(NOW)]})
    version = store.changed_since(0)[0]
    store.sync_clients(inventory_of("plant7"), 2_000)
    assert store.changed_since(version) == (version, [])
    store.sync_clients(inventory_of("other"), 3_000)
    assert table(store, "client", "name, listed, listed_at") == [("other", True, 3_000), ("plant7", False, 1_000)]
    assert len(table(store, "search_event")) == 1
    store.sync_clients(inventory_of("plant7", "other", manager="north-2"), 4_000)
    assert table(store, "client", "name, listed, listed_at, manager") == [
        ("other", True, 3_000, "north-2"),
        ("plant7", True, 4_000, "north-2"),
    ]
    assert store.client_id("DEALER", "plant7") == plant


def test_switching_off_cards_or_texts_forgets_what_was_stored(store, plant):
    put(store, plant, rows={Records.SEARCHES: [search(NOW)], Records.USERS: [user(card=FULL_CARD)]})
    store.sync_clients(inventory_of("plant7", keep_cards=False, keep_query_text=False), 2_000)
    assert table(store, "user_card") == []
    assert table(store, "search_event", "text") == [("",)]
