"""The rows of table client: the inventory as the records know it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from smart.inventory.model import Branch, Client, Inventory
from smart.store.parts import raise_version
from smart.store.tables import client, online_search_event, search_event, user_card

_ADVISORY_LOCK = 0x534D415255  # two processes with the same inventory would both insert its new clients


def sync_clients(connection: Connection, inventory: Inventory, now: int) -> None:
    """Makes the rows what the inventory says; writes only what differs.

    A client that is gone keeps its row and its records; when it comes back its `listed_at` is the return. Where cards
    or texts of searches are no longer to be kept, those stored already go too.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    rows = connection.execute(sa.select(client).order_by(client.c.id)).mappings()
    known = {(row["dealer"], row["name"]): dict(row) for row in rows}
    wanted = {(branch.dealer, one.name): _fields(branch, one) for branch, one in inventory.clients()}
    changed = []
    for key, row in known.items():  # in the order of the ids: replicas must lock the rows in one order
        fields = wanted.get(key, {"listed": False})
        if "zone" in fields and not row["listed"]:
            fields["listed_at"] = now
        different = {name: value for name, value in fields.items() if row[name] != value}
        if different:
            connection.execute(sa.update(client).where(client.c.id == row["id"]).values(**different))
            _forget(connection, row["id"], different)
            changed.append(row["id"])
    for key, fields in wanted.items():
        if key not in known:
            values = {
                "dealer": key[0],
                "name": key[1],
                "listed_at": now,
                "owner": "",
                "regnum": "",
                "version": 0,
            } | fields
            changed.append(connection.execute(sa.insert(client).values(values).returning(client.c.id)).scalar_one())
    for client_id in changed:  # last, see raise_version
        raise_version(connection, client_id)


def _fields(branch: Branch, one: Client) -> dict[str, Any]:
    at = one.address
    return {
        "branch": branch.name,
        "legal_entity": one.legal_entity,
        "manager": one.manager,
        "kind": one.kind.value,
        "address": f"{at.scheme}://{at.host}:{at.port}" if at else "",
        "zone": one.zone.key,
        "service_login": one.service_login,
        "keep_cards": one.keep_cards,
        "keep_query_text": one.keep_query_text,
        "listed": True,
    }


def _forget(connection: Connection, client_id: int, different: dict[str, Any]) -> None:
    if different.get("keep_cards") is False:
        connection.execute(sa.delete(user_card).where(user_card.c.client_id == client_id))
    if different.get("keep_query_text") is False:
        for table in (search_event, online_search_event):
            of_client = sa.update(table).where(table.c.client_id == client_id, table.c.text != "")
            connection.execute(of_client.values(text=""))
