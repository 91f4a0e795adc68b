"""Report to store: what storing a report's records costs beside reading them out of its XML.

Goals: 60,000 searches new, into 3 million: at most 1.2 x the extraction on SQLite, 1.5 x on PostgreSQL; the same
records again, as the next report repeats them: at most 0.8 x. Storing is everything between the parser's rows and the
commit that is safe on disk, usage sums included. `--quick`: a shorter history and fewer runs.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from servers_postgres import PostgresServer
from smart.inventory.model import Branch, Client, Contact, Dealer, Inventory, Kind
from smart.store import Store
from smart.sysinfo.parse import parse_report
from smart.sysinfo.profile import load_profile
from smart.sysinfo.report import Records, Report

ZONE = ZoneInfo("Europe/Moscow")
START = int(datetime(2026, 10, 2, tzinfo=ZONE).timestamp())
CLIENTS = 50
SEARCHES, HOURS, USERS = 60_000, 30_000, 500
DAY = 86_400
WORDS = ("гост", "снип", "сварка", "труба", "бетон", "кран", "нормы", "правила", "охрана", "труда", "9.402", "приказ")


Batches = list[tuple[Records, list[tuple[Any, ...]]]]


def local(instant: int) -> str:
    return datetime.fromtimestamp(instant, ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def report_xml(created: int, searches: int, hours: int) -> bytes:
    """A report with so many searches of the 20 hours before it, or so many activity hours of its month."""
    dice = random.Random(created)
    parts = [f'<?xml version="1.0" encoding="UTF-8"?><sysinfo version="2" created="{local(created)}">']
    parts.append('<registration number="1" owner="x" seats="5"/><users>')
    for number in range(USERS):
        parts.append(f'<user login="user{number:04}" domain="corp{number % 5}" last-seen="{local(created - 60)}">')
        parts += [
            f'<activity hour="{local(START + hour * 3600)}" requests="14" documents="6" free-documents="2" services="1"'
            ' saved="1" printed="0" searches="4" kassist="0"/>'
            for hour in range(hours // USERS)
        ]
        parts.append("</user>")
    parts.append("</users><searches>")
    for number in range(searches):
        parts.append(
            f'<search time="{local(created - 72_000 + number * 72_000 // searches)}"'
            f' login="user{dice.randrange(USERS):04}"'
            f' catalog="/docs" type="intellectual" source="ksrv" found="{dice.choice((0, 3, 7, 40, 211))}"'
            f' ms="{dice.randrange(5000)}">{" ".join(dice.sample(WORDS, 5))} {number}</search>'
        )
    parts.append("</searches></sysinfo>")
    return "".join(parts).encode()


def extract(xml: bytes) -> tuple[float, Batches, Report]:
    batches: Batches = []
    started = time.perf_counter()
    report = parse_report(io.BytesIO(xml), load_profile(), ZONE, lambda kind, rows: batches.append((kind, list(rows))))
    return time.perf_counter() - started, batches, report


def save(store: Store, client_id: int, batches: Batches, report: Report, digest: bytes) -> float:
    started = time.perf_counter()
    with store.report_transaction(client_id, received=report.created, digest=digest, size=1, way="push") as writer:
        for kind, rows in batches:
            writer.add(kind, rows)
        writer.usage(report.created, ZONE, "service")
        writer.finish(report, (), "2026-10")
    return time.perf_counter() - started


def fill(url: str, searches: int) -> None:
    """A history of 13 months, spread evenly over the clients; as many activity hours as a twentieth of the searches."""
    engine = sa.create_engine(url)
    each = searches // CLIENTS
    first, step = START - 390 * DAY, 390 * DAY // each
    series = (
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})"
        if engine.dialect.name == "sqlite"
        else "WITH n(i) AS (SELECT generate_series(0, {count} - 1))"
    )
    with engine.begin() as connection:
        for client in range(1, CLIENTS + 1):
            connection.execute(
                sa.text(
                    f"INSERT INTO search_event {series.format(count=each)} SELECT {client}, {first} + i * {step},"  # noqa: S608
                    f" 'user0' || (i * 7919 % {USERS}), i, '/docs', 'intellectual', 'ksrv', i % 8, i % 3000,"
                    " 'сварка труб гост нормы ' || i, 5 FROM n"
                )
            )
            connection.execute(
                sa.text(
                    f"INSERT INTO user_hour {series.format(count=each // 20)} SELECT {client},"  # noqa: S608
                    f" {first} + i * {step * 20}, 'user0' || i, 'corp', 1, 1, 1, 1, 1, 1, 1, 1 FROM n"
                )
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")
    engine.dispose()


def run(
    url: str, searches: int, hours: int, runs: int, first_client: int
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of extraction, of storing new records and of storing them again."""
    store = Store.open(url)
    read, new, again = [], [], []
    for number in range(runs + 1):
        created = START + 20 * DAY + 80_000
        seconds, batches, report = extract(report_xml(created, searches, hours))
        client_id = first_client + number  # each has its share of the history and nothing of this report yet
        first = save(store, client_id, batches, report, b"1")
        report.created += 1
        repeated = save(store, client_id, batches, report, b"2")
        if number:  # the first warms up: statements, pages, connections
            read.append(seconds)
            new.append(first)
            again.append(repeated)
    store.close()
    return read, new, again


@contextmanager
def databases() -> Iterator[dict[str, Callable[[], str]]]:
    server = PostgresServer(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="smart-bench-") as directory:
            yield {"SQLite": lambda: f"sqlite:///{directory}/smart.db", "PostgreSQL": server.new_database}
    finally:
        server.stop()


def inventory() -> Inventory:
    clients = {
        f"c{number}": Client(f"c{number}", "x", "m", Kind.PUSH, ZONE, date(2026, 1, 1)) for number in range(CLIENTS)
    }
    branch = Branch("D", "b", "b", ZONE, Contact(), Contact(), {}, clients)
    return Inventory({"D": Dealer("D", "D", ())}, (branch,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300,000 searches of history, 3 runs")
    quick = parser.parse_args().quick
    history, runs = (300_000, 3) if quick else (3_000_000, 5)
    goals = {"SQLite": 1.2, "PostgreSQL": 1.5}
    print(f"history: {history:,} searches of {CLIENTS} clients; median of {runs} runs")
    print(f"{'':28}{'extraction':>12}{'new':>10}{'ratio':>8}{'goal':>6}{'again':>10}{'ratio':>8}{'goal':>6}")
    with databases() as made:
        for name, new_database in made.items():
            url = new_database()
            store = Store.open(url)
            store.sync_clients(inventory(), START - 400 * DAY)
            store.close()
            fill(url, history)
            for what, searches, hours in ((f"{SEARCHES:,} searches", SEARCHES, 0), (f"{HOURS:,} hours", 0, HOURS)):
                read, new, again = map(statistics.median, run(url, searches, hours, runs, 1 if searches else 20))
                print(
                    f"{name + ', ' + what:28}{read:10.3f} s{new:8.3f} s{new / read:8.2f}{goals[name]:6.1f}"
                    f"{again:8.3f} s{again / read:8.2f}{0.8:6.1f}"
                )


if __name__ == "__main__":
    main()
