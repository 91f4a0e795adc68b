"""One address or chat as Alertmanager is told of it: which template writes the message, in whose time and name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from smart.errors import ConfigError
from smart.inventory.model import Branch, Secret
from smart.render.alerting import AlertingSettings

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Writer:
    """How messages to one branch, or to the operator, are written and sent."""

    owner: str  # for errors: whose chat or token it is
    settings: AlertingSettings
    prelude: str = ""  # Go templates that take the place of the defaults in alertmanager/templates
    token: Secret | None = None  # of the Telegram bot

    def mails(self, addresses: Iterable[str]) -> list[dict[str, Any]]:
        """One email_config an address, each address once, upper and lower case alike.

        Not one with `to: a, b`: Alertmanager gives up the whole letter when the server refuses one recipient, and
        would repeat it to all. Separate ones are sent, counted and repeated each for itself.
        """
        unique: dict[str, str] = {}
        for address in addresses:
            unique.setdefault(address.lower(), address)
        return [self._mail(address) for address in unique.values()]

    def telegrams(self, chats: Iterable[int]) -> list[dict[str, Any]]:
        """One telegram_config a chat, each chat once; ConfigError when there is no token to write with."""
        return [self._telegram(chat) for chat in dict.fromkeys(chats)]

    def _mail(self, address: str) -> dict[str, Any]:
        return {
            "to": address,
            "send_resolved": True,
            "headers": {"Subject": '{{ template "smart.mail.subject" . }}'},
            "html": self.prelude + '{{ template "smart.mail.html" . }}',
            "text": self.prelude + '{{ template "smart.mail.text" . }}',
        }

    def _telegram(self, chat: int) -> dict[str, Any]:
        return {
            "chat_id": chat,
            **self._bot(),
            "send_resolved": True,
            "parse_mode": "HTML",
            "message": self.prelude + '{{ template "smart.telegram" . }}',
        }

    def _bot(self) -> dict[str, str]:
        if self.token is None:
            raise ConfigError(f"{self.owner}: a Telegram chat is given, but no token of a bot that writes to it")
        if self.settings.inline_telegram_tokens:
            return {"bot_token": self.token.read().strip()}
        if self.token.file is None:
            raise ConfigError(
                f"{self.owner}: the Telegram token is in the environment variable {self.token.environment}, "
                "but Alertmanager reads it from a file (give telegram_token_file, or set inline_telegram_tokens)"
            )
        return {"bot_token_file": str(self.token.file)}


def branch_writer(branch: Branch, settings: AlertingSettings) -> Writer:
    """The branch's own time, title and link for questions in every message to it."""
    prelude = _define("smart.time", _local_time(branch.zone, settings))
    prelude += _define("smart.branch", f", {_literal(branch.title or branch.name)}")
    if branch.help_link:
        link = _literal(branch.help_link, bare=True)
        prelude += _define("smart.help.html", f'{{{{ template "smart.help.link.html" {link} }}}}')
        prelude += _define("smart.help.text", f'{{{{ template "smart.help.link.text" {link} }}}}')
    return Writer(f"branch {branch.dealer}/{branch.name}", settings, prelude, branch.telegram_token)


def _local_time(zone: ZoneInfo, settings: AlertingSettings) -> str:
    """A Go template that writes a moment in this zone.

    Alertmanager 0.25 has no function for zones, so the offset is added to UTC; the number is a Go duration. It is
    named beside the time, so that the time stays true even if clocks are put forward after the rendering.
    """
    offset = datetime.combine(settings.zones_as_of, time(12), zone).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    hours, minutes = divmod(abs(seconds) // 60, 60)
    name = f"UTC{'-' if seconds < 0 else '+'}{hours}" + (f":{minutes:02}" if minutes else "")
    if seconds == 10_800:
        name = "МСК"
    moment = f'(.UTC.Add {seconds * NANOSECONDS}).Format "02.01.2006 15:04"'
    return f"{{{{ {moment} }}}} {name}"


def _define(name: str, body: str) -> str:
    return f'{{{{ define "{name}" }}}}{body}{{{{ end }}}}'


def _literal(text: str, *, bare: bool = False) -> str:
    """Text as data of a Go template, never as its code: JSON strings are Go strings."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if bare else f"{{{{ {quoted} }}}}"
