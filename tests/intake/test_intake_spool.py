"""The spool: names that say all, a crash at any moment, refused files and their reasons."""

from __future__ import annotations

import os
import threading

import pytest

from smart.errors import ConfigError, RejectReason
from smart.intake.names import FileClass
from smart.intake.spool import Spool, parse_spool_name, spool_name
from smart.intake.sync import GroupSync


@pytest.fixture
def spool(tmp_path):
    taken = Spool(tmp_path / "spool")
    yield taken
    taken.close()


def put(spool: Spool, client: str, content: bytes = b"x", dealer: str = "7700NORTH"):
    temporary = spool.temporary()
    temporary.write_bytes(content)
    file = spool.place(temporary, dealer, client, spool.now_ns(), "raw")
    spool.add(file)
    return file


@pytest.mark.parametrize("client", ["romashka", "a.b:c-d_e", ".hidden", "..", "a" * 64])
@pytest.mark.parametrize("dealer", ["7700NORTH", "Север", "a~b/c", "."])
def test_the_name_of_a_file_says_all_that_is_known_of_it(tmp_path, dealer, client):
    name = spool_name(dealer, client, FileClass.REPORT, 1_795_000_000_123_456_789, "multipart", 1)
    assert "/" not in name
    assert len(name) < 255
    file = parse_spool_name(tmp_path / name)
    assert (file.dealer, file.client, file.kind, file.way, file.tries) == (
        dealer,
        client,
        FileClass.REPORT,
        "multipart",
        1,
    )
    assert (file.received_ns, file.received) == (1_795_000_000_123_456_789, 1_795_000_000)


@pytest.mark.parametrize("name", ["x", "lost+found", "1~2~3", "0" * 20 + "~a~b~picture~raw~0~x", ".nfs0001"])
def test_a_stranger_in_the_spool_is_left_alone(tmp_path, name):
    assert parse_spool_name(tmp_path / name) is None


def test_after_a_restart_everything_that_waited_is_there_oldest_first_and_leftovers_are_gone(tmp_path):
    spool = Spool(tmp_path / "spool")
    files = [put(spool, name) for name in ("b", "a", "b", "c")]
    (spool.tmp / "half").write_bytes(b"half")
    (spool.tmp / "folder").mkdir()  # nothing of ours: left alone
    (spool.spool / "stranger").write_bytes(b"")
    spool.close()
    again = Spool(tmp_path / "spool")
    assert again.pending() == files
    assert again.count() == 4
    assert again.oldest_seconds() == files[0].received_ns / 1e9
    assert [path.name for path in again.tmp.iterdir()] == ["folder"]
    again.close()


def test_a_spool_has_one_owner(tmp_path, spool):
    with pytest.raises(ConfigError, match="another smart process uses this spool"):
        Spool(tmp_path / "spool")


def test_a_spool_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be used as a spool: Not a directory"):
        Spool(tmp_path / "file" / "spool")


def test_the_newest_report_of_a_client_is_kept_an_older_one_is_not(spool):
    spool.done(put(spool, "a", b"new"), newest=True)
    spool.done(put(spool, "a", b"old"), newest=False)
    assert spool.kept("7700NORTH", "a", FileClass.REPORT).read_bytes() == b"new"
    assert spool.pending() == []
    assert list(spool.spool.iterdir()) == []
    assert spool.oldest_seconds() == 0


def test_a_file_taken_away_by_hand_is_no_trouble(spool):
    for finish in (
        lambda file: spool.done(file, newest=True),
        lambda file: spool.done(file, newest=False),
        lambda file: spool.reject(file, RejectReason.FAILED, "сбой"),
    ):
        file = put(spool, "a")
        file.path.unlink()
        finish(file)
    assert spool.pending() == []


def test_refused_files_lie_beside_their_reasons_and_only_the_newest_are_kept(tmp_path):
    spool = Spool(tmp_path / "spool", keep_rejected=3)
    for number in range(5):
        spool.reject(put(spool, "a", b"%d" % number), RejectReason.BROKEN_XML, f"сломан, строка {number}")
    spool.reject(put(spool, "a.b", b"other"), RejectReason.BOMB, "бомба")
    folder = spool.rejected / "7700NORTH"
    notes = sorted(folder.glob("a~*.reason.txt"))
    assert [note.read_text("utf-8").splitlines()[-1] for note in notes] == [f"сломан, строка {n}" for n in (2, 3, 4)]
    assert [note.with_name(note.name.removesuffix(".reason.txt")).read_bytes() for note in notes] == [b"2", b"3", b"4"]
    assert len(list(folder.iterdir())) == 8
    assert "Клиент: a\n" in notes[0].read_text("utf-8")
    spool.close()


def test_a_lost_worker_is_counted_over_a_restart(tmp_path):
    spool = Spool(tmp_path / "spool")
    again = spool.retry(put(spool, "a"), died=True)
    assert spool.retry(again, died=False) == again
    spool.close()
    spool = Spool(tmp_path / "spool")
    assert [file.tries for file in spool.pending()] == [1]
    spool.close()


def test_the_newest_waiting_file_of_a_client_tells_whether_it_is_in_hand(spool):
    assert spool.newest("7700NORTH", "a") is None
    first, second = put(spool, "a"), put(spool, "a")
    assert spool.newest("7700NORTH", "a") == (second, False)
    spool.done(first, newest=True)
    spool.start(second)
    assert spool.newest("7700NORTH", "a") == (second, True)


def test_times_never_repeat(spool):
    times = [spool.now_ns() for _ in range(1000)]
    assert len(set(times)) == 1000
    assert times == sorted(times)


def test_threads_that_ask_meanwhile_share_a_sync_and_nobody_returns_too_early(tmp_path, monkeypatch):
    group = GroupSync(tmp_path)
    gate, calls = threading.Event(), []
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(fd), gate.wait(5)))
    threads = [threading.Thread(target=group.sync) for _ in range(8)]
    for thread in threads:
        thread.start()
    while not calls:
        pass
    assert all(thread.is_alive() for thread in threads)
    gate.set()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= len(calls) <= 3
    group.close()


def test_a_sync_that_fails_is_told_to_everyone_who_relied_on_it(tmp_path, monkeypatch):
    group = GroupSync(tmp_path)

    def fail(fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output error"):
            group.sync()
    monkeypatch.undo()
    group.sync()
    group.close()
