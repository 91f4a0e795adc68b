"""Two branches, a real Alertmanager, a mail server, Telegram's stand-in: alerts in by the API, messages out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from servers_alertmanager import RunningAlertmanager, rfc3339, run_alertmanager
from smart.inventory.model import Branch, Client, Contact, Dealer, Inventory, Kind, Manager, Secret
from smart.render.alerting import AlertingSettings
from smart.render.alertmanager import render_alertmanager
from smart.simulate.smtp_sink import Letter, SmtpSink
from smart.simulate.telegram import TelegramMessage, TelegramStandIn

ROOT = Path(__file__).parents[2]
TOKEN = "123456789:local-stand-in-token-of-tests"
NORTH_CHAT, NORTH_USAGE_CHAT, NORTH_1_CHAT, SOUTH_CHAT, OPERATOR_CHAT = -1001, -1002, 11, -2001, 99
WAIT_SECONDS = 30.0  # the longest anything may take on a busy machine; nothing sleeps that long when all is well
QUIET_SECONDS = 2.0  # after the last expected message: long enough for a group that should not have been told


def _client(name: str, manager: str) -> Client:
    return Client(name, f"ООО «{name}»", manager, Kind.PUSH, ZoneInfo("Europe/Moscow"), date(2026, 1, 12))


def make_inventory(token_file: Path) -> Inventory:
    """North: a technician who is also manager north-2, two managers, three chats. South: one person for everything."""
    token = Secret(file=token_file)
    north = Branch(
        dealer="599DEMO",
        name="north",
        title="Северный филиал",
        zone=ZoneInfo("Europe/Moscow"),
        technical=Contact(("tech@north.example", "north-2@north.example"), NORTH_CHAT),
        usage=Contact(("usage@north.example",), NORTH_USAGE_CHAT),
        managers=MappingProxyType(
            {
                "north-1": Manager("north-1", "north-1@north.example", telegram_chat=NORTH_1_CHAT),
                "north-2": Manager("north-2", "North-2@north.example"),
            }
        ),
        clients=MappingProxyType({"plant7": _client("plant7", "north-1"), "depot": _client("depot", "north-2")}),
        telegram_token=token,
        help_link="https://t.me/example_north",
    )
    south = Branch(
        dealer="599DEMO",
        name="south",
        title="Южный филиал",
        zone=ZoneInfo("Asia/Novosibirsk"),
        technical=Contact(("all@south.example",), SOUTH_CHAT),
        usage=Contact(("all@south.example",), SOUTH_CHAT),
        managers=MappingProxyType({"south-1": Manager("south-1", "all@south.example", telegram_chat=SOUTH_CHAT)}),
        clients=MappingProxyType({"plant7": _client("plant7", "south-1")}),
        telegram_token=token,
    )
    return Inventory(MappingProxyType({"599DEMO": Dealer("599DEMO", "Дилер", ())}), (north, south))


def fast_settings(smtp: str, telegram: str, token_file: Path) -> AlertingSettings:
    """Waits of a second: two alerts of one cause, handed in together, still come in one message."""
    settings = AlertingSettings(
        smtp_smarthost=smtp,
        smtp_from="smart@example.org",
        smtp_require_tls=False,
        telegram_api_url=telegram,
        inline_telegram_tokens=True,
        operator_emails=("operator@example.org",),
        operator_telegram_chat=OPERATOR_CHAT,
        operator_telegram_token=Secret(file=token_file),
        base_file=ROOT / "alertmanager/base.yml",
        templates=(str(ROOT / "alertmanager/templates/*.tmpl"),),
    )
    return replace(
        settings,
        group_wait_seconds=1,
        usage_mail_group_wait_seconds=1.2,
        group_interval_seconds=0.5,
        usage_mail_group_interval_seconds=0.8,
    )


@dataclass
class Post:
    """The whole way from Alertmanager's API to the people."""

    alertmanager: RunningAlertmanager
    smtp: SmtpSink
    telegram: TelegramStandIn
    seen: list[dict[str, object]] = field(default_factory=list)

    def fire(self, *alerts: dict[str, object]) -> None:
        self.alertmanager.post(list(alerts))

    def letters_to(self, address: str) -> list[Letter]:
        return [letter for letter in list(self.smtp.letters) if address in letter.to]

    def messages_to(self, chat: int) -> list[TelegramMessage]:
        return [message for message in list(self.telegram.messages) if message.chat == chat]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Until the condition holds; when it does not, what was delivered instead and what Alertmanager says."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                log = self.alertmanager.log.read_text("utf-8", "replace")[-3000:]
                raise AssertionError(f"not seen within {WAIT_SECONDS} s: {what}\n{self.summary()}\n{log}")
            time.sleep(0.02)

    def settle(self) -> None:
        """Until nothing more has come for a while: only then is it known what did not come."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if (now := len(self.smtp.letters) + len(self.telegram.messages)) != count:
                count, since = now, time.monotonic()
            time.sleep(0.02)

    def summary(self) -> list[str]:
        """Who got what, one line each, sorted."""
        lines = [f"{to} {letter.subject}" for letter in list(self.smtp.letters) for to in letter.to]
        lines += [f"{message.chat} {message.text.splitlines()[0]}" for message in list(self.telegram.messages)]
        return sorted(lines)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    token_file = tmp_path / "telegram-token"
    token_file.write_text(TOKEN + "\n", "utf-8")
    chats = (NORTH_CHAT, NORTH_USAGE_CHAT, NORTH_1_CHAT, SOUTH_CHAT, OPERATOR_CHAT)
    with SmtpSink() as smtp, TelegramStandIn(TOKEN, chats) as telegram:
        text = render_alertmanager(make_inventory(token_file), fast_settings(smtp.address, telegram.url, token_file))
        config = tmp_path / "alertmanager.yml"
        config.write_text(text, "utf-8")
        with run_alertmanager(config, tmp_path / "data") as alertmanager:
            yield Post(alertmanager, smtp, telegram)


def alert(
    name: str = "KodeksXmlSensLockStatus",
    *,
    started: float | None = None,
    ended: float | None = None,
    annotations: dict[str, str] | None = None,
    **labels: str | None,
) -> dict[str, object]:
    """An alert as the rules make it; a label given as None is left out. `started`, `ended`: unix seconds.

    Alertmanager tells an alert that started longer ago than group_wait at once, without waiting for its like. So only
    lone alerts may start in the past; of an alert handed in twice the earlier start counts.
    """
    defaults: dict[str, str | None] = {
        "severity": "critical",
        "priority": "K2",
        "audience": "technical",
        "group": "senselock",
        "tg": "yes",
        "res": "yes",
        "dealer": "599DEMO",
        "branch": "north",
        "client": "plant7",
        "manager": "north-1",
        "kind": "push",
        "text": "По информации xml sysinfo ключ SensLock не работает",
    }
    notes = {
        "details": "Ответ защиты: 4111 Ключ не найден. Отчёт от 14.03 20:00.",
        "clientname": "ООО «Завод № 7»",
        "action": "узнайте, на месте ли ключ.",
        "runbook_url": f"http://smart.example/docs/errors/{name}.md",
    }
    chosen = {"alertname": name, **defaults, **labels}
    result: dict[str, object] = {
        "labels": {label: value for label, value in chosen.items() if value is not None},
        "annotations": {**notes, **(annotations or {})},
        "startsAt": rfc3339(started if started is not None else time.time()),
    }
    # Without an end Alertmanager would take five minutes; firing ones get an hour, as Prometheus renews them.
    result["endsAt"] = rfc3339(ended if ended is not None else time.time() + 3600)
    return result
