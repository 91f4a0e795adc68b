"""What the tests of rendered configurations share: the example inventory, the rules, and amtool's view of routes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from servers_alertmanager import amtool_program
from smart.inventory.load import load_inventory
from smart.inventory.model import Inventory, Secret
from smart.render.alerting import AlertingSettings

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
BASE = ROOT / "alertmanager/base.yml"


def example_inventory() -> Inventory:
    """The inventory of the repository, its bots' tokens in files as in production, not in the environment."""
    inventory = load_inventory(ROOT / "inventory")
    branches = (
        replace(branch, telegram_token=Secret(file=Path(f"/etc/smart/secrets/{branch.name}-telegram-token")))
        if branch.telegram_token
        else branch
        for branch in inventory.branches
    )
    return replace(inventory, branches=tuple(branches))


def example_settings(**changes: Any) -> AlertingSettings:
    settings = AlertingSettings(
        smtp_smarthost="mail.example.org:587",
        smtp_from="smart@example.org",
        smtp_username="smart",
        smtp_password_file=Path("/etc/smart/secrets/smtp-password"),
        operator_emails=("operator@example.org",),
        watchdog_url="https://watchdog.example.org/smart",
        base_file=BASE,
    )
    return replace(settings, **changes)


def rules() -> Iterator[dict[str, Any]]:
    """Every alerting rule of rules/."""
    for path in sorted((ROOT / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            yield from (rule for rule in group["rules"] if "alert" in rule)


def receivers_of(config: Path, labels: Mapping[str, str]) -> list[str]:
    """Where Alertmanager would send an alert with these labels, in the order of the routes."""
    command = [amtool_program(), "config", "routes", "test", f"--config.file={config}"]
    done = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in labels.items())], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().split(",")


def matches(matcher: str, labels: Mapping[str, str]) -> bool:
    """Does a matcher of base.yml fit? A label the rule does not set may come from the series, so it fits."""
    found = re.fullmatch(r"(\w+)(=~|!~|!=|=)\"(.*)\"", matcher)
    assert found, f"not a matcher: {matcher}"
    name, operator, value = found.groups()
    if name not in labels:
        return True
    fits = re.fullmatch(value, labels[name]) is not None if "~" in operator else labels[name] == value
    return not fits if operator.startswith("!") else fits
