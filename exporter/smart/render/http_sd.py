"""Prometheus' HTTP service discovery: the only source of the labels dealer, branch, manager, client, kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from urllib.parse import quote

from smart.inventory.model import Branch, Client, Inventory

CLIENT_PATH = "/metrics/client"
BRANCH_PATH = "/metrics/branch"

TargetGroup = dict[str, list[str] | dict[str, str]]


def render_http_sd(inventory: Inventory, replicas: Sequence[str]) -> bytes:
    """One target group a client and one a branch, as JSON in the order of the inventory.

    `replicas`: addresses host:port of the exporters that serve this inventory, as Prometheus reaches them. Each page is
    scraped from one of them, and adding one moves only its share. The label `instance` names what is watched, not who
    serves it: when a page moves, its series and the alerts that pend on them stay the same.
    """
    if not replicas:
        raise ValueError("at least one address is needed")
    groups = [_client_group(branch, client, replicas) for branch, client in inventory.clients()]
    groups += [_branch_group(branch, replicas) for branch in inventory.branches]
    return json.dumps(groups, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _client_group(branch: Branch, client: Client, replicas: Sequence[str]) -> TargetGroup:
    return {
        "targets": [_replica_for(f"{branch.dealer}/{client.name}", replicas)],
        "labels": {
            "__metrics_path__": CLIENT_PATH,
            "__param_dealer": branch.dealer,
            "__param_client": client.name,
            "dealer": branch.dealer,
            "branch": branch.name,
            "client": client.name,
            "manager": client.manager,
            "kind": client.kind.value,
            "instance": _path(branch.dealer, branch.name, client.name),
        },
    }


def _branch_group(branch: Branch, replicas: Sequence[str]) -> TargetGroup:
    return {
        "targets": [_replica_for(f"{branch.dealer}/{branch.name}/", replicas)],
        "labels": {
            "__metrics_path__": BRANCH_PATH,
            "__param_dealer": branch.dealer,
            "__param_branch": branch.name,
            "dealer": branch.dealer,
            "branch": branch.name,
            "instance": _path(branch.dealer, branch.name),
        },
    }


def _path(*names: str) -> str:
    return "/".join(quote(name, safe="") for name in names)


def _replica_for(page: str, replicas: Sequence[str]) -> str:
    """The replica with the highest hash of page and address (rendezvous hashing); the same in every replica."""
    if len(replicas) == 1:
        return replicas[0]
    return max(replicas, key=lambda replica: hashlib.blake2b(f"{page}\n{replica}".encode(), digest_size=8).digest())
