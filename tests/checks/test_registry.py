"""The registry as a whole: names, HELP texts, and that nothing of the specification is missing."""

from __future__ import annotations

import re

import pytest

from smart.checks import read_facts
from smart.checks.base import Figure, Scope
from smart.checks.registry import CHECKS, CLOCK_FIGURES, EVENT_FAMILIES, EVERYTHING, FIGURES

# Every metric whose source is a report, the intake, the inventory or the configuration, with its own labels.
SPECIFIED = {
    "KodeksMaintenance": ("src",),
    "KodeksNeedSupport": ("src",),
    "KodeksWarning": ("src",),
    "KodeksLimitsUsers": ("src",),
    "KodeksSppStatus": ("src",),
    "KodeksXmlSensLockStatus": (),
    "KodeksOfflineSensLockCheck": (),
    "KodeksDBerrors": ("filename", "code", "errclass"),
    "KodeksDBVolumes": (),
    "KodeksDBOperUpFiles": (),
    "KodeksDBOperUpTime": ("filename",),
    "KodeksDBLicensesZero": (),
    "KodeksLicenseDaysLeft": ("clientname", "regnum"),
    "KodeksSeats": (),
    "KodeksSeatsUsed": (),
    "KodeksSupported": (),
    "KodeksRequests24h": (),
    "KodeksUserActivity": (),
    "KodeksUserInvolvement": (),
    "KodeksNewUserEvents": ("user", "domain", "batch"),
    "KodeksSearchEmptyEvents": ("user", "query", "searchtype", "catalog", "url", "batch"),
    "KodeksSearchErrorEvents": ("user", "query", "searchtype", "catalog", "url", "batch"),
    "KodeksRejectionEvents": ("user", "reason", "batch"),
    "SmartXMLfileTime": (),
    "SmartXMLfileMaxAge": (),
    "SmartOperUpMaxAge": (),
    "SmartClientUtcOffset": (),
    "SmartFullMonth": (),
    "SmartCountThreshold": ("alert",),
}
FROM_DISCOVERY = {"dealer", "branch", "client", "manager", "kind", "job", "instance"}


def test_everything_specified_is_there_with_its_labels() -> None:
    rows = {row.metric: row.labels for row in EVERYTHING}
    assert {metric: rows.get(metric) for metric in SPECIFIED} == SPECIFIED


def test_names_are_unique() -> None:
    names = [row.metric for row in EVERYTHING]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("row", EVERYTHING, ids=lambda row: row.metric)
def test_a_row_is_well_formed(row) -> None:
    assert re.fullmatch(r"(Kodeks|Smart)[A-Z0-9][A-Za-z0-9]*", row.metric)
    assert row.help.endswith(".")
    assert "\n" not in row.help
    assert not FROM_DISCOVERY & set(row.labels), "labels of the inventory come from service discovery only"
    assert all(re.fullmatch("[a-z]+", label) for label in row.labels)


def test_samples_have_the_labels_of_their_row(facts) -> None:
    rows = {row.metric: row for row in (*CHECKS, *FIGURES)}
    samples = read_facts(facts())
    assert {sample.metric for sample in samples if len(sample.labels) != len(rows[sample.metric].labels)} == set()
    missing = {metric for metric in rows if metric not in {sample.metric for sample in samples}}
    assert missing == {"KodeksWarningInfo", "KodeksSeriesLeftOut"}


def test_monthly_figures_are_withdrawn_with_their_month() -> None:
    monthly = {row.metric for row in FIGURES if row.scope is Scope.MONTH}
    named = {row.metric for row in FIGURES if re.search(r"Month[A-Z]", row.metric)}
    assert monthly == named | {"KodeksUserActivity", "KodeksUserInvolvement"}


def test_every_figure_by_domain_has_one_of_the_whole_installation() -> None:
    names = {row.metric for row in FIGURES}
    by_domain = {name for name in names if name.startswith("KodeksDomain")}
    assert len(by_domain) > 10
    assert {name for name in by_domain if name.replace("KodeksDomain", "Kodeks") not in names} == set()


def test_inputs_are_not_shown_under_a_name_of_their_own() -> None:
    inputs = {row.metric for row in FIGURES if isinstance(row, Figure) and row.scope is Scope.INPUT}
    shown = {row.metric for row in (*CHECKS, *CLOCK_FIGURES, *EVENT_FAMILIES)}
    assert inputs & shown == set()
