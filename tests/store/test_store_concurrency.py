"""Several processes write at once: they wait for each other, none fails, none is lost."""

from __future__ import annotations

import multiprocessing
import threading

from store_samples import NOW, activity, inventory_of, put, search, table, user

from smart.store import Store
from smart.sysinfo.report import Records, Report

SPAWN = multiprocessing.get_context("spawn")
WRITERS, REPORTS, SEARCHES = 4, 6, 6_000


def write(url: str, name: str, writer: int, results) -> None:
    try:
        store = Store.open(url)
        client_id = store.client_id("DEALER", name)
        for number in range(REPORTS):
            moment = NOW + number * 60
            rows = {
                Records.SEARCHES: [search(moment + n, f"user{writer}") for n in range(SEARCHES)],
                Records.ACTIVITY: [
                    activity(NOW, f"user{n:03}", requests=1 + number * WRITERS + writer) for n in range(300)
                ],
                Records.USERS: [user(f"user{n:03}") for n in range(300)],
            }
            put(store, client_id, moment, rows=rows, name=f"{writer}")
        store.close()
        results.put("")
    except BaseException as error:
        results.put(f"{error!r}")


def run_writers(url: str, names: list[str]) -> list[str]:
    results = SPAWN.Queue()
    processes = [SPAWN.Process(target=write, args=(url, name, n, results)) for n, name in enumerate(names)]
    for process in processes:
        process.start()
    told = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return told


def test_reports_of_different_clients_at_once_are_all_stored(store, store_url):
    names = [f"plant{n}" for n in range(WRITERS)]
    store.sync_clients(inventory_of(*names), 1)
    start = store.changed_since(0)[0]
    seen, stop = [], threading.Event()

    def follow() -> None:  # as a replica does, while the writers write
        version = start
        while not stop.is_set():
            version, changed = store.changed_since(version)
            seen.extend(changed)
        seen.extend(store.changed_since(version)[1])

    follower = threading.Thread(target=follow)
    follower.start()
    told = run_writers(store_url, names)
    stop.set()
    follower.join()
    assert told == [""] * WRITERS
    assert len(table(store, "report", "client_id")) == WRITERS * REPORTS
    assert set(seen) == {store.client_id("DEALER", name) for name in names}
    assert store.changed_since(0)[0] == start + WRITERS * REPORTS
    assert len(table(store, "search_event", "client_id")) == WRITERS * (SEARCHES + (REPORTS - 1) * 60)


def test_reports_of_one_client_at_once_are_all_stored(store, store_url, plant):
    assert run_writers(store_url, ["plant7"] * WRITERS) == [""] * WRITERS
    assert len(table(store, "report", "client_id")) == WRITERS * REPORTS
    assert len(table(store, "search_event", "client_id")) == WRITERS * (SEARCHES + (REPORTS - 1) * 60)
    assert set(table(store, "user_hour", "requests")) == {(WRITERS * REPORTS,)}


def test_readers_do_not_wait_for_a_writer(store, store_url, plant):
    put(store, plant)
    with store.report_transaction(plant, received=NOW + 60, digest=b"2", size=1, way="push") as writer:
        writer.add(Records.SEARCHES, [search(NOW, found=0)])
        reader = Store.open(store_url)
        state = reader.client_state(plant, NOW)
        assert (state.created, state.events) == (NOW, ())
        reader.close()
        writer.finish(Report(created=NOW + 60), (), "2026-11")
    assert store.client_state(plant, NOW).created == NOW + 60


def test_a_report_without_records_yet_holds_no_lock(store, store_url, plant):
    with store.report_transaction(plant, received=NOW, digest=b"1", size=1, way="push") as slow:
        other = Store.open(store_url)
        assert put(other, plant, NOW - 60).newest
        other.close()
        assert slow.finish(Report(created=NOW), (), "2026-11").newest
