"""Mappings of the inventory's files -> dealers and branches. What stands in one mapping is checked here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from smart.inventory import values
from smart.inventory.model import Branch, Client, Contact, Dealer, Kind, Manager, OnlineAccess, Secret, Thresholds
from smart.inventory.secrets import read_secret
from smart.yamlfile.fields import Fields

T = TypeVar("T")

CLIENT_KINDS = (Kind.PUSH, Kind.POLL, Kind.CLOSED)
UTC = ZoneInfo("UTC")
DEFAULT_THRESHOLDS = Thresholds()
CHAT_LIMIT = 10**15


@dataclass(frozen=True, slots=True)
class DealerDraft:
    """A dealer and where it is written."""

    fields: Fields
    dealer: Dealer


@dataclass(frozen=True, slots=True)
class BranchDraft:
    """A branch and where its parts are written; with duplicates, that `branch` cannot hold."""

    fields: Fields
    branch: Branch
    managers: list[tuple[Fields, Manager]]
    clients: list[tuple[Fields, Client]]
    online: list[tuple[Fields, OnlineAccess]]
    chats: list[Fields]  # mappings that name a Telegram chat


def build_dealers(fields: Fields) -> list[DealerDraft]:
    """What dealers.yml says."""
    drafts = []
    for entry in fields.mappings("dealers", required=True):
        name = entry.value("name", values.NAME_FORM, "", required=True)
        title = entry.text("title", required=True)
        hashes = entry.value_list("upload_tokens", values.TOKEN_HASH_FORM, required=True)
        if len(hashes) > 2:
            entry.problem("upload_tokens", f"holds {len(hashes)} hashes; one, or two while a token is being replaced")
        entry.finish("a token must not stand here; list its hash in upload_tokens as sha256:<64 hex digits>")
        drafts.append(DealerDraft(entry, Dealer(name, title, hashes)))
    fields.finish()
    return drafts


def build_branch(fields: Fields, now: datetime) -> BranchDraft:
    """What the file of one branch says. `now` is aware: no client is under watch since a day to come."""
    zone = fields.value("timezone", values.ZONE_FORM, UTC, required=True)
    thresholds = _thresholds(fields, DEFAULT_THRESHOLDS)
    managers = [(entry, _manager(entry)) for entry in fields.mappings("managers", required=True)]
    clients = [(entry, _client(entry, zone, thresholds, now)) for entry in fields.mappings("clients")]
    online = [(entry, _online(entry)) for entry in fields.mappings("online")]
    technical, usage = fields.nested("technical", required=True), fields.nested("usage")
    branch = Branch(
        dealer=fields.value("dealer", values.NAME_FORM, "", required=True),
        name=fields.value("branch", values.NAME_FORM, "", required=True),
        title=fields.text("title", required=True),
        zone=zone,
        technical=_contact(technical, required=True),
        usage=_contact(usage, required=False),
        managers=MappingProxyType({manager.name: manager for _, manager in managers}),
        clients=MappingProxyType({client.name: client for _, client in clients}),
        online=tuple(access for _, access in online),
        telegram_token=read_secret(fields, "telegram_token"),
        help_link=fields.value("help_link", values.LINK_FORM, ""),
    )
    fields.finish()
    contacts = [entry for entry in (technical, usage, *(entry for entry, _ in managers)) if entry is not None]
    chats = [entry for entry in contacts if entry.given("telegram_chat")]
    return BranchDraft(fields, branch, managers, clients, online, chats)


def _contact(fields: Fields | None, *, required: bool) -> Contact:
    if fields is None:
        return Contact()
    contact = Contact(fields.value_list("emails", values.EMAIL_FORM, required=required), _chat(fields))
    fields.finish()
    return contact


def _chat(fields: Fields) -> int | None:
    """The number of a Telegram chat; groups have negative ones."""
    chat = fields.integer("telegram_chat", -CHAT_LIMIT, CHAT_LIMIT)
    if chat == 0:
        fields.problem("telegram_chat", "0 is not a chat; remove the key when there is none")
    return chat


def _manager(fields: Fields) -> Manager:
    manager = Manager(
        name=fields.value("name", values.NAME_FORM, "", required=True),
        email=fields.value("email", values.EMAIL_FORM, "", required=True),
        title=fields.text("title"),
        telegram_chat=_chat(fields),
    )
    fields.finish()
    return manager


def _thresholds(fields: Fields, default: Thresholds) -> Thresholds:
    """Limits under `thresholds`, the default's where they are not given."""
    nested = fields.nested("thresholds")
    if nested is None:
        return default
    thresholds = Thresholds(
        nested.value("xml_max_age", values.MAX_AGE_FORM, default.xml_max_age_seconds),
        nested.value("operup_max_age", values.DURATION_FORM, default.operup_max_age_seconds),
    )
    nested.finish()
    return thresholds


def _client(fields: Fields, zone: ZoneInfo, limits: Thresholds, now: datetime) -> Client:
    kind = fields.choice("kind", CLIENT_KINDS, None) or Kind.PUSH
    if kind is Kind.CLOSED:  # a person carries the reports out when there is time
        limits = Thresholds(None, limits.operup_max_age_seconds)
    address = fields.value("address", values.ADDRESS_FORM, None)
    ping = fields.boolean("ping")
    zone = fields.value("timezone", values.ZONE_FORM, zone)
    client = Client(
        name=fields.value("name", values.CLIENT_NAME_FORM, "", required=True),
        legal_entity=fields.text("legal_entity", required=True),
        manager=fields.value("manager", values.NAME_FORM, "", required=True),
        kind=kind,
        zone=zone,
        since=_since(fields, now.astimezone(zone).date()),
        address=address,
        login=_login(fields),
        password=read_secret(fields, "password"),
        ping=ping is not False and address is not None,
        behind_proxy=_or(fields.boolean("behind_proxy"), False),
        licman=fields.value("licman", values.HOST_PORT_FORM, ""),
        supported=fields.boolean("supported"),
        seasonal=_or(fields.boolean("seasonal"), False),
        report_interval_seconds=fields.value("report_interval", values.DURATION_FORM, 3_600),
        status_interval_seconds=fields.value("status_interval", values.DURATION_FORM, 900),
        keep_cards=_or(fields.boolean("keep_cards"), True),
        keep_query_text=_or(fields.boolean("keep_query_text"), True),
        thresholds=_thresholds(fields, limits),
    )
    fields.finish()
    _check_reach(fields, client, asked_to_ping=bool(ping))
    _check_login(fields, client)
    return client


def _check_reach(fields: Fields, client: Client, *, asked_to_ping: bool) -> None:
    """Is everything there that probing needs, and nothing that could never be probed?"""
    if client.kind is Kind.POLL and not fields.given("address"):
        fields.problem("address", "is missing; a client of kind poll needs one (write http://host:port)")
    if client.kind is Kind.CLOSED and fields.given("address"):
        fields.problem("address", "a client of kind closed cannot be reached from here; remove it, or correct the kind")
    if fields.given("address"):
        return
    if asked_to_ping:
        fields.problem("ping", "there is nothing to ping without an address; remove it, or give address")
    if client.behind_proxy:
        fields.problem("behind_proxy", "says nothing without an address; remove it, or give address")


def _check_login(fields: Fields, client: Client) -> None:
    """Do login and password come together? Without an address nobody logs in from here: a login alone then says
    whose requests are the agent's own and not a user's.
    """
    has_password = fields.given("password_file") or fields.given("password_env")
    if fields.given("login") and not has_password and client.address is not None:
        fields.problem("login", "has no password; name its file in password_file, or a variable in password_env")
    if has_password and not fields.given("login"):
        key = "password_file" if fields.given("password_file") else "password_env"
        fields.problem(key, "is given without a login; add login, or remove it")


def _login(fields: Fields, *, required: bool = False) -> str:
    login = fields.text("login", required=required, longest=128)
    if ":" in login:  # HTTP Basic ends a login at the colon; what follows may be a password
        fields.problem("login", "must not hold ':'; give the password in a file named in password_file")
        return ""
    return login


def _since(fields: Fields, today: date) -> date:
    since = fields.value("since", values.DAY_FORM, today, required=True)
    if since > today:
        fields.problem("since", f"{since} is in the future (today is {today})")
    return since


def _online(fields: Fields) -> OnlineAccess:
    access = OnlineAccess(
        client=fields.text("client", required=True, longest=128),
        login=_login(fields, required=True),
        password=read_secret(fields, "password", required=True) or Secret(),
        scheme=fields.choice("scheme", values.SCHEMES, values.Scheme.HTTPS) or values.Scheme.HTTPS,
        host=fields.value("host", values.ONLINE_HOST_FORM, "", required=True),
        folder=fields.value("folder", values.FOLDER_FORM, "", required=True),
        manager=fields.value("manager", values.NAME_FORM, "", required=True),
    )
    fields.finish()
    return access


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
