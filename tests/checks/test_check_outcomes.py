"""Each yes-or-no check: good, bad and, above all, absent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smart.checks.base import Usage
from smart.sysinfo.report import Alarm, Protection, Volume

SENSELOCK_30D = Usage(had_senselock_30d=True)
BAD_KEY = Protection("SenseLock", "error", "4111", "Not connected")
LOCAL = Protection("Local", "ok", "", "")
HAS_TERM = Volume("1", "", "a.db", "", "2026-12-31")
NO_TERM = Volume("2", "", "b.db", "", None)

GOOD, BAD, ABSENT = {(): 1.0}, {(): 0.0}, {}
SRC_GOOD, SRC_BAD = {("sysinfo",): 1.0}, {("sysinfo",): 0.0}

CASES = {
    "key ok": ("KodeksXmlSensLockStatus", {}, GOOD),
    "key lost": ("KodeksXmlSensLockStatus", {"protection": BAD_KEY}, BAD),
    "key named another way": (
        "KodeksXmlSensLockStatus",
        {"protection": Protection("Sense Lock ключ", "OK", "", "")},
        GOOD,
    ),
    "status nobody knows is not ok": (
        "KodeksXmlSensLockStatus",
        {"protection": Protection("SenseLock", "strange", "", "")},
        BAD,
    ),
    "key without a status": ("KodeksXmlSensLockStatus", {"protection": Protection("SenseLock", "", "", "")}, ABSENT),
    "no protection section": ("KodeksXmlSensLockStatus", {"protection": None}, ABSENT),
    "bound otherwise": ("KodeksXmlSensLockStatus", {"protection": LOCAL}, ABSENT),
    "section is there": ("KodeksOfflineSensLockCheck", {}, GOOD),
    "section tells of an error": ("KodeksOfflineSensLockCheck", {"protection": BAD_KEY}, GOOD),
    "section vanished": ("KodeksOfflineSensLockCheck", {"protection": None, "usage": SENSELOCK_30D}, BAD),
    "section never was": ("KodeksOfflineSensLockCheck", {"protection": None}, ABSENT),
    "bound otherwise now": ("KodeksOfflineSensLockCheck", {"protection": LOCAL, "usage": SENSELOCK_30D}, ABSENT),
    "free seats": ("KodeksLimitsUsers", {"seats": 2, "seats_used": 1}, SRC_GOOD),
    "all seats taken": ("KodeksLimitsUsers", {"seats": 2, "seats_used": 2}, SRC_BAD),
    "more people than seats": ("KodeksLimitsUsers", {"seats": 2, "seats_used": 3}, SRC_BAD),
    "seats not told": ("KodeksLimitsUsers", {"seats": None}, ABSENT),
    "seats taken not told": ("KodeksLimitsUsers", {"seats_used": None}, ABSENT),
    "every volume has a term": ("KodeksDBLicensesZero", {"volumes": [HAS_TERM]}, GOOD),
    "one volume has none": ("KodeksDBLicensesZero", {"volumes": [HAS_TERM, NO_TERM]}, BAD),
    "empty section of volumes": ("KodeksDBLicensesZero", {"volumes": []}, BAD),
    "no section of volumes": ("KodeksDBLicensesZero", {"volumes": None}, ABSENT),
    "not in maintenance": ("KodeksMaintenance", {}, SRC_GOOD),
    "in maintenance": ("KodeksMaintenance", {"maintenance": True}, SRC_BAD),
    "maintenance not told": ("KodeksMaintenance", {"maintenance": None}, ABSENT),
    "no notice": ("KodeksNeedSupport", {}, SRC_GOOD),
    "notice": ("KodeksNeedSupport", {"need_support": True}, SRC_BAD),
    "notice not told": ("KodeksNeedSupport", {"need_support": None}, ABSENT),
    "no alarms": ("KodeksWarning", {}, SRC_GOOD),
    "an alarm": ("KodeksWarning", {"warnings": [Alarm("", "мало места")]}, SRC_BAD),
    "no state section": ("KodeksWarning", {"warnings": None}, ABSENT),
    "support service works": ("KodeksSppStatus", {}, SRC_GOOD),
    "support service fails": ("KodeksSppStatus", {"spp_ok": False}, SRC_BAD),
    "support service not told": ("KodeksSppStatus", {"spp_ok": None}, ABSENT),
}


@pytest.mark.parametrize(("metric", "changes", "expected"), CASES.values(), ids=CASES.keys())
def test_a_check_is_one_zero_or_absent(samples_of, metric, changes, expected) -> None:
    assert samples_of(metric, **changes) == expected


def test_an_old_file_sent_again_is_not_fresh(facts) -> None:
    old = facts()
    assert replace(old, received=old.report.created + 999).effective == old.report.created


def test_a_clock_that_is_ahead_does_not_reach_into_the_future(facts) -> None:
    ahead = facts()
    assert replace(ahead, received=ahead.report.created - 999).effective == ahead.report.created - 999
