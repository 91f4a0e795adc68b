"""Runs an intake for tests in a process of its own; prints its port. The one argument is JSON (see IntakeProcess)."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import uvloop
from intake_harness import Dealers

from smart.intake.limits import IntakeSettings
from smart.intake.spool import Spool
from smart.intake.worker import Reading
from smart.intake.workers import Workers, WorkerSettings
from smart.sysinfo.profile import REFERENCE, load_profile
from smart.web.intake import intake_app
from smart.web.server import build_server, run_servers


def workers_of(options: dict, live: SimpleNamespace, spool: Spool):
    """The pool and the store, when a database is given."""
    from smart.store import Store

    store = Store.open(options["database"])
    store.sync_clients(live.current, int(time.time()))
    context = (options["database"], Reading(IntakeSettings().unpack, (load_profile(REFERENCE),)))
    settings = WorkerSettings(processes=options.get("processes", 2), stop_seconds=options.get("stop_seconds", 20.0))
    return Workers(live, spool, store, context, settings=settings), store


async def main(options: dict) -> None:
    live = SimpleNamespace(current=Dealers(tuple(options["tokens"]), tuple(options["clients"])).inventory())
    spool = Spool(Path(options["directory"]))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    callbacks: dict = {"lookup": lambda _dealer, _client: None}
    workers = None
    if "database" in options:
        workers, store = workers_of(options, live, spool)
        workers.start()
        callbacks = {
            "lookup": lambda dealer, client: store.last_file(store.client_id(dealer, client)),
            "on_accepted": workers.submit,
            "on_refused": workers.record_refusal,
        }
    settings = IntakeSettings(**{"requests_burst": 1_000_000, "requests_per_second": 1e6, **options.get("intake", {})})
    app = intake_app(live, spool, settings, **callbacks)
    server = build_server(app, "127.0.0.1", 0)
    print(server.bind(), flush=True)
    await run_servers([server], stop)
    app.close()
    if workers is not None:
        workers.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
