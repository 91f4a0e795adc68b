"""Service discovery: what Prometheus is told about each client and branch."""

from __future__ import annotations

import json
import subprocess
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from servers_prometheus import promtool_program
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind
from smart.render.http_sd import render_http_sd

MOSCOW = ZoneInfo("Europe/Moscow")


def client(name: str, kind: Kind = Kind.PUSH) -> Client:
    return Client(name, "ООО «Ромашка»", "north-1", kind, MOSCOW, date(2026, 1, 1))


def branch(name: str, *clients: Client) -> Branch:
    return Branch("5990NORD", name, "", MOSCOW, Contact(), Contact(), {}, {one.name: one for one in clients})


INVENTORY = Inventory(branches=(branch("north", client("romashka"), client("plant:7", Kind.POLL)), branch("south")))


def test_a_client_and_a_branch_have_the_labels_of_the_inventory() -> None:
    groups = json.loads(render_http_sd(INVENTORY, ["smart:9721"]))
    assert groups[1] == {
        "targets": ["smart:9721"],
        "labels": {
            "__metrics_path__": "/metrics/client",
            "__param_dealer": "5990NORD",
            "__param_client": "plant:7",
            "dealer": "5990NORD",
            "branch": "north",
            "client": "plant:7",
            "manager": "north-1",
            "kind": "poll",
            "instance": "5990NORD/north/plant%3A7",
        },
    }
    assert groups[3] == {
        "targets": ["smart:9721"],
        "labels": {
            "__metrics_path__": "/metrics/branch",
            "__param_dealer": "5990NORD",
            "__param_branch": "south",
            "dealer": "5990NORD",
            "branch": "south",
            "instance": "5990NORD/south",
        },
    }
    assert len(groups) == 4


def test_the_same_inventory_gives_the_same_bytes() -> None:
    assert render_http_sd(INVENTORY, ["a:1", "b:1"]) == render_http_sd(INVENTORY, ["a:1", "b:1"])


def test_an_empty_inventory_is_an_empty_list() -> None:
    assert render_http_sd(Inventory(), ["a:1"]) == b"[]"


def test_no_address_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="address"):
        render_http_sd(INVENTORY, [])


def spread(replicas: list[str]) -> dict[str, str]:
    many = Inventory(branches=(branch("north", *(client(f"c{n}") for n in range(600))),))
    groups = json.loads(render_http_sd(many, replicas))
    return {group["labels"]["instance"]: group["targets"][0] for group in groups}


def test_clients_are_spread_over_replicas_and_few_move_when_one_is_added() -> None:
    two, three = spread(["a:1", "b:1"]), spread(["a:1", "b:1", "c:1"])
    assert 240 < list(two.values()).count("a:1") < 360
    moved = {name for name in two if two[name] != three[name]}
    assert {three[name] for name in moved} == {"c:1"}
    assert 140 < len(moved) < 260


def test_the_order_of_replicas_does_not_matter() -> None:
    assert spread(["a:1", "b:1", "c:1"]) == spread(["c:1", "a:1", "b:1"])


def test_prometheus_takes_the_groups(tmp_path) -> None:
    """promtool reads the same target groups from a file."""
    (tmp_path / "targets.json").write_bytes(render_http_sd(INVENTORY, ["smart:9721"]))
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs: [{job_name: smart, file_sd_configs: [{files: [targets.json]}]}]\n", "utf-8")
    done = subprocess.run(
        [promtool_program(), "check", "config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = subprocess.run(
        [promtool_program(), "check", "service-discovery", "--timeout=2s", str(config), "smart"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"__param_client": "plant:7"' in shown.stdout, shown.stdout + shown.stderr
