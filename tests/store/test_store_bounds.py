"""The longest and largest a report may bring fits into both databases; what does not is never taken for an outage."""

from __future__ import annotations

import time
import traceback

import pytest
from store_samples import FULL_CARD, NOW, activity, put, search, table, usage_of, user

from smart.sysinfo.fields import LONGEST_CODE, LONGEST_NAME, LONGEST_PATH
from smart.sysinfo.report import OperUp, Records, Rejection, Report, Volume, VolumeError
from smart.sysinfo.values import BIGGEST


def longest(length: int, seed: int) -> str:
    """A text of four bytes a character that does not compress."""
    signs, state = [], seed
    for _ in range(length):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        signs.append(chr(0x20000 + state // 2**16))
    return "".join(signs)


NAME, OTHER = longest(LONGEST_NAME, 1), longest(LONGEST_NAME, 2)
PATH, CODE = longest(LONGEST_PATH, 3), longest(LONGEST_CODE, 4)


def test_the_longest_keys_a_report_may_have_are_stored(store, plant):
    rows = {
        Records.ACTIVITY: [activity(NOW, NAME, OTHER)],
        Records.SEARCHES: [search(NOW, NAME, catalog=OTHER, type=OTHER, source=OTHER)],
        Records.REJECTIONS: [Rejection(NOW, NAME, OTHER)],
        Records.USERS: [user(NAME, OTHER)],
    }
    volume = Volume(NAME, NAME, PATH, NAME, None, [VolumeError(CODE, "m" * 100_000)], [OperUp(PATH, NOW)])
    put(store, plant, rows=rows, report=Report(components={NAME: OTHER}, volumes=[volume]))
    assert table(store, "user_hour", "login, domain") == [(NAME, OTHER)]
    assert table(store, "search_event", "login") == [(NAME,)]
    assert table(store, "rejection", "login, reason") == [(NAME, OTHER)]
    assert table(store, "component_version", "component, version") == [(NAME, OTHER)]
    assert table(store, "db_error", "filename, code") == [(PATH, CODE)]
    assert table(store, "operup_file", "filename") == [(PATH,)]


def test_sums_of_the_largest_numbers_are_told(store, plant):
    rows = [activity(NOW, f"user{n:03}", requests=BIGGEST, kassist=BIGGEST) for n in range(1000)]
    put(store, plant, rows={Records.ACTIVITY: rows})
    assert usage_of(store, plant).total.requests == 1000 * BIGGEST


def test_a_sum_that_no_database_can_hold_is_no_outage_and_shows_nobodys_name(store, plant):
    rows = [activity(NOW, login, requests=2**63 - 1) for login in ("user017", "user018")]
    put(store, plant, rows={Records.ACTIVITY: rows})
    with pytest.raises(Exception, match=r"overflow|out of range") as caught:  # another class for each database
        usage_of(store, plant)
    assert type(caught.value).__module__.startswith(("sqlalchemy", "psycopg"))
    assert "user01" not in "".join(traceback.format_exception(caught.value))


def test_all_users_gone_and_others_come_takes_no_time_of_their_square(store, plant):
    """20,000 pairs that are not there took SQLite a quarter of a minute, 200,000 half an hour of its only writer."""
    for created, name in ((NOW, "old"), (NOW + 1, "new")):
        users = [user(f"{name}{n}", last_seen=NOW, card=FULL_CARD) for n in range(20_000)]
        started = time.monotonic()
        put(store, plant, created, rows={Records.USERS: users}, keep_cards=True)
        assert time.monotonic() - started < 10
    gone = table(store, "user_account", "gone_at IS NULL")
    assert sum(not stays for (stays,) in gone) == len(gone) - 20_000 == 20_000
    assert len(table(store, "user_card", "login")) == 20_000
