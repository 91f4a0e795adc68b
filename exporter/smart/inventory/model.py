"""Who is watched: dealers, branches, managers, clients and on-line accesses, as the YAML files of the inventory say.

Every object is frozen: a reload makes a new Inventory and swaps it whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from smart.errors import ConfigError

SERVICE_LOGIN = "smartlogin"  # what the service user is called unless a client says otherwise


class Kind(StrEnum):
    """How the data of a client reach us: the label `kind`."""

    PUSH = "push"  # an agent sends
    POLL = "poll"  # we fetch and probe
    CLOSED = "closed"  # carried by hand
    ONLINE = "online"  # hosted accounts only


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is kept: a file or an environment variable, exactly one of them.

    The value is never held, so no repr, log or traceback of the inventory can show it.
    """

    file: Path | None = None
    environment: str = ""  # name of the variable

    def read(self) -> str:
        """The secret as it is now, without the line break an editor leaves; ConfigError when it cannot be had."""
        if self.file is None:
            value = os.environ.get(self.environment, "")
            if not value:
                raise ConfigError(f"the environment variable {self.environment} is not set or empty")
            return value
        try:
            value = self.file.read_text("utf-8-sig").rstrip("\r\n")
        except OSError as error:
            raise ConfigError(f"the secret in {self.file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"the secret in {self.file} is not UTF-8 text") from None
        if not value:
            raise ConfigError(f"the secret in {self.file} is empty")
        return value


@dataclass(frozen=True, slots=True)
class Address:
    """Where an installation answers, as reached from the exporter's host."""

    scheme: str  # http or https
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Where one audience of a branch reads its messages; a branch has a technical and a usage contact."""

    emails: tuple[str, ...] = ()
    telegram_chat: int | None = None


@dataclass(frozen=True, slots=True)
class Manager:
    """The person in a branch who answers for clients."""

    name: str  # the label `manager`
    email: str
    title: str = ""  # how letters and pages call the manager; the name when empty
    telegram_chat: int | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits a branch sets for its clients and a client may override. Seconds."""

    xml_max_age_seconds: int | None = 172_800  # None: silence does not alarm (closed sites)
    operup_max_age_seconds: int = 259_200


@dataclass(frozen=True, slots=True)
class Client:
    """One installation under watch."""

    name: str  # short latin name: the label `client`, and the name of its files
    legal_entity: str
    manager: str  # name of a Manager of the same branch
    kind: Kind
    zone: ZoneInfo  # of the times inside its reports
    since: date  # first day under watch
    address: Address | None = None
    login: str = ""  # the service user
    password: Secret | None = None
    ping: bool = True
    behind_proxy: bool = False
    licman: str = ""  # host:port of the licence manager it uses
    supported: bool | None = None  # the maintenance contract; None: what the report says
    seasonal: bool = False  # needs the product once a quarter: low use is normal
    report_interval_seconds: int = 3_600
    status_interval_seconds: int = 900
    keep_cards: bool = True  # False: cards of users are not stored
    keep_query_text: bool = True  # False: texts of searches are not stored
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def service_login(self) -> str:
        """The account SMART uses there: its requests are nobody's work. Agents of old use the usual name."""
        return self.login or SERVICE_LOGIN

    @property
    def password_file(self) -> Path | None:
        """The file with the service user's password; None when it is in the environment or there is none."""
        return self.password.file if self.password else None


@dataclass(frozen=True, slots=True)
class OnlineAccess:
    """One hosted account at the vendor's data centre."""

    client: str  # firm, may be Cyrillic: the label `client`
    login: str
    password: Secret
    scheme: str  # http or https
    host: str  # with :port where it is not the scheme's own
    folder: str  # without slashes
    manager: str  # name of a Manager of the same branch


@dataclass(frozen=True, slots=True)
class Branch:
    """An independent part of a dealer: one inventory file, contacts and a Grafana organization of its own."""

    dealer: str  # name of a Dealer
    name: str  # the label `branch`
    title: str
    zone: ZoneInfo
    technical: Contact
    usage: Contact
    managers: Mapping[str, Manager]
    clients: Mapping[str, Client]
    online: tuple[OnlineAccess, ...] = ()
    telegram_token: Secret | None = None  # of the bot that writes to this branch's chats
    help_link: str = ""  # Telegram channel for questions, shown in letters


@dataclass(frozen=True, slots=True)
class Dealer:
    """A distributor: the mark XXXXNAME and the hashes of the upload tokens its agents use."""

    name: str  # the label `dealer` and the HTTP header of its agents
    title: str
    token_sha256: tuple[str, ...]  # one or, while rotating, two; lower-case hex of SHA-256 over the token's UTF-8


@dataclass(frozen=True, slots=True)
class Inventory:
    """All dealers and branches; client names are unique within a dealer, so that an upload says whose it is."""

    dealers: Mapping[str, Dealer] = field(default_factory=lambda: MappingProxyType({}))
    branches: tuple[Branch, ...] = ()

    def clients(self) -> Iterator[tuple[Branch, Client]]:
        """Every client with its branch, in the order of the files."""
        for branch in self.branches:
            for client in branch.clients.values():
                yield branch, client

    def find(self, dealer: str, client: str) -> tuple[Branch, Client] | None:
        """The client of that name at that dealer, or None."""
        for branch in self.branches:
            if branch.dealer == dealer and client in branch.clients:
                return branch, branch.clients[client]
        return None
