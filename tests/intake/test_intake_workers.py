"""The pool with real worker processes that do as they are told: order, death, hanging, outages, stopping."""

from __future__ import annotations

import logging
import os
import threading
import time
from types import SimpleNamespace

import pytest
from intake_harness import Dealers
from prometheus_client import REGISTRY

from smart.errors import RejectReason, StoreError
from smart.intake.names import FileClass
from smart.intake.receive import Refusal
from smart.intake.spool import Spool
from smart.intake.worker import Verdict
from smart.intake.workers import Workers, WorkerSettings


class Book:
    """Where refused files are recorded."""

    def __init__(self):
        self.rows = []
        self.away = False

    def client_id(self, _dealer, _name):
        if self.away:
            raise StoreError("away")
        return 7

    def record_rejected(self, client_id, **row):
        self.rows.append((client_id, row["reason"], row["text"], row["size"]))


class Pool:
    """A spool with workers, and what they said."""

    def __init__(self, directory, **settings):
        self.directory = directory
        self.spool = Spool(directory / "spool")
        self.notes = directory / "notes"
        self.notes.touch()
        self.store = Book()
        self.results = []
        self.live = SimpleNamespace(current=Dealers(clients=("a", "b", "c", "d")).inventory())
        self.workers = Workers(
            self.live,
            self.spool,
            self.store,
            (str(self.notes),),
            settings=WorkerSettings(**{"processes": 2, **settings}),
            on_done=lambda _dealer, client, result: self.results.append((client, result.outcome)),
            process="intake_doubles:obey",
        )

    def put(self, client, content, submit=True):
        temporary = self.spool.temporary()
        temporary.write_text(content)
        file = self.spool.place(temporary, "7700NORTH", client, self.spool.now_ns(), "raw")
        self.spool.add(file)
        if submit:
            self.workers.submit(file)
        return file

    def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.lines(), self.results, self.spool.pending())
            time.sleep(0.01)

    def lines(self):
        return self.notes.read_text().splitlines()

    def __enter__(self):
        self.workers.start()
        return self

    def __exit__(self, *_):
        self.workers.stop()
        self.spool.close()


def counter(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_files_that_waited_are_taken_up_at_the_start_each_client_in_order(tmp_path):
    pool = Pool(tmp_path, processes=3)
    for number in range(4):
        for client in "abc":
            pool.put(client, f"store {number}", submit=False)
    with pool:
        pool.until(lambda: not pool.spool.pending())
        for client in "abc":
            mine = [line for line in pool.lines() if line.split()[1] == client]
            assert mine == [f"{word} {client} store {number}" for number in range(4) for word in ("begin", "end")]
            assert pool.spool.kept("7700NORTH", client, FileClass.REPORT).read_text() == "store 3"
        pool.until(lambda: pool.results.count(("b", Verdict.STORED)) == 4)


def test_a_client_has_one_file_in_hand_and_does_not_hold_up_others(tmp_path):
    with Pool(tmp_path) as pool:
        pool.put("a", f"wait {tmp_path / 'go'}")
        pool.put("a", "store")
        pool.put("b", "store")
        pool.until(lambda: ("b", Verdict.STORED) in pool.results)
        assert "begin a store" not in pool.lines()
        assert pool.spool.newest("7700NORTH", "a")[1] is False
        (tmp_path / "go").touch()
        pool.until(lambda: pool.results.count(("a", Verdict.STORED)) == 2)


def test_a_refused_file_is_recorded_set_aside_and_the_next_one_taken(tmp_path):
    before = counter("smart_files_rejected_total", reason="broken-xml")
    with Pool(tmp_path) as pool:
        pool.put("a", "refuse")
        pool.put("a", "store")
        pool.until(lambda: pool.results == [("a", Verdict.REJECTED), ("a", Verdict.STORED)])
        assert pool.store.rows == [(7, RejectReason.BROKEN_XML, "не закрыт элемент", 6)]
        (note,) = pool.spool.rejected.rglob("*.reason.txt")
        assert "не закрыт элемент" in note.read_text("utf-8")
        assert counter("smart_files_rejected_total", reason="broken-xml") == before + 1


def test_a_defect_sets_the_file_aside_and_its_traceback_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.ERROR), Pool(tmp_path) as pool:
        pool.put("a", "fail")
        pool.until(lambda: pool.results == [("a", Verdict.FAILED)])
    assert "Traceback: here" in caplog.text
    assert pool.store.rows[0][1] is RejectReason.FAILED


def test_a_worker_that_dies_once_is_replaced_and_the_file_tried_again(tmp_path):
    before = counter("smart_worker_crashes_total")
    with Pool(tmp_path, processes=1) as pool:
        pool.put("a", "die-once")
        pool.put("b", "store")
        pool.until(lambda: len(pool.results) == 2)
        assert set(pool.results) == {("a", Verdict.STORED), ("b", Verdict.STORED)}
    assert counter("smart_worker_crashes_total") == before + 1


@pytest.mark.parametrize(("content", "seconds"), [("die", 60.0), ("hang", 1.5)])
def test_a_file_that_costs_two_workers_is_set_aside_and_the_others_are_taken(tmp_path, content, seconds):
    with Pool(tmp_path, processes=1, file_seconds=seconds) as pool:
        pool.put("a", content)
        pool.put("a", "store")
        pool.put("b", "store")
        pool.until(lambda: len(pool.results) == 3)
        assert pool.results.count(("a", Verdict.FAILED)) == 1
        assert [line for line in pool.lines() if line.startswith("begin a")] == [
            f"begin a {content}",
            f"begin a {content}",
            "begin a store",
        ]
        assert pool.store.rows == [(7, RejectReason.FAILED, pool.store.rows[0][2], len(content))]
        assert "сбой программы SMART" in pool.store.rows[0][2]


def test_a_worker_cannot_take_all_the_memory_and_another_one_goes_on(tmp_path):
    with Pool(tmp_path, processes=1) as pool:
        pool.put("a", "eat")
        pool.put("a", "who")
        pool.until(lambda: len(pool.results) == 2)
        first, second = [line for line in pool.lines() if line.startswith("process ")]
        assert first != second
    assert pool.results == [("a", Verdict.REJECTED), ("a", Verdict.STORED)]


def test_while_the_store_is_away_files_stay_and_others_go_on(tmp_path):
    with Pool(tmp_path) as pool:
        pool.put("a", f"away {tmp_path / 'back'}")
        pool.put("b", "store")
        pool.until(lambda: len([line for line in pool.lines() if line.startswith("end a")]) == 2)
        assert pool.results == [("b", Verdict.STORED)]
        assert len(pool.spool.pending()) == 1
        assert list(pool.spool.rejected.iterdir()) == []
        (tmp_path / "back").touch()
        pool.until(lambda: ("a", Verdict.STORED) in pool.results)


def test_a_refusal_that_cannot_be_recorded_waits_for_the_store(tmp_path):
    with Pool(tmp_path) as pool:
        pool.store.away = True
        pool.put("a", "refuse")
        pool.until(lambda: "end a refuse" in pool.lines())
        assert pool.results == []
        pool.store.away = False
        pool.until(lambda: pool.results == [("a", Verdict.REJECTED)])


def test_a_file_of_a_client_no_longer_listed_is_set_aside(tmp_path):
    with Pool(tmp_path) as pool:
        pool.live.current = Dealers(clients=("b",)).inventory()
        pool.put("a", "store")
        pool.until(lambda: not pool.spool.pending())
        assert pool.lines() == []
        (note,) = pool.spool.rejected.rglob("*.reason.txt")
        assert "клиента больше нет в списке" in note.read_text("utf-8")


def test_a_listener_that_fails_harms_nobody(tmp_path):
    with Pool(tmp_path) as pool:
        pool.workers._on_done = lambda *_: 1 / 0
        pool.put("a", "store")
        pool.put("a", "store")
        pool.until(lambda: not pool.spool.pending())


def test_stopping_waits_for_the_file_in_hand(tmp_path):
    with Pool(tmp_path) as pool:
        pool.put("a", f"wait {tmp_path / 'go'}")
        pool.put("a", "store")
        pool.until(lambda: pool.lines())
        threading.Timer(0.3, (tmp_path / "go").touch).start()
    assert pool.results == [("a", Verdict.STORED)]
    assert len(list((tmp_path / "spool" / "spool").iterdir())) == 1


def test_a_file_that_is_not_done_in_time_stays_for_the_next_start(tmp_path):
    with Pool(tmp_path, stop_seconds=0.2) as pool:
        pool.put("a", "hang")
        pool.until(lambda: pool.lines())
        started = time.monotonic()
    assert time.monotonic() - started < 30
    again = Pool(tmp_path, file_seconds=1)
    assert [file.tries for file in again.spool.pending()] == [0]
    again.spool.close()


def test_a_worker_that_cannot_start_is_no_fault_of_the_file(tmp_path):
    pool = Pool(tmp_path, processes=1)
    pool.workers._process = "intake_doubles:nothing_of_that_name"
    with pool:
        pool.put("a", "store")
        pool.until(lambda: counter("smart_files_processed_total", outcome="unavailable") > 0)
        pool.workers._process = "intake_doubles:obey"
        pool.until(lambda: pool.results == [("a", Verdict.STORED)])


def test_workers_end_with_the_process_that_feeds_them(tmp_path):
    with Pool(tmp_path, processes=1) as pool:
        pool.put("a", f"wait {tmp_path / 'never'}")
        pool.until(lambda: pool.lines())
        (process,) = pool.workers._busy.values()
        process._child.stdin.close()
        pool.until(lambda: not process.is_alive)
        (tmp_path / "never").touch()
        pool.until(lambda: pool.results)


def test_signals_to_the_group_do_not_reach_the_file_in_hand(tmp_path):
    with Pool(tmp_path, processes=1) as pool:
        pool.put("a", f"wait {tmp_path / 'go'}")
        pool.until(lambda: pool.lines())
        (process,) = pool.workers._busy.values()
        for number in (2, 15):
            os.kill(process.pid, number)
        (tmp_path / "go").touch()
        pool.until(lambda: pool.results == [("a", Verdict.STORED)])


def test_the_spool_shows_in_the_metrics(tmp_path):
    with Pool(tmp_path) as pool:
        assert counter("smart_spool_oldest_file_timestamp_seconds") == 0
        pool.put("a", f"wait {tmp_path / 'go'}")
        assert counter("smart_spool_files") == 1
        assert abs(counter("smart_spool_oldest_file_timestamp_seconds") - time.time()) < 60
        (tmp_path / "go").touch()


def test_a_file_refused_at_the_door_is_recorded_and_told(tmp_path):
    with Pool(tmp_path) as pool:
        pool.workers.record_refusal(
            Refusal("7700NORTH", "a", 1, b"", 5, RejectReason.NOT_A_REPORT, "не отчёт", "a.zip")
        )
    assert pool.store.rows == [(7, RejectReason.NOT_A_REPORT, "не отчёт", 5)]
    assert pool.results == [("a", Verdict.REJECTED)]
