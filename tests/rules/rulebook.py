"""Reads rules, their promtool tests and runbooks, and names everything that does not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"

ALLOWED = {
    "severity": {"critical", "warning", "info"},
    "priority": {"K1", "K2", "K3", "K4", "K5"},
    "audience": {"technical", "usage", "both", "operator"},
    "group": {"db", "network", "online", "state", "licman", "senselock", "licence", "users", "other"},
    "tg": {"yes", "no"},
    "res": {"yes", "no"},
}
ALWAYS_FIRING = {"SmartWatchdog"}
SECTIONS = (
    "Описание",
    "Что проверяется",
    "Нормальное состояние",
    "Аварийное состояние",
    "Причины",
    "Что делать",
    "Связанные проверки",
)
WITH_CODES = "Коды ошибок"
BUILT_IN = {"ALERTS", "ALERTS_FOR_STATE", "up"}
KEYWORDS = {"and", "or", "unless", "bool", "on", "ignoring", "group_left", "group_right", "by", "without", "offset"}
RUNBOOK_URL = "{{{{ $externalLabels.smart_base }}}}/docs/errors/{name}.md"


@dataclass(frozen=True)
class Alert:
    """One alerting rule as written."""

    name: str
    expr: str
    wait: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def for_operator(self) -> bool:
        return self.labels.get("audience") == "operator"

    @property
    def branch_wide(self) -> bool:
        return "count by (dealer, branch)" in self.expr


@dataclass
class Tested:
    """What the promtool tests of one alert show; each holds the test's name."""

    firing: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


def raw_rules(rules: Path) -> Iterator[dict[str, Any]]:
    """Every rule of every file."""
    for path in sorted(rules.glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def alerts(rules: Path = RULES) -> list[Alert]:
    """Every alerting rule; a name may occur twice."""
    return [
        Alert(
            rule["alert"], rule["expr"], str(rule.get("for", "0s")), rule.get("labels", {}), rule.get("annotations", {})
        )
        for rule in raw_rules(rules)
        if "alert" in rule
    ]


def records(rules: Path = RULES) -> set[str]:
    """Names of the recording rules."""
    return {rule["record"] for rule in raw_rules(rules) if "record" in rule}


def seconds(text: str) -> int:
    """A duration as promtool writes it: 1h30m, 90s."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", str(text)))


def shown_by_tests(rules: Path) -> dict[str, Tested]:
    """What the tests show, by alert."""
    found: dict[str, Tested] = {}
    for path in sorted((rules / "tests").glob("*_test.yml")):
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            checks: dict[str, list[tuple[int, bool]]] = {}
            for check in test.get("alert_rule_test", []):
                moment = (seconds(check["eval_time"]), bool(check.get("exp_alerts")))
                checks.setdefault(check["alertname"], []).append(moment)
            for name, moments in checks.items():
                fires = [when for when, firing in moments if firing]
                result = found.setdefault(name, Tested())
                if fires:
                    result.firing.append(test["name"])
                    if any(when > min(fires) for when, firing in moments if not firing):
                        result.cleared.append(test["name"])
                elif "silent" in test["name"]:
                    result.silent.append(test["name"])
    return found


def metrics_of(expr: str) -> set[str]:
    """Names of the metrics a PromQL expression reads."""
    text = re.sub(r"\"[^\"]*\"|'[^']*'", "", expr)
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    names = re.findall(r"(?<![\w.])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])", text)
    return {name for name in names if name not in KEYWORDS}


def metrics_of_template(text: str) -> set[str]:
    """Names of the metrics that the queries inside a template read."""
    found = set()
    for literal in re.findall(r'"((?:[^"\\]|\\.)*)"', " ".join(re.findall(r"\{\{.*?\}\}", text, re.DOTALL))):
        plain = re.sub(r"='[^']*'", "", literal)
        found |= set(re.findall(r"\b((?:Kodeks|Smart|Online|Licman|smart_|ALERTS)\w*)\b", plain))
    return found


def problems(rules: Path, runbooks: Path, known: set[str]) -> list[str]:
    """Everything that does not fit together. `known`: metrics that are exposed."""
    every = alerts(rules)
    allowed = known | records(rules) | BUILT_IN
    found = []
    for alert in every:
        found += label_problems(alert) + annotation_problems(alert)
        names = metrics_of(alert.expr)
        for text in (*alert.labels.values(), *alert.annotations.values()):
            names |= metrics_of_template(str(text))
        found += [f"{alert.name}: metric {name} is not exposed" for name in sorted(names - allowed)]
    for rule in raw_rules(rules):
        if "record" in rule:
            unknown = metrics_of(rule["expr"]) - allowed
            found += [f"{rule['record']}: metric {name} is not exposed" for name in sorted(unknown)]
    return found + coverage_problems({alert.name for alert in every}, rules) + page_problems(every, runbooks)


def label_problems(alert: Alert) -> list[str]:
    """Labels that are missing or have values nobody routes."""
    found = [
        f"{alert.name}: label {label} is {alert.labels.get(label)!r}"
        for label, values in ALLOWED.items()
        if alert.labels.get(label) not in values
    ]
    if not alert.labels.get("text"):
        found.append(f"{alert.name}: label text is empty")
    elif re.search(r"\{\{(?! \$labels\.\w+ \}\})", alert.labels["text"]):
        found.append(f"{alert.name}: label text must be constant for an alert")
    return found


def annotation_problems(alert: Alert) -> list[str]:
    """Annotations that letters and messages need."""
    wanted = {"details", "action", "runbook_url"}
    if alert.name.endswith("Count"):
        wanted.add("list")
    if not (alert.for_operator or alert.branch_wide):
        wanted.add("clientname")
    found = [f"{alert.name}: annotation {name} is missing" for name in sorted(wanted - set(alert.annotations))]
    found += [f"{alert.name}: annotation {name} is not known" for name in sorted(set(alert.annotations) - wanted)]
    if alert.annotations.get("runbook_url") != RUNBOOK_URL.format(name=alert.name):
        found.append(f"{alert.name}: runbook_url does not lead to its page")
    return found


def coverage_problems(names: set[str], rules: Path) -> list[str]:
    """Alerts whose tests do not show them firing, cleared and silent; tests of alerts that do not exist."""
    shown = shown_by_tests(rules)
    found = [f"{name}: is tested but does not exist" for name in sorted(set(shown) - names)]
    for name in sorted(names):
        result = shown.get(name, Tested())
        wanted = ["firing"] if name in ALWAYS_FIRING else ["firing", "cleared", "silent"]
        found += [f"{name}: no test shows it {state}" for state in wanted if not getattr(result, state)]
    return found


def page_problems(every: list[Alert], runbooks: Path) -> list[str]:
    """Pages that are missing, superfluous, incomplete or lead nowhere."""
    names = {alert.name for alert in every}
    pages = {path.stem: path.read_text("utf-8") for path in runbooks.glob("*.md")}
    found = [f"{name}: has no page" for name in sorted(names - set(pages))]
    found += [f"{name}: the page has no alert" for name in sorted(set(pages) - names)]
    for name, text in sorted(pages.items()):
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        if tuple(heading for heading in headings if heading != WITH_CODES) != SECTIONS:
            found.append(f"{name}: the page has the sections {headings}")
        if not text.startswith(f"# {name}: "):
            found.append(f"{name}: the page does not begin with its name")
        if "**Кому звонить:**" not in text:
            found.append(f"{name}: the page does not say whom to call")
        for heading, body in re.findall(r"^## (.+)\n([^#]*)", text, re.MULTILINE):
            if not body.strip():
                found.append(f"{name}: section {heading} is empty")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if not (runbooks / target).is_file():
                found.append(f"{name}: the page leads to {target}, which does not exist")
    return found
