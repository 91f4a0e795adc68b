"""What the tests of the inventory share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from smart.errors import InventoryError
from smart.inventory.load import load_inventory
from smart.inventory.model import Inventory

DATA = Path(__file__).parent.parent / "data" / "inventory"
NOW = datetime(2026, 6, 1, 22, 0, tzinfo=ZoneInfo("UTC"))  # in Moscow it is the 2nd already


def load(directory: Path) -> Inventory:
    """Loads with a clock that stands still."""
    return load_inventory(directory, lambda: NOW)


def messages(directory: Path) -> list[str]:
    """Every mistake as `smart check` prints it."""
    try:
        load(directory)
    except InventoryError as error:
        return [str(problem) for problem in error.problems]
    return []
