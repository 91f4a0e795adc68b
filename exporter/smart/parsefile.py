"""What `smart parse` says of a file: read as an upload is, into a store that is thrown away."""

from __future__ import annotations

import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from smart.errors import RejectReason, ReportRejected
from smart.exposition import render_body
from smart.intake.names import FileClass
from smart.intake.spool import SpoolFile
from smart.intake.worker import Reading, Verdict, forget_store, process
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind
from smart.store import Store

DEALER, CLIENT = "-", "file"


def describe_file(path: Path, reading: Reading, zone: ZoneInfo) -> list[str]:
    """Lines for a person: when the report was made, how many records it brings, its metrics.

    Times in the report that name no zone are of `zone`. Raises ReportRejected when an upload would be refused.
    """
    client = Client(CLIENT, "", "-", Kind.PUSH, zone, date(2000, 1, 1))
    nobody = Contact()
    branch = Branch(DEALER, "-", "", zone, nobody, nobody, MappingProxyType({}), MappingProxyType({CLIENT: client}))
    now = time.time_ns()
    file = SpoolFile(path, DEALER, CLIENT, FileClass.REPORT, now, "file")
    with tempfile.TemporaryDirectory(prefix="smart-parse-") as directory:
        url = f"sqlite:///{directory}/parse.db"
        store = Store.open(url)
        try:
            seconds = now // 1_000_000_000
            store.sync_clients(Inventory(MappingProxyType({}), (branch,)), seconds)
            result = process(file, client, url, reading)
            client_id = store.client_id(DEALER, CLIENT)
            if result.outcome is not Verdict.STORED or client_id is None:
                raise ReportRejected(result.reason or RejectReason.FAILED, result.text + result.trace)
            state = store.client_state(client_id, seconds)
        finally:
            forget_store()
            store.close()
    assert state.created is not None
    created = datetime.fromtimestamp(state.created, zone).isoformat(" ")
    records = ", ".join(f"{kind} {count}" for kind, count in result.counts.items())
    metrics = render_body(branch, client, state, seconds).plain.decode("utf-8")
    values = [line for line in metrics.splitlines() if not line.startswith("#")]
    return [f"created {created}", f"records: {records or 'none'}", *values]
