"""What an operator sets for the delivery of alerts: times, mail and Telegram servers, the operator's own addresses."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from smart.errors import ConfigError
from smart.inventory.model import Secret

PRIORITIES = ("K1", "K2", "K3", "K4", "K5")


@dataclass(frozen=True, slots=True)
class AlertingSettings:
    """Everything of the rendered Alertmanager configuration that is not in the inventory. Times are in seconds.

    A bot's token stays in its file: the configuration names it (`bot_token_file`, Alertmanager 0.26 and newer).
    Debian 12 has 0.25, which takes a token only inside the configuration: with `inline_telegram_tokens` it is read
    while rendering, and the text must then be written with mode 0600 (`apply(..., secret=True)`).
    """

    smtp_smarthost: str = "localhost:25"  # host:port
    smtp_from: str = "smart@localhost"  # one constant sender: people filter their mail by it
    smtp_hello: str = "localhost"
    smtp_username: str = ""
    smtp_password_file: Path | None = None
    smtp_require_tls: bool = True

    telegram_api_url: str = "https://api.telegram.org"
    inline_telegram_tokens: bool = False
    telegram_max_priority: str = "K3"  # the lowest priority that goes to Telegram as well as to mail
    telegram_always: str = "OnlineBilling.*|KodeksDBerrors.*"  # alert names (RE2, whole name) that go at any priority

    operator_emails: tuple[str, ...] = ()  # whoever runs SMART: its own alerts, and those that match no branch
    operator_telegram_chat: int | None = None
    operator_telegram_token: Secret | None = None
    watchdog_url: str = ""  # dead-man switch: POSTed while SmartWatchdog fires; empty: nothing is sent

    base_file: Path = Path("alertmanager/base.yml")  # inhibition, kept by hand
    templates: tuple[str, ...] = ("templates/*.tmpl",)  # globs, relative to the rendered file
    zones_as_of: date = date(2026, 1, 1)  # the day whose UTC offsets the letters of each branch use

    group_wait_seconds: float = 90
    usage_mail_group_wait_seconds: float = 600
    group_interval_seconds: float = 300
    usage_mail_group_interval_seconds: float = 1_800
    k1_repeat_seconds: float = 7_200
    k2_repeat_seconds: float = 14_400
    k3_repeat_seconds: float = 43_200
    k4_repeat_seconds: float = 86_400
    k5_critical_repeat_seconds: float = 86_400
    other_repeat_seconds: float = 604_800
    watchdog_repeat_seconds: float = 300

    def __post_init__(self) -> None:
        if not self.operator_emails and self.operator_telegram_chat is None:
            raise ConfigError(
                "alerting: an operator's e-mail or Telegram chat is needed, or alerts without a branch vanish"
            )
        if self.operator_telegram_chat is not None and self.operator_telegram_token is None:
            raise ConfigError("alerting: operator_telegram_chat needs operator_telegram_token")
        if self.telegram_max_priority not in PRIORITIES:
            raise ConfigError(
                f"alerting: telegram_max_priority is {self.telegram_max_priority!r} (one of {', '.join(PRIORITIES)})"
            )
        for name, value in self._times():
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"alerting: {name} is {value} (more than 0)")

    def _times(self) -> list[tuple[str, float]]:
        return [(item.name, getattr(self, item.name)) for item in fields(self) if item.name.endswith("_seconds")]


def duration(seconds: float) -> str:
    """Seconds as Prometheus and Alertmanager write them, in the largest unit that divides them: 90s, 5m, 7d, 250ms."""
    milliseconds = max(1, round(seconds * 1000))
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
