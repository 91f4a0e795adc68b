"""Inventories, records and reports for the tests of the store."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from zoneinfo import ZoneInfo

from smart.checks.base import Sample
from smart.inventory.model import Address, Branch, Client, Contact, Dealer, Inventory, Kind
from smart.sysinfo.report import Activity, Report, Search, User

ZONE = ZoneInfo("Asia/Novosibirsk")  # UTC+7
DAY = 86_400
SERVICE = "service"


def at(text: str, zone=ZONE) -> int:
    """Unix seconds of a local time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


NOW = at("2026-11-20T10:00:00")


def client_of(name: str, **fields) -> Client:
    given = {
        "legal_entity": "ООО «Ромашка»",
        "manager": "north-1",
        "kind": Kind.PUSH,
        "zone": ZONE,
        "since": date(2026, 1, 1),
        "address": Address("http", f"{name}.example", 80),
        "login": SERVICE,
    }
    return Client(name, **(given | fields))


def inventory_of(*names: str, **fields) -> Inventory:
    """One dealer, one branch with clients of these names."""
    clients = {name: client_of(name, **fields) for name in names}
    branch = Branch("DEALER", "north", "Север", ZONE, Contact(), Contact(), {}, clients)
    return Inventory({"DEALER": Dealer("DEALER", "Дилер", ())}, (branch,))


def activity(hour: int, login: str = "ivanov", domain: str = "corp", **counters: int) -> Activity:
    given = dict.fromkeys(Activity._fields[3:], 0) | {"requests": 1} | counters
    return Activity(hour, login, domain, **given)


def search(time: int, login: str = "ivanov", found: int = 3, text: str = "гост 9.402", digest: int = 1, **fields):
    given = {"catalog": "/docs", "type": "intellectual", "source": "ksrv", "duration_ms": 20} | fields
    return Search(time=time, login=login, digest=digest, found=found, text=text, **given)


def user(login: str = "ivanov", domain: str = "corp", registered=None, last_seen=None, card=None) -> User:
    return User(login, domain, registered, last_seen, card is not None, *(card or ("",) * 5))


FULL_CARD = ("ФИО", "1-23", "user@example.org", "инженер", "отдел 5")


def sample(value: float) -> Sample:
    return Sample("KodeksSeats", (), value)


def put(store, client_id: int, created: int = NOW, received: int | None = None, name: str = "", report=None, **options):
    """Stores a report; records as keyword `rows` = {Records: list}. The same arguments make the same file."""
    rows = options.pop("rows", {})
    samples = options.pop("samples", (sample(1),))
    received = created if received is None else received
    digest = hashlib.sha256(repr((created, rows, name)).encode()).digest()
    told = report or Report()
    told.created = created
    with store.report_transaction(
        client_id, received=received, digest=digest, size=1000, way="push", **options
    ) as writer:
        for kind, batch in rows.items():
            writer.add(kind, batch)
        return writer.finish(told, samples, "2026-11")


class GivenUpError(Exception):
    """Raised inside a report's transaction by a test."""


def usage_of(store, client_id: int, moment: int = NOW, zone=ZONE, service: str = SERVICE):
    """Usage as a report of that moment would see it; nothing is stored."""
    try:
        with store.report_transaction(client_id, received=moment, digest=b"look", size=1, way="push") as writer:
            usage = writer.usage(moment, zone, service)
            raise GivenUpError
    except GivenUpError:
        return usage


def table(store, name: str, columns: str = "*") -> list[tuple]:
    """All rows of a table, sorted."""
    with store.reading() as connection:
        return sorted(tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {name}"))  # noqa: S608
