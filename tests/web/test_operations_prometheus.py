"""A real Prometheus finds the pages by service discovery, over TLS and with a login, and reads the strangest ones."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import bcrypt
import pytest

from certificates import make_certificate
from servers_operations import serving
from servers_prometheus import RunningPrometheus, run_prometheus
from smart.checks.base import Sample
from smart.exposition import Exposition
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind
from smart.store.state import ClientState, Event
from smart.web.guard import Guard
from smart.web.operations import operations_app

ZONE = ZoneInfo("Europe/Moscow")
STRANGE = (
    'кавычки "так" и \\ обратная',
    "две\nстроки\r\nи ещё",
    "".join(map(chr, range(32))) + "\x7f\x85\u2028\ufeff",
    '{a="b"} 1\n# TYPE evil counter',
    "😀 \U0010ffff",
)
CLIENTS = {name: Client(name, "", "north-1", Kind.CLOSED, ZONE, date(2026, 1, 1)) for name in ("plant:7", "romashka")}
INVENTORY = Inventory(branches=(Branch("5990NORD", "north", "", ZONE, Contact(), Contact(), {}, CLIENTS),))


class Store:
    """Both clients have the same strange events."""

    def sync_clients(self, inventory: Inventory, _now: int) -> None:
        self.ids = {client.name: number for number, (_, client) in enumerate(inventory.clients())}

    def client_id(self, _dealer: str, name: str) -> int | None:
        return self.ids[name]

    def client_state(self, client_id: int, now: int) -> ClientState:
        events = tuple(
            Event("KodeksSearchEmptyEvents", (("user", f"user{n:03}"), ("query", query), ("batch", "b")), now + 9000)
            for n, query in enumerate(STRANGE)
        )
        state = ClientState(client_id, now, 1, now, now, "", (Sample("KodeksSeats", (), 25.0),))
        return replace(state, events=events)

    def changed_since(self, _version: int) -> tuple[int, list[int]]:
        return 0, []


def wait_for(prometheus: RunningPrometheus, expression: str, count: int) -> list[tuple[dict[str, str], float]]:
    deadline = time.monotonic() + 60
    while True:
        found = prometheus.query(expression)
        if len(found) == count:
            return found
        assert time.monotonic() < deadline, (found, prometheus.get("targets"))
        time.sleep(0.2)


@pytest.fixture
def scraped(tmp_path: Path):
    make_certificate(tmp_path, "server")
    stored = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    web = tmp_path / "web.yml"
    web.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
        f"basic_auth_users: {{prometheus: {stored}}}\n"
    )
    exposition = Exposition(Store())
    exposition.take_inventory(INVENTORY)
    guard = Guard(web)
    app = guard.protect(operations_app(SimpleNamespace(current=INVENTORY), exposition, list))
    with serving(app, guard.ssl_context()) as port:
        client = {
            "basic_auth": {"username": "prometheus", "password": "open sesame"},
            "tls_config": {"ca_file": str(tmp_path / "server.crt")},
        }
        job = {
            "job_name": "smart",
            "scheme": "https",
            "scrape_interval": "1s",
            "http_sd_configs": [{"url": f"https://127.0.0.1:{port}/sd", **client}],
            **client,
        }
        config = tmp_path / "prometheus.yml"
        config.write_text(json.dumps({"scrape_configs": [job]}))
        with run_prometheus(config, tmp_path / "prometheus") as prometheus:
            yield prometheus


def test_a_real_prometheus_reads_every_page(scraped) -> None:
    up = wait_for(scraped, 'up{job="smart"} == 1', 3)
    assert {labels["instance"] for labels, _ in up} == {
        "5990NORD/north",
        "5990NORD/north/plant%3A7",
        "5990NORD/north/romashka",
    }
    ((labels, value),) = scraped.query('KodeksSeats{client="plant:7"}')
    assert value == 25
    named = {"dealer": "5990NORD", "branch": "north", "client": "plant:7", "manager": "north-1", "kind": "closed"}
    assert named.items() <= labels.items()
    events = scraped.query('KodeksSearchEmptyEvents{client="romashka"}')
    assert {labels["user"]: labels["query"] for labels, _ in events} == {
        f"user{number:03}": query for number, query in enumerate(STRANGE)
    }
    joined = scraped.query('KodeksSeats + on(dealer, branch) group_left() SmartCountThreshold{alert="KodeksIcmpCount"}')
    assert [value for _, value in joined] == [30, 30]
