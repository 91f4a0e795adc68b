"""The inventory in force, and its replacement while everything runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from smart.errors import InventoryError
from smart.inventory.load import load_inventory
from smart.inventory.model import Inventory
from smart.own_metrics import CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS, CONFIG_LAST_RELOAD_SUCCESSFUL

log = logging.getLogger(__name__)

Subscriber = Callable[[Inventory], None]


class Live(Protocol):
    """Where the inventory in force is found; LiveInventory is one."""

    @property
    def current(self) -> Inventory:
        """The inventory in force."""
        ...


class LiveInventory:
    """Holds the inventory in force. `current` is swapped whole: take it once and use it for all of a request."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        """Loads the directory; InventoryError when it has mistakes, for then there is nothing to run on."""
        self._directory = directory
        self._clock = clock
        self._subscribers: list[Subscriber] = []
        self._lock = threading.Lock()
        self._current = Inventory()
        self.reload()

    @property
    def current(self) -> Inventory:
        """The inventory in force."""
        return self._current

    def subscribe(self, callback: Subscriber) -> None:
        """Calls back after each later reload that succeeded, in the thread of the reload. It must not reload itself."""
        self._subscribers.append(callback)

    def reload(self) -> None:
        """Puts the files as they are now in force; with a mistake in them the old inventory stays, whole.

        Raises InventoryError after each mistake was logged. When a subscriber fails, the new inventory is in force, the
        other subscribers are told, and the first failure is raised: the reload counts as not successful.
        """
        with self._lock:
            try:
                inventory = self._load()
                self._current = inventory
                self._tell(inventory)
            except Exception:
                CONFIG_LAST_RELOAD_SUCCESSFUL.set(0)
                raise
            CONFIG_LAST_RELOAD_SUCCESSFUL.set(1)
            CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS.set(self._clock())
            clients = sum(len(branch.clients) for branch in inventory.branches)
            log.info("inventory loaded: %d branches, %d clients", len(inventory.branches), clients)

    def _load(self) -> Inventory:
        try:
            return load_inventory(self._directory)
        except InventoryError as error:
            for problem in error.problems:
                log.error("inventory not loaded: %s", problem)
            raise

    def _tell(self, inventory: Inventory) -> None:
        failure: Exception | None = None
        for callback in tuple(self._subscribers):
            try:
                callback(inventory)
            except Exception as error:  # a bug or a store away: the others must hear of the new inventory all the same
                log.exception("a part of SMART could not take the new inventory")
                failure = failure or error
        if failure is not None:
            raise failure
