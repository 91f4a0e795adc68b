"""The serving process: both listeners, the worker processes, and what is done by the clock. Wiring, no decisions.

intake (internet side) -> spool -> workers -> store -> exposition -> operations (inner side)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    live = LiveInventory(settings.inventory)
    store = Store.open(settings.database_url)
    with contextlib.closing(store), contextlib.closing(Spool(settings.data_dir)) as spool:
        exposition = Exposition(store)
        exposition.take_inventory(live.current)
        live.subscribe(exposition.take_inventory)
        await _run(settings, live, store, spool, exposition)


async def _run(
    settings: ServeSettings, live: LiveInventory, store: Store, spool: Spool, exposition: Exposition
) -> None:
    def lookup(dealer: str, client: str) -> FileInfo | None:
        client_id = store.client_id(dealer, client)
        return None if client_id is None else store.last_file(client_id)

    def refresh(dealer: str, client: str, result: Result) -> None:
        log.info("%s/%s: %s%s", dealer, client, result.outcome, f" ({result.text})" if result.text else "")
        client_id = store.client_id(dealer, client)
        if client_id is not None:
            exposition.refresh((client_id,))

    workers = Workers(
        live,
        spool,
        store,
        (settings.database_url, Reading(settings.intake_limits.unpack, settings.profiles, settings.signatures)),
        settings=settings.workers,
        on_done=refresh,
    )
    intake = intake_app(
        live,
        spool,
        settings.intake_limits,
        lookup=lookup,
        on_accepted=workers.submit,
        on_refused=workers.record_refusal,
    )
    waiting_for = ["the spool has not been taken up yet"]
    outer = _listener(intake, settings.intake, settings.trusted_proxies)
    runbooks = Runbooks(settings.runbooks) if settings.runbooks else None
    inner_settings = OperationsSettings(replicas=settings.replicas, runbooks=runbooks)
    pages = operations_app(live, exposition, lambda: waiting_for, inner_settings)
    inner = _listener(pages, settings.operations)
    ports = outer.bind(), inner.bind()
    workers.start()
    waiting_for.clear()
    log.info("intake on %s:%d, operations on %s:%d", settings.intake.host, ports[0], settings.operations.host, ports[1])
    try:
        await _until_stopped(live, [outer, inner], exposition, store, settings.keep_months)
    finally:
        await asyncio.to_thread(workers.stop)
        intake.close()
        log.info("stopped")


def _listener(app: App, listen: Listen, trusted_proxies: str = "") -> Server:
    guard = Guard(listen.web_config)
    return build_server(
        guard.protect(app), listen.host, listen.port, ssl_context=guard.ssl_context(), trusted_proxies=trusted_proxies
    )


async def _until_stopped(
    live: LiveInventory, servers: list[Server], exposition: Exposition, store: Store, months: Mapping[str, int]
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(live))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    by_the_clock = [
        asyncio.create_task(follow_forever(exposition)),
        asyncio.create_task(_delete_old_daily(store, months)),
    ]
    try:
        await run_servers(servers, stop)
    finally:
        for task in by_the_clock:
            task.cancel()
        await asyncio.gather(*by_the_clock, *reloads, return_exceptions=True)


async def _reload(live: LiveInventory) -> None:
    with contextlib.suppress(InventoryError):  # every mistake is in the log by now, and a metric says so
        try:
            await asyncio.to_thread(live.reload)
        except InventoryError:
            raise
        except Exception:
            log.exception("the inventory could not be put in force everywhere")


async def _delete_old_daily(store: Store, months: Mapping[str, int]) -> None:
    while True:
        try:
            deleted = await asyncio.to_thread(store.delete_old, int(time.time()), months)
            own_metrics.RETENTION_LAST_SUCCESS_TIMESTAMP_SECONDS.set_to_current_time()
            if any(deleted.values()):
                log.info("deleted by age: %s", ", ".join(f"{kind} {count}" for kind, count in deleted.items() if count))
        except Exception:  # the store may be away; the next day comes
            log.exception("old records could not be deleted")
        await asyncio.sleep(DAY_SECONDS)


def run(settings: ServeSettings) -> None:
    """`serve` on uvloop."""
    uvloop.run(serve(settings))
