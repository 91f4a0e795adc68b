"""Rates, names and turns, without a server."""

from __future__ import annotations

import dataclasses

import pytest

from smart.intake.limits import RateLimiter
from smart.intake.names import BadName, FileClass, client_of_file, shown
from smart.intake.spool import SpoolFile
from smart.intake.turns import Turns


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_then_its_rate_and_tells_how_long_to_wait():
    clock = Clock()
    limiter = RateLimiter(clock)
    assert [limiter.wait_seconds("a", 2.0, 3) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert limiter.wait_seconds("b", 2.0, 3) == 0.0
    clock.now = 0.5
    assert [limiter.wait_seconds("a", 2.0, 3) for _ in range(2)] == [0.0, 0.5]
    clock.now = 1000.0
    assert [limiter.wait_seconds("a", 2.0, 3) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_buckets_are_bounded_the_least_recently_used_goes():
    limiter = RateLimiter(Clock(), most_keys=2)
    for key in ("a", "b", "a", "c"):
        limiter.wait_seconds(key, 1.0, 10)
    assert list(limiter._buckets) == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "client"),
    [("a.zip", "a"), ("a.XML", "a"), ("A.b:c-d_e.status", "A.b:c-d_e"), ("plain", "plain"), ("a.b", "a.b"),
     ("a.zip.xml", "a.zip"), ("x" * 64 + ".zip", "x" * 64)],
)  # fmt: skip
def test_the_name_of_a_file_tells_the_client(name, client):
    assert client_of_file(name) == client


@pytest.mark.parametrize("name", ["", ".zip", "a/b", "a\\b", "a\0", "Завод", "a b", "x" * 65, "a\n.zip", "a\n"])
def test_other_names_are_refused(name):
    with pytest.raises(BadName):
        client_of_file(name)


@pytest.mark.parametrize(
    ("text", "safe"),
    [("a", "«a»"), ("a\0b", "«a\\x00b»"), ("a\u202eb", "«a\\u202eb»"), ("x" * 81, "«" + "x" * 80 + "…»"), ("ж", "«ж»")],
)
def test_hostile_text_is_shown_on_one_short_line(text, safe):
    assert shown(text) == safe


def file_of(client: str, number: int = 0) -> SpoolFile:
    from pathlib import Path

    return SpoolFile(Path(f"{client}{number}"), "D", client, FileClass.REPORT, number, "raw")


def test_clients_take_turns_and_the_files_of_one_keep_their_order():
    turns = Turns()
    for number in range(2):
        for client in ("a", "b"):
            turns.put(file_of(client, number))
    assert [turns.take(0), turns.take(0), turns.take(0)] == [file_of("a"), file_of("b"), None]
    turns.finished(("D", "b"))
    turns.finished(("D", "a"))
    assert [turns.take(0), turns.take(0), turns.take(0)] == [file_of("b", 1), file_of("a", 1), None]


def test_after_an_outage_a_client_rests_twice_as_long_each_time_up_to_a_minute():
    turns = Turns()
    turns.put(file_of("a"))
    now, rests = 0.0, []
    for _ in range(8):
        file = turns.take(now)
        rests.append(turns.later(file, now))
        assert turns.take(now) is None
        now = turns.next_moment()
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    turns.take(now)
    turns.finished(("D", "a"))
    assert turns.next_moment() is None


def test_a_file_tried_again_is_the_renamed_one():
    turns = Turns()
    turns.put(file_of("a"))
    again = dataclasses.replace(turns.take(0), tries=1)
    turns.again(again)
    assert turns.take(0) == again
