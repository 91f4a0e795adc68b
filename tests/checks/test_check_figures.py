"""Figures read off a report: values by the formulas, labels, bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smart.checks import MAX_SERIES, read_facts
from smart.checks.base import DomainUsage, Usage
from smart.checks.users import MAX_DOMAINS, NO_DOMAIN, OTHER_DOMAINS, fold_domains
from smart.sysinfo.report import Alarm, OperUp, Protection, Volume, VolumeError

VALUES = {
    "KodeksSeats": {(): 25},
    "KodeksSeatsUsed": {(): 12},
    "KodeksLicenseValidUntil": {(): 1798750799},  # 2026-12-31T23:59:59+03:00
    "KodeksLicenseFirstEnd": {(): 1796072399},  # 2026-11-30T23:59:59+03:00
    "KodeksDBVolumes": {(): 2},
    "KodeksDBVolumesWithoutTerm": {(): 0},
    "KodeksDBerrors": {(r"D:\Kodeks\base\law.db", "2007", "protection"): 1},
    "KodeksDBerrorInfo": {
        (r"D:\Kodeks\base\law.db", "2007", "protection", "Нет прав на использование данной копии БД"): 1
    },
    "KodeksDBOperUpFiles": {(): 2},
    "KodeksDBOperUpTime": {(r"D:\o\law.upd",): 1795074903, (r"D:\o\nps.upd",): 1795161303},
    "KodeksDBOperUpOldestTime": {(): 1795074903},
    "KodeksProtectionInfo": {("SenseLock", "ok", "", ""): 1},
    "KodeksRequests24h": {(): 17},
    "KodeksUserActivity": {(): 61},  # 21 intellectual searches and 40 documents
    "KodeksUserInvolvement": {(): 40},  # 10 of 25
    "KodeksMonthSearches": {("intellectual",): 21, ("attribute",): 9},
    "KodeksMonthRejections": {("no-seats",): 3, ("auth",): 0},
    "KodeksRejections1h": {("no-seats",): 0, ("auth",): 1},
    "KodeksMonthRequests": {(): 100},
    "KodeksMonthDocService": {(): 75},  # 30 searches, 40 documents, 5 services
    "KodeksMonthActivity": {(): 89},  # and 7 free documents, 4 saved, 3 printed
    "KodeksMonthActiveUsers": {(): 10},
    "KodeksMonthEmptySearches": {(): 9},
    "KodeksMonthKassistRequests": {(): 2},
    "KodeksEmptySearches24h": {(): 1},
    "KodeksKassistRequests30d": {(): 6},
    "KodeksUsers": {(): 12},
    "KodeksUsersIdle30d": {(): 2},
    "KodeksUsersIdle60d": {(): 1},
    "KodeksCardsFilledPercent": {(): 75},
    "KodeksKassistLinks": {("added",): 14, ("unique",): 11, ("unmatched",): 2, ("checked",): 37},
    "KodeksKassistDayTime": {(): 1795035600},  # 2026-11-19T00:00:00+03:00
    "KodeksDomainMonthActivity": {("corp.local",): 89},
    "KodeksDomainMonthSearches": {("corp.local",): 30},
    "KodeksDomainCardsFilledPercent": {("corp.local",): 75},
}


@pytest.mark.parametrize("metric", VALUES)
def test_a_figure_has_the_value_of_its_formula(samples_of, metric) -> None:
    assert samples_of(metric) == VALUES[metric]


MISSING = {
    "seats": ({"seats": None}, ["KodeksSeats", "KodeksUserInvolvement"]),
    "no seat at all": ({"seats": 0}, ["KodeksUserInvolvement"]),
    "seats taken": ({"seats_used": None}, ["KodeksSeatsUsed"]),
    "term": ({"valid_until": None}, ["KodeksLicenseValidUntil"]),
    "volumes": (
        {"volumes": None},
        ["KodeksDBVolumes", "KodeksDBerrors", "KodeksDBOperUpFiles", "KodeksDBOperUpTime", "KodeksDBOperUpOldestTime"],
    ),
    "protection": ({"protection": None}, ["KodeksProtectionInfo"]),
    "users": (
        {"has_users": False},
        ["KodeksMonthRequests", "KodeksDomainUsers", "KodeksUsers", "KodeksUserActivity", "KodeksRequests24h"],
    ),
    "searches": (
        {"has_searches": False},
        ["KodeksMonthSearches", "KodeksMonthEmptySearches", "KodeksEmptySearches24h"],
    ),
    "rejections": ({"has_rejections": False}, ["KodeksMonthRejections", "KodeksRejections1h"]),
    "kassist": ({"has_kassist": False}, ["KodeksKassistLinks", "KodeksKassistDayTime"]),
    "cards not kept": ({"client": {"keep_cards": False}}, ["KodeksCardsFilledPercent"]),
    "nobody entered": (
        {"usage": Usage(total=DomainUsage(users=3))},
        ["KodeksCardsFilledPercent", "KodeksDomainCardsFilledPercent"],
    ),
}


@pytest.mark.parametrize(("changes", "metrics"), MISSING.values(), ids=MISSING.keys())
def test_what_is_not_reported_is_absent_not_zero(samples_of, changes, metrics) -> None:
    assert {metric: samples_of(metric, **changes) for metric in metrics} == {metric: {} for metric in metrics}


def test_a_site_without_use_has_zeros_not_gaps(samples_of) -> None:
    assert samples_of("KodeksMonthRequests", usage=Usage()) == {(): 0}


def test_activity_without_a_list_of_searches_takes_the_counters(samples_of) -> None:
    assert samples_of("KodeksUserActivity", has_searches=False) == {(): 70}


def test_an_operup_file_that_two_volumes_name_is_one_file(samples_of) -> None:
    volumes = [
        Volume("1", "", "a.db", "", None, [], [OperUp("x.upd", 100), OperUp("never.upd", None)]),
        Volume("2", "", "b.db", "", None, [], [OperUp("x.upd", 200)]),
    ]
    assert samples_of("KodeksDBOperUpFiles", volumes=volumes) == {(): 2}
    assert samples_of("KodeksDBOperUpTime", volumes=volumes) == {("x.upd",): 200}


def test_errors_of_one_code_on_one_volume_are_counted(samples_of) -> None:
    volumes = [
        Volume(
            "7", "", "", "", None, [VolumeError("601", ""), VolumeError("", "Ошибка защиты 5"), VolumeError("601", "")]
        )
    ]
    expected = {("7", "601", "volume"): 2, ("7", "5", "protection"): 1}
    assert samples_of("KodeksDBerrors", volumes=volumes) == expected


def test_equal_alarms_are_one_series_and_long_ones_are_cut(samples_of) -> None:
    warnings = [Alarm("1", "текст"), Alarm("1", "текст"), Alarm("", "д" * 999)]
    found = samples_of("KodeksWarningInfo", warnings=warnings)
    assert [labels[0] for labels in found] == ["1", ""]
    assert max(len(labels[1]) for labels in found) == 200


def test_a_reason_nobody_foresaw_is_kept_and_a_flood_of_them_is_summed_up(samples_of) -> None:
    strange = {f"r{n:02}": 1 for n in range(30)}
    found = samples_of("KodeksMonthRejections", usage=Usage(rejections_month={"auth": 2, **strange}))
    assert len(found) == 13
    assert found[("other",)] == 20
    assert sum(found.values()) == 32


def test_one_family_is_limited_and_says_how_much_it_left_out(samples_of) -> None:
    volumes = [
        Volume(str(n), "", f"{n}.db", "", None, [], [OperUp(f"{n}.upd", 10_000 - n)]) for n in range(MAX_SERIES + 5)
    ]
    assert len(samples_of("KodeksDBOperUpTime", volumes=volumes)) == MAX_SERIES
    assert samples_of("KodeksSeriesLeftOut", volumes=volumes) == {("KodeksDBOperUpTime",): 5}
    assert samples_of("KodeksDBOperUpFiles", volumes=volumes) == {(): MAX_SERIES + 5}
    assert min(samples_of("KodeksDBOperUpTime", volumes=volumes).values()) == 10_000 - MAX_SERIES - 4


def test_long_paths_keep_their_end(samples_of) -> None:
    volumes = [Volume("1", "", "D:/" + "x" * 999 + "/a.db", "", None, [VolumeError("600", "")])]
    ((filename, _, _),) = samples_of("KodeksDBerrors", volumes=volumes)
    assert len(filename) == 300
    assert filename.endswith("x/a.db")


def test_domains_beyond_the_limit_are_summed_up() -> None:
    domains = {f"d{n:03}": DomainUsage(users=100 - n, requests=1) for n in range(MAX_DOMAINS + 10)}
    folded = fold_domains({**domains, "": DomainUsage(users=500)})
    assert len(folded) == MAX_DOMAINS + 1
    assert folded[NO_DOMAIN].users == 500
    assert folded[OTHER_DOMAINS].requests == 11
    assert sum(usage.users for usage in folded.values()) == sum(u.users for u in domains.values()) + 500


class Once(dict):
    """Domains that count how often they are gone through."""

    times = 0

    def items(self):
        self.times += 1
        return super().items()


def test_many_domains_are_gone_through_once_not_once_a_figure(facts) -> None:
    domains = Once({f"d{n}": DomainUsage(requests=1) for n in range(1000)})
    given = facts(has_users=True)
    samples = read_facts(replace(given, usage=replace(given.usage, domains=domains)))
    assert domains.times == 1
    assert sum(sample.metric == "KodeksDomainMonthRequests" for sample in samples) == MAX_DOMAINS + 1


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1970-01-01"])
def test_a_licence_for_ever_is_no_obstacle(samples_of, day) -> None:
    assert len(samples_of("KodeksLicenseValidUntil", valid_until=day)) == 1


def test_the_order_of_samples_is_the_same_each_time(facts) -> None:
    assert read_facts(facts()) == read_facts(facts())


def test_labels_that_do_not_match_the_registry_are_an_error(facts) -> None:
    broken = replace(facts(protection=Protection("a", "b", "c", "d")), classify=lambda code, _: (code,))
    with pytest.raises(ValueError, match="label values where the registry names"):
        read_facts(broken)
