"""What the serving process does by the clock or by a signal goes on whatever fails once."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from smart.errors import InventoryError, StoreError
from smart.serve import delete_old_daily, reload_when_told

SOON = 30  # seconds within which anything here happens, on a busy machine too


class Live:
    """An inventory whose reloads fail in turn."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.reloads = 0

    def reload(self) -> None:
        self.reloads += 1
        if self.failures:
            raise self.failures.pop(0)


class Store:
    """A store that is away at first."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.working = threading.Event()
        self.told_to_stop = threading.Event()

    def delete_old(self, _now, months, stopped):
        self.calls.append(months)
        if len(self.calls) == 1:
            raise StoreError("away")
        self.working.set()
        while not stopped():
            self.told_to_stop.wait(0.01)
        self.told_to_stop.set()
        return {"search_event": 3}


async def until(condition) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.01)


async def end(task) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_reloads_go_on_after_one_that_failed(caplog):
    live = Live(InventoryError([]), StoreError("the store is away"))

    async def play() -> None:
        told = asyncio.Event()
        task = asyncio.create_task(reload_when_told(live, told))
        for number in (1, 2, 3):
            told.set()
            await until(lambda wanted=number: live.reloads == wanted)
        await end(task)

    asyncio.run(play())
    assert [record.message for record in caplog.records] == ["the inventory could not be put in force everywhere"]


def test_old_records_are_deleted_the_next_time_when_the_store_was_away(caplog):
    store = Store()

    async def play() -> None:
        task = asyncio.create_task(delete_old_daily(store, {"session": 1}, interval_seconds=0.01))
        await until(store.working.is_set)
        await end(task)

    asyncio.run(play())
    assert store.calls == [{"session": 1}, {"session": 1}]
    assert [record.message for record in caplog.records] == ["old records could not be deleted"]


def test_a_deletion_under_way_ends_when_the_process_stops():
    store = Store()
    store.calls.append("away once already")

    async def play() -> None:
        task = asyncio.create_task(delete_old_daily(store, {}))
        await until(store.working.is_set)
        await end(task)
        await until(store.told_to_stop.is_set)

    asyncio.run(play())
