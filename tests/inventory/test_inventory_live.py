"""A reload puts the new inventory in force whole, or leaves the old one."""

from __future__ import annotations

import logging
import threading

import pytest
from prometheus_client import REGISTRY

from smart.errors import InventoryError
from smart.inventory.live import LiveInventory
from smart.own_metrics import CONFIG_LAST_RELOAD_SUCCESSFUL


def metric(name):
    return REGISTRY.get_sample_value(name)


def successful():
    return metric("smart_config_last_reload_successful")


def success_time():
    return metric("smart_config_last_reload_success_timestamp_seconds")


def test_the_first_load_is_in_force_at_once(inventory):
    CONFIG_LAST_RELOAD_SUCCESSFUL.set(0)
    live = LiveInventory(inventory, clock=lambda: 1_000.0)
    assert live.current.find("599DEMO", "plant7") is not None
    assert successful() == 1
    assert success_time() == 1_000


def test_a_first_load_with_mistakes_is_refused(inventory, edit):
    edit("north.yml", "kind: poll", "kind: pole")
    with pytest.raises(InventoryError):
        LiveInventory(inventory)
    assert successful() == 0


def test_a_good_reload_swaps_the_inventory_and_tells_subscribers(inventory, edit):
    times = iter([1_000.0, 2_000.0])
    live = LiveInventory(inventory, clock=lambda: next(times))
    before, told = live.current, []
    live.subscribe(lambda new: told.append(("first", new, live.current)))
    live.subscribe(lambda new: told.append(("second", new, live.current)))
    edit("north.yml", "name: plant7", "name: plant8")
    live.reload()
    assert live.current is not before
    assert live.current.find("599DEMO", "plant8") is not None
    assert live.current.find("599DEMO", "plant7") is None
    assert told == [("first", live.current, live.current), ("second", live.current, live.current)]
    assert (successful(), success_time()) == (1, 2_000)


def test_a_bad_reload_changes_nothing_but_the_metric_and_logs_every_mistake(inventory, edit, caplog):
    live = LiveInventory(inventory, clock=lambda: 1_000.0)
    before, told = live.current, []
    live.subscribe(told.append)
    edit("north.yml", "name: plant7", "name: plant8")
    edit("north.yml", "kind: poll", "kind: pole")
    edit("other.yml", "timezone: Europe/Samara", "timezone: Samara")
    with caplog.at_level(logging.ERROR), pytest.raises(InventoryError) as caught:
        live.reload()
    assert live.current is before
    assert told == []
    assert (successful(), success_time()) == (0, 1_000)
    assert len(caught.value.problems) == 2
    for problem in caught.value.problems:
        assert f"inventory not loaded: {problem}" in caplog.messages


def test_the_mended_files_are_taken_after_a_bad_reload(inventory, edit):
    live = LiveInventory(inventory)
    edit("north.yml", "kind: poll", "kind: pole")
    with pytest.raises(InventoryError):
        live.reload()
    edit("north.yml", "kind: pole", "kind: poll")
    live.reload()
    assert successful() == 1


def test_a_subscriber_that_fails_does_not_keep_the_news_from_others(inventory):
    live = LiveInventory(inventory, clock=lambda: 1_000.0)
    told = []

    def broken(_inventory):
        raise RuntimeError("the store is away")

    live.subscribe(broken)
    live.subscribe(told.append)
    with pytest.raises(RuntimeError, match="the store is away"):
        live.reload()
    assert told == [live.current]
    assert successful() == 0


def test_reloads_at_the_same_time_come_one_after_the_other(inventory):
    live = LiveInventory(inventory)
    inside, most = [], []

    def callback(_inventory):
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    live.subscribe(callback)
    threads = [threading.Thread(target=live.reload) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
