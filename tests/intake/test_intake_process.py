"""One file the whole way through a worker: unpack, parse, store, checks; what each kind of trouble comes to."""

from __future__ import annotations

import dataclasses
import hashlib
import sqlite3
import time

import pytest
from intake_harness import Dealers, client, report, zipped

from smart.errors import RejectReason
from smart.intake import worker
from smart.intake.names import FileClass
from smart.intake.process import WorkerProcess
from smart.intake.spool import SpoolFile
from smart.intake.worker import Reading, Verdict, process
from smart.store import Store
from smart.sysinfo.profile import REFERENCE, load_profile
from smart.sysinfo.unpack import Limits

PROFILES = (load_profile(REFERENCE),)
CLIENT = client("romashka")


@pytest.fixture
def store(tmp_path):
    worker.forget_store()
    url = f"sqlite:///{tmp_path / 'smart.db'}"
    opened = Store.open(url)
    opened.sync_clients(Dealers().inventory(), int(time.time()))
    opened.url = url
    yield opened
    opened.close()
    worker.forget_store()


def work(store, tmp_path, content: bytes, name: str = "romashka", received: int | None = None, limits=None):
    path = tmp_path / "file"
    path.write_bytes(content)
    seconds = received or int(time.time())
    file = SpoolFile(path, "7700NORTH", name, FileClass.REPORT, seconds * 1_000_000_000, "raw")
    return process(file, client(name), store.url, Reading(limits or Limits(), PROFILES))


@pytest.mark.parametrize("pack", [bytes, zipped], ids=["XML", "zip"])
def test_a_good_report_is_stored_with_its_samples(store, tmp_path, pack):
    content = pack(report())
    result = work(store, tmp_path, content)
    assert (result.outcome, result.newest, result.reason, result.trace) == (Verdict.STORED, True, None, "")
    assert (result.size, result.digest) == (len(content), hashlib.sha256(content).digest())
    assert result.counts["activity"] == 1
    assert result.seconds > 0
    state = store.client_state(store.client_id("7700NORTH", "romashka"), int(time.time()))
    assert ("KodeksXmlSensLockStatus", 1.0) in [(sample.metric, sample.value) for sample in state.samples]


def test_the_same_file_again_is_a_duplicate_and_stores_nothing(store, tmp_path):
    assert work(store, tmp_path, report()).outcome is Verdict.STORED
    again = work(store, tmp_path, report())
    assert again.outcome is Verdict.DUPLICATE
    assert sum(again.counts.values()) == 0


def test_an_older_report_that_comes_late_is_stored_but_is_not_the_newest(store, tmp_path):
    work(store, tmp_path, report("2026-11-20T10:00:00"))
    late = work(store, tmp_path, report("2026-11-19T10:00:00"))
    assert (late.outcome, late.newest) == (Verdict.STORED, False)


def test_a_clock_a_day_ahead_speaks_of_the_moment_of_receipt(store, tmp_path):
    now = int(time.time())
    ahead = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + 86_400))
    assert work(store, tmp_path, report(ahead), received=now).newest
    later = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + 4 * 3600))  # Moscow: an hour ahead of UTC + 3
    assert work(store, tmp_path, report(later), received=now + 60).newest


CONTENTS = {
    "truncated XML": (report()[:-30], RejectReason.BROKEN_XML),
    "not a report": (b"<?xml version='1.0'?><html/>", RejectReason.WRONG_LAYOUT),
    "a DTD": (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + report()[39:], RejectReason.DTD),
    "zip of rubbish": (zipped(b"rubbish"), None),
    "empty": (b"", None),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_what_cannot_be_read_is_rejected_and_leaves_nothing(store, tmp_path, case):
    content, reason = CONTENTS[case]
    result = work(store, tmp_path, content)
    assert result.outcome is Verdict.REJECTED, result
    assert reason in (None, result.reason)
    assert any("а" <= letter <= "я" for letter in result.text)
    assert result.size == len(content)
    with sqlite3.connect(tmp_path / "smart.db") as database:
        assert database.execute("SELECT count(*) FROM report").fetchone() == (0,)


def test_a_report_made_to_take_all_memory_is_rejected(store, tmp_path):
    """Names of elements are kept by the XML parser to the end of the document, whatever is made of them."""
    names = "".join(f"<a{number}/>" for number in range(2_000_000))
    hostile = tmp_path / "hostile"
    hostile.write_bytes(report().replace(b"</sysinfo>", names.encode() + b"</sysinfo>"))
    reading = Reading(Limits(), PROFILES)
    worker_process = WorkerProcess("intake_doubles:process_within", (store.url, reading, 160 << 20))
    try:
        file = SpoolFile(hostile, "7700NORTH", "romashka", FileClass.REPORT, 1, "raw")
        result = worker_process.call((file, CLIENT), 60)
    finally:
        worker_process.close()
    assert (result.outcome, result.reason, result.worn_out) == (Verdict.REJECTED, RejectReason.BOMB, True)
    assert "не хватило памяти" in result.text


def test_a_store_that_is_away_is_an_outage_and_comes_back(store, tmp_path):
    url = store.url
    store.url = f"sqlite:///{tmp_path / 'missing' / 'smart.db'}"
    result = work(store, tmp_path, report())
    assert (result.outcome, result.reason) == (Verdict.UNAVAILABLE, None)
    store.url = url
    assert work(store, tmp_path, report()).outcome is Verdict.STORED


def test_a_client_the_store_does_not_know_yet_waits(store, tmp_path):
    assert work(store, tmp_path, report(), name="newcomer").outcome is Verdict.UNAVAILABLE


def test_a_defect_is_told_with_its_traceback_and_leaves_nothing(store, tmp_path):
    broken = dataclasses.replace(Limits(), ratio=None)
    result = process(
        SpoolFile(tmp_path / "no such file", "7700NORTH", "romashka", FileClass.REPORT, 1, "raw"),
        client("romashka"),
        store.url,
        Reading(broken, PROFILES),
    )
    assert (result.outcome, result.reason) == (Verdict.FAILED, RejectReason.FAILED)
    assert "FileNotFoundError" in result.trace
    assert "сбой программы SMART" in result.text


def test_what_is_not_to_be_kept_is_not(store, tmp_path):
    path = tmp_path / "file"
    search = (
        '<searches><search time="2026-11-20T09:03:12" login="user017" catalog="/docs" type="intellectual" '
        'source="ksrv" found="0" ms="18">тайна</search></searches></sysinfo>'
    )
    path.write_bytes(report().replace(b"</sysinfo>", search.encode()))
    shy = dataclasses.replace(client("romashka"), keep_query_text=False)
    file = SpoolFile(path, "7700NORTH", "romashka", FileClass.REPORT, time.time_ns(), "raw")
    assert process(file, shy, store.url, Reading(Limits(), PROFILES)).counts["searches"] == 1
    store.close()
    assert "тайна".encode() not in b"".join(each.read_bytes() for each in tmp_path.glob("smart.db*"))
