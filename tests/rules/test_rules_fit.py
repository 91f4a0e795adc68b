"""Rules, promtool tests, runbooks and exposed metrics fit together; and the check that says so can say no."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import rulebook
import yaml
from prometheus_client import REGISTRY

from smart import own_metrics
from smart.checks.base import Scope
from smart.checks.registry import BRANCH_FIGURES, CHECKS, CLOCK_FIGURES, EVENT_FAMILIES, FIGURES


def exposed() -> set[str]:
    """Every metric that a client's page, a branch's page or SMART's own page can show."""
    assert own_metrics.BUILD
    own = {metric.name for metric in REGISTRY.collect()}
    own |= {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    figures = [figure for figure in FIGURES if figure.scope is not Scope.INPUT]
    return own | {row.metric for row in (*CHECKS, *figures, *CLOCK_FIGURES, *EVENT_FAMILIES, *BRANCH_FIGURES)}


def test_rules_tests_runbooks_and_metrics_fit_together() -> None:
    assert rulebook.problems(rulebook.RULES, rulebook.RUNBOOKS, exposed()) == []


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of rules and runbooks to break."""
    shutil.copytree(rulebook.RULES, tmp_path / "rules")
    shutil.copytree(rulebook.RUNBOOKS, tmp_path / "runbooks")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


KEY = "KodeksXmlSensLockStatus"
BROKEN = {
    "metric": ("rules/senselock.yml", f"{KEY}[15m]", "KodeksXmlSenseLock[15m]",
               "metric KodeksXmlSenseLock is not exposed"),
    "metric-in-words": ("rules/senselock.yml", "KodeksProtectionInfo{", "KodeksKeyInfo{",
                        "metric KodeksKeyInfo is not exposed"),
    "priority": ("rules/senselock.yml", "priority: K2", "priority: K9", "label priority is 'K9'"),
    "unquoted": ("rules/senselock.yml", 'tg: "yes"', "tg: yes", "label tg is True"),
    "no-text": ("rules/senselock.yml", "text: По", "title: По", "label text is empty"),
    "number-in-text": ("rules/licences.yml", "менее чем через 7 дней", "через {{ $value }} дней", "must be constant"),
    "no-details": ("rules/senselock.yml", "details: >-", "detail: >-", "annotation details is missing"),
    "runbook": ("rules/senselock.yml", f"errors/{KEY}.md", "errors/Key.md", "runbook_url does not lead to its page"),
    "no-list": ("rules/state.yml", "list: >-", "clients: >-", "annotation list is missing"),
    "untested": ("rules/tests/senselock_test.yml", f"alertname: {KEY}", "alertname: Other",
                 f"{KEY}: no test shows it firing"),
    "tested": ("rules/tests/senselock_test.yml", f"alertname: {KEY}", "alertname: Other",
               "Other: is tested but does not exist"),
    "not-silent": ("rules/tests/senselock_test.yml", "silent", "quiet", f"{KEY}: no test shows it silent"),
    "not-cleared": ("rules/tests/smart_test.yml", "eval_time: 5m, alertname: SmartConfigReloadFailed",
                    "eval_time: 0m, alertname: SmartConfigReloadFailed",
                    "SmartConfigReloadFailed: no test shows it cleared"),
    "section": (f"runbooks/{KEY}.md", "## Причины", "## Почему", "the page has the sections"),
    "empty-section": ("runbooks/SmartWatchdog.md", "Сигнал приходит регулярно.", "",
                      "section Нормальное состояние is empty"),
    "link": (f"runbooks/{KEY}.md", "(KodeksWarning.md)", "(Kodeks.md)", "leads to Kodeks.md"),
    "whom-to-call": (f"runbooks/{KEY}.md", "**Кому звонить:**", "Кому", "does not say whom to call"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "complaint"), BROKEN.values(), ids=BROKEN)
def test_what_does_not_fit_is_named(copy, file, old, new, complaint) -> None:
    edit(copy / file, old, new)
    found = rulebook.problems(copy / "rules", copy / "runbooks", exposed())
    assert any(complaint in problem for problem in found), found


def test_a_missing_and_a_superfluous_page_are_named(copy) -> None:
    (copy / "runbooks" / f"{KEY}.md").rename(copy / "runbooks" / "Strange.md")
    found = rulebook.problems(copy / "rules", copy / "runbooks", exposed())
    assert f"{KEY}: has no page" in found
    assert "Strange: the page has no alert" in found


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("KodeksX == 0", {"KodeksX"}),
        ('count by (dealer, branch) (ALERTS{alertname="A b"}) >= on(dealer) max(up{job="x"})', {"ALERTS", "up"}),
        ("(time() - last_over_time(smart_x_seconds[15m])) > on(a, b) group_left() Y unless on(a) Z == 1e3",
         {"smart_x_seconds", "Y", "Z"}),
        ("day_of_month(A + time()) >= bool 20 or smart:net_bad", {"A", "smart:net_bad"}),
    ],
)  # fmt: skip
def test_metrics_are_read_off_an_expression(expr, names) -> None:
    assert rulebook.metrics_of(expr) == names


def test_every_alias_leads_to_a_page_and_hides_none() -> None:
    aliases = yaml.safe_load((rulebook.RUNBOOKS / "aliases.yml").read_text("utf-8"))
    pages = {path.stem for path in rulebook.RUNBOOKS.glob("*.md")}
    assert {target for target in aliases.values() if target not in pages} == set()
    assert {alias for alias in aliases if alias in pages} == set()
