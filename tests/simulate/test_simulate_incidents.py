"""Every change that can befall a stand-in customer shows in its next report."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from lxml import etree

from smart.errors import ConfigError
from smart.simulate.fleet import quiet_spec
from smart.simulate.incidents import CHANGES, Change, StandIn, parse_change, parse_seconds
from smart.simulate.installation import Fault, Installation
from smart.simulate.report import write_report

NOW = datetime(2026, 11, 18, 14, 20, 0)


def customer() -> StandIn:
    return StandIn(
        "romashka", "north", Installation(quiet_spec("romashka", "ООО «Ромашка»", 10, 0, date(2027, 12, 31)), 1)
    )


def report_of(stand_in: StandIn, moment: datetime = NOW):
    buffer = io.BytesIO()
    write_report(stand_in.installation.spec.at(moment), stand_in.installation.seed, buffer)
    return etree.fromstring(buffer.getvalue())


def empty_searches(root) -> int:
    return len(root.findall("searches/search[@found='0']"))


def operup_ages(root) -> list[timedelta]:
    return [NOW - datetime.fromisoformat(operup.get("updated")) for operup in root.iter("operup")]


SIGNS: dict[str, tuple[str, Callable[[object], bool]]] = {
    # change that begins -> change that ends it, sign in the report
    "key-lost": ("key-back", lambda root: root.find("registration/protection").get("status") == "error"),
    "operup-stops": ("operup-resumes", lambda root: min(operup_ages(root)) > timedelta(days=3)),
    "licence-ends": (
        "licence-renewed",
        lambda root: (
            root.find("registration").get("valid-until") == "2026-11-19"
            and {term.get("valid-until") for term in root.iter("licence")} == {"2026-11-19"}
        ),
    ),
    "maintenance": ("maintenance-over", lambda root: root.find("state").get("maintenance") == "yes"),
    "warning": ("warning-over", lambda root: root.find("state/warning") is not None),
    "support-ends": ("support-back", lambda root: root.find("registration").get("supported") == "no"),
}


@pytest.mark.parametrize("begins", SIGNS)
def test_a_change_shows_in_the_report_and_its_end_too(begins: str) -> None:
    ends, sign = SIGNS[begins]
    stand_in = customer()
    assert not sign(report_of(stand_in))
    CHANGES[begins](stand_in, NOW)
    assert sign(report_of(stand_in))
    CHANGES[ends](stand_in, NOW)
    assert not sign(report_of(stand_in))


def test_searches_that_find_nothing_stay_in_the_list_after_they_find_again() -> None:
    stand_in = customer()
    assert empty_searches(report_of(stand_in)) == 0
    CHANGES["nothing-found"](stand_in, NOW)
    some = empty_searches(report_of(stand_in))
    assert some > 0
    CHANGES["found-again"](stand_in, NOW)
    assert empty_searches(report_of(stand_in, NOW + timedelta(hours=2))) == some


def test_without_free_seats_people_are_turned_away() -> None:
    stand_in = customer()
    assert report_of(stand_in).find("rejections/rejection") is None
    CHANGES["no-seats"](stand_in, NOW)
    root = report_of(stand_in)
    assert root.find("seats").get("used") == root.find("registration").get("seats") == "10"
    assert root.findall("rejections/rejection[@reason='no-seats']")
    CHANGES["seats-free"](stand_in, NOW)
    assert int(report_of(stand_in, NOW + timedelta(hours=4)).find("seats").get("used")) < 10


def test_a_newcomer_has_used_the_product() -> None:
    stand_in = customer()
    before = {user.get("login") for user in report_of(stand_in).iter("user")}
    CHANGES["newcomer"](stand_in, NOW)
    new = [user for user in report_of(stand_in).iter("user") if user.get("login") not in before]
    assert len(new) == 1
    assert new[0].get("registered") == "2026-11-17"


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_a_fault_of_the_installation_comes_and_goes(fault: Fault) -> None:
    stand_in = customer()
    CHANGES[fault.value](stand_in, NOW)
    assert stand_in.installation.fault is fault
    CHANGES["healthy"](stand_in, NOW)
    assert stand_in.installation.fault is Fault.NONE


def test_a_silent_customer_does_not_report_until_it_does_again() -> None:
    stand_in = customer()
    CHANGES["silent"](stand_in, NOW)
    assert not stand_in.reporting
    CHANGES["reports-again"](stand_in, NOW)
    assert stand_in.reporting


def test_no_change_is_left_untested() -> None:
    tested = {*SIGNS, *(ends for ends, _ in SIGNS.values()), *(fault.value for fault in Fault), "healthy"}
    tested |= {"nothing-found", "found-again", "no-seats", "seats-free", "newcomer", "silent", "reports-again"}
    assert set(CHANGES) == tested - {"none"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400), ("0", 0)],
)
def test_times_of_a_schedule_have_units(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


def test_a_change_is_read_with_colons_in_the_clients_name() -> None:
    assert parse_change("5m:site:80:key-lost") == Change(300.0, "site:80", "key-lost")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("romashka:key-lost", "is not a change"),
        ("5m::key-lost", "is not a change"),
        ("5m:romashka:explodes", "'explodes' is not known"),
        ("soon:romashka:key-lost", "'soon' is not a time"),
        ("-5m:romashka:key-lost", "'-5m' is not a time"),
        ("nan:romashka:key-lost", "'nan' is not a time"),
    ],
)
def test_a_wrong_change_is_refused_with_what_is_right(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_change(text)
