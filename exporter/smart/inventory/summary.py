"""How much an inventory holds, as `smart check` tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from smart.inventory.model import Inventory, Kind


@dataclass(frozen=True, slots=True)
class Summary:
    """How much an inventory holds."""

    dealers: int
    branches: int
    managers: int
    clients: Mapping[Kind, int]  # push, poll, closed; each there, 0 when none
    online: int

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.clients.items())
        return (
            f"dealers {self.dealers}, branches {self.branches}, managers {self.managers}, "
            f"clients {sum(self.clients.values())} ({kinds}), on-line accesses {self.online}"
        )


def summarize(inventory: Inventory) -> Summary:
    """What is in an inventory."""
    kinds = Counter(client.kind for _, client in inventory.clients())
    return Summary(
        dealers=len(inventory.dealers),
        branches=len(inventory.branches),
        managers=sum(len(branch.managers) for branch in inventory.branches),
        clients={kind: kinds[kind] for kind in Kind if kind is not Kind.ONLINE},
        online=sum(len(branch.online) for branch in inventory.branches),
    )
