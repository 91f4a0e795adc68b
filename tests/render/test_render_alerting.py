"""Settings that would lose alerts are refused; what explains what names real alerts and never itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from render_tools import BASE, example_inventory, example_settings, matches, rules

from smart.errors import ConfigError
from smart.render.alerting import duration
from smart.render.alertmanager import render_alertmanager


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "90s"), (600, "10m"), (7_200, "2h"), (604_800, "7d"), (0.25, "250ms"), (1.5, "1500ms"), (0.0001, "1ms")],
)
def test_durations_are_written_as_prometheus_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operator_emails": ()}, "an operator's e-mail or Telegram chat is needed"),
        ({"operator_telegram_chat": 5}, "needs operator_telegram_token"),
        ({"telegram_max_priority": "K9"}, "one of K1, K2, K3, K4, K5"),
        ({"group_wait_seconds": 0}, "group_wait_seconds is 0"),
        ({"k1_repeat_seconds": float("nan")}, "k1_repeat_seconds is nan"),
    ],
)
def test_settings_that_would_lose_alerts_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        example_settings(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inhibit_rules: [", "is not YAML"),
        ("inhibit_rules: {}", "must hold the list inhibit_rules"),
        ("route: {}\ninhibit_rules: []", "and nothing else"),
    ],
)
def test_a_bad_base_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    base = tmp_path / "base.yml"
    base.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=message):
        render_alertmanager(example_inventory(), example_settings(base_file=base))


def test_a_missing_base_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        render_alertmanager(example_inventory(), example_settings(base_file=tmp_path / "none.yml"))


def test_inhibition_names_only_alerts_that_rules_make() -> None:
    names = {rule["alert"] for rule in rules()}
    for rule in yaml.safe_load(BASE.read_text("utf-8"))["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = matcher.partition("=")
            if label == "alertname":
                for part in value.lstrip("~").strip('"').split("|"):
                    assert any(re.fullmatch(part, name) for name in names), f"{part} of base.yml is in no rule"


def test_inhibition_has_no_cycle_and_stays_in_a_client_or_a_branch() -> None:
    explained: dict[str, set[str]] = {}
    alerts = [{"alertname": rule["alert"], **rule["labels"]} for rule in rules()]
    for rule in yaml.safe_load(BASE.read_text("utf-8"))["inhibit_rules"]:
        assert rule["equal"][:2] == ["dealer", "branch"]
        sources = [item for item in alerts if all(matches(matcher, item) for matcher in rule["source_matchers"])]
        targets = [item for item in alerts if all(matches(matcher, item) for matcher in rule["target_matchers"])]
        assert sources
        assert targets
        for source in sources:
            explained.setdefault(source["alertname"], set()).update(item["alertname"] for item in targets)
    for start in explained:
        reached, front = set(), set(explained[start])
        while front:
            reached |= front
            front = {far for near in front for far in explained.get(near, ())} - reached
        assert start not in reached, f"{start} explains itself"
