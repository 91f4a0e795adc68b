"""The serving process: both listeners, the worker processes, and what is done by the clock. Wiring, no decisions.

intake (internet side) -> spool -> workers -> store -> exposition -> operations (inner side)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from smart import own_metrics
from smart.checks.signatures import Signatures, built_in
from smart.errors import InventoryError
from smart.exposition import Exposition, follow_forever
from smart.intake.limits import IntakeSettings
from smart.intake.spool import Spool
from smart.intake.worker import Reading, Result
from smart.intake.workers import Workers, WorkerSettings
from smart.inventory.live import LiveInventory
from smart.store import FileInfo, Store
from smart.sysinfo.profile import Profile
from smart.web.guard import App, Guard
from smart.web.intake import intake_app
from smart.web.operations import OperationsSettings, operations_app
from smart.web.runbooks import Runbooks
from smart.web.server import Server, build_server, run_servers

log = logging.getLogger(__name__)

DAY_SECONDS = 86_400
OPEN_FILES = 65_536  # the usual soft limit of 1,024 is for programs that use select()


@dataclass(frozen=True, slots=True)
class Listen:
    """Where one listener listens; `web_config` is a file in the format of Prometheus' exporters, or None."""

    host: str
    port: int
    web_config: Path | None = None


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Everything `smart serve` is told."""

    inventory: Path
    data_dir: Path
    database_url: str
    intake: Listen
    operations: Listen
    profiles: tuple[Profile, ...]
    signatures: Signatures = field(default_factory=built_in)
    intake_limits: IntakeSettings = field(default_factory=IntakeSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    replicas: tuple[str, ...] = ()  # host:port of every exporter as Prometheus reaches it; empty: this one
    trusted_proxies: str = ""
    runbooks: Path | None = None
    keep_months: Mapping[str, int] = field(default_factory=dict)


async def serve(settings: ServeSettings) -> None:
    """Runs until SIGTERM or SIGINT; SIGHUP reloads the inventory. Raises SmartError when it cannot start."""
    loop = asyncio.get_running_loop()
    hangup = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, hangup.set)  # before anything slow: unhandled, it would end the process
    live = LiveInventory(settings.inventory)
    with contextlib.ExitStack() as stack:
        spool = stack.enter_context(contextlib.closing(Spool(settings.data_dir)))  # first: one process a directory
        store = stack.enter_context(contextlib.closing(Store.open(settings.database_url)))
        exposition = Exposition(store)
        exposition.take_inventory(live.current)
        live.subscribe(exposition.take_inventory)
        workers = _workers(settings, live, spool, store, exposition)
        intake = stack.enter_context(
            contextlib.closing(
                intake_app(
                    live,
                    spool,
                    settings.intake_limits,
                    lookup=partial(_last_file, store),
                    on_accepted=workers.submit,
                    on_refused=workers.record_refusal,
                )
            )
        )
        servers = _listen(settings, intake, live, exposition)
        workers.start()
        try:
            await _until_stopped(
                servers,
                follow_forever(exposition),
                delete_old_daily(store, settings.keep_months),
                reload_when_told(live, hangup),
            )
        finally:
            await asyncio.to_thread(workers.stop)
            await loop.shutdown_default_executor()  # what the clock or a signal began still uses the store
            log.info("stopped")


def _last_file(store: Store, dealer: str, client: str) -> FileInfo | None:
    client_id = store.client_id(dealer, client)
    return None if client_id is None else store.last_file(client_id)


def _workers(
    settings: ServeSettings, live: LiveInventory, spool: Spool, store: Store, exposition: Exposition
) -> Workers:
    def refresh(dealer: str, client: str, result: Result) -> None:
        log.info("%s/%s: %s%s", dealer, client, result.outcome, f" ({result.text})" if result.text else "")
        client_id = store.client_id(dealer, client)
        if client_id is not None:
            exposition.refresh((client_id,))

    reading = Reading(settings.intake_limits.unpack, settings.profiles, settings.signatures)
    context = settings.database_url, reading
    return Workers(live, spool, store, context, settings=settings.workers, on_done=refresh)


def _listen(settings: ServeSettings, intake: App, live: LiveInventory, exposition: Exposition) -> list[Server]:
    """Both listeners, bound: senders wait instead of being refused until all is ready."""
    runbooks = Runbooks(settings.runbooks) if settings.runbooks else None
    pages = operations_app(live, exposition, list, OperationsSettings(replicas=settings.replicas, runbooks=runbooks))
    outer = _listener(intake, settings.intake, settings.trusted_proxies)
    inner = _listener(pages, settings.operations)
    ports = outer.bind(), inner.bind()
    log.info("intake on %s:%d, operations on %s:%d", settings.intake.host, ports[0], settings.operations.host, ports[1])
    return [outer, inner]


def _listener(app: App, listen: Listen, trusted_proxies: str = "") -> Server:
    guard = Guard(listen.web_config)
    return build_server(
        guard.protect(app), listen.host, listen.port, ssl_context=guard.ssl_context(), trusted_proxies=trusted_proxies
    )


async def _until_stopped(servers: list[Server], *beside: Coroutine[Any, Any, None]) -> None:
    """Serves, with other work that never ends beside it, until a signal says stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(work) for work in beside]
    try:
        await run_servers(servers, stop)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def reload_when_told(live: LiveInventory, told: asyncio.Event) -> None:
    """Puts the inventory's files in force each time the event is set; with mistakes in them the old one stays."""
    while True:
        await told.wait()
        told.clear()
        try:
            await asyncio.to_thread(live.reload)
        except InventoryError:
            pass  # every mistake is in the log by now, and a metric says so
        except Exception:
            log.exception("the inventory could not be put in force everywhere")


async def delete_old_daily(store: Store, months: Mapping[str, int], interval_seconds: float = DAY_SECONDS) -> None:
    """Deletes records by age, at the start and once a day; a failing store is told in the log."""
    stopped = threading.Event()
    try:
        while True:
            try:
                deleted = await asyncio.to_thread(store.delete_old, int(time.time()), months, stopped.is_set)
                own_metrics.RETENTION_LAST_SUCCESS_TIMESTAMP_SECONDS.set_to_current_time()
                if any(deleted.values()):
                    counts = ", ".join(f"{kind} {count}" for kind, count in deleted.items() if count)
                    log.info("deleted by age: %s", counts)
            except Exception:  # the store may be away; the next day comes
                log.exception("old records could not be deleted")
            await asyncio.sleep(interval_seconds)
    finally:
        stopped.set()


def run(settings: ServeSettings) -> None:
    """`serve` on uvloop, with as many open files as the system allows, its own files closed to strangers."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if 0 <= most < OPEN_FILES else OPEN_FILES, most))
    os.umask(0o027)
    uvloop.run(serve(settings))
