"""What it costs to show clients to Prometheus: one page against the client library, a fleet against Prometheus itself.

    python benchmarks/scrape.py [--quick]

A page has 300 series, as a client with many OperUp files and a few domains has. It is served by the real application on
the real server over loopback; CPU is what the kernel counts for the server's process. The client library writes the
same series in the same run, without HTTP. The full run scrapes 2,000 such clients with a real Prometheus too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import uvloop
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from smart.checks import read_facts
from smart.checks.base import DomainUsage, Facts, Usage
from smart.exposition import Exposition, Snapshot, render_body, render_snapshot
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind
from smart.store.state import ClientState
from smart.sysinfo.report import OperUp, Protection, Report, Volume
from smart.web.operations import operations_app
from smart.web.server import build_server, run_servers

SERIES = 300
CLIENTS = 2000
CREATED = 1_795_161_303
NOW = CREATED + 60
ZONE = ZoneInfo("Europe/Moscow")
CLIENT = Client("client0", "ООО «Ромашка»", "north-1", Kind.PUSH, ZONE, date(2026, 1, 1))
INTERVAL_SECONDS = 20
APPENDED = r"prometheus_tsdb_head_samples_appended_total(?:{type=\"float\"})?"
TICKS = os.sysconf("SC_CLK_TCK")


def series_of(text: bytes) -> int:
    """Lines of a page that are samples."""
    return sum(not line.startswith(b"#") for line in text.splitlines())


def make_state(operup_files: int) -> ClientState:
    """What the store knows of a client whose report names so many OperUp files."""
    volumes = [
        Volume(str(n), "Нормы, правила", rf"D:\Kodeks\base\v{n}.db", "2311", "2026-12-31", [], [
            OperUp(rf"D:\Kodeks\operup\v{n}.upd", CREATED - 3600 - n)
        ])
        for n in range(operup_files)
    ]  # fmt: skip
    report = Report(
        created=CREATED, regnum="599_12345", owner="ООО «Ромашка»", seats=25, seats_used=12, valid_until="2026-12-31",
        supported=True, protection=Protection("SenseLock", "ok", "", ""), maintenance=False, need_support=False,
        spp_ok=True, warnings=[], volumes=volumes, has_users=True, has_rejections=True, has_searches=True,
        has_kassist=True,
    )  # fmt: skip
    domain = DomainUsage(requests=17, documents=5, users=9, users_entered=8, cards_filled=3)
    usage = Usage(domain, {f"dep{n}.corp": domain for n in range(5)}, kassist_day=("2026-11-19", 1, 2, 3, 4))
    samples = tuple(read_facts(Facts(CLIENT, report, usage, NOW)))
    return ClientState(0, CREATED, 1, CREATED, NOW, "2026-11", samples)


def state_of_300() -> ClientState:
    """A state whose page has SERIES series."""
    branch = branch_of([CLIENT])
    spare = SERIES - series_of(render_body(branch, CLIENT, make_state(0), NOW).plain)
    state = make_state(spare - 2)  # two families appear with the first file
    found = series_of(render_body(branch, CLIENT, state, NOW).plain)
    return make_state(spare - 2 + SERIES - found)


def branch_of(clients: list[Client]) -> Branch:
    contact = Contact()
    return Branch("5990NORD", "north", "", ZONE, contact, contact, {}, {client.name: client for client in clients})


class Store:
    """Every client has the same state."""

    def __init__(self, state: ClientState) -> None:
        self._state = state

    def sync_clients(self, inventory: Inventory, _now: int) -> None:
        self._ids = {client.name: number for number, (_, client) in enumerate(inventory.clients())}

    def client_id(self, _dealer: str, name: str) -> int | None:
        return self._ids.get(name)

    def client_state(self, client_id: int, _now: int) -> ClientState:
        return replace(self._state, client_id=client_id)

    def changed_since(self, _version: int) -> tuple[int, list[int]]:
        return 0, []


def serve(clients: int) -> None:
    """Child process: prints its port and serves until it is killed."""
    inventory = Inventory(branches=(branch_of([replace(CLIENT, name=f"client{n}") for n in range(clients)]),))
    exposition = Exposition(Store(state_of_300()), clock=lambda: NOW)
    exposition.take_inventory(inventory)
    server = build_server(operations_app(SimpleNamespace(current=inventory), exposition, list), "127.0.0.1", 0)
    print(server.bind(), flush=True)

    async def run() -> None:
        await run_servers([server], asyncio.Event())

    uvloop.run(run())


@contextmanager
def serving(clients: int) -> Iterator[tuple[int, int]]:
    """Process id and port of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(clients)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield child.pid, int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def scrape(port: int, requests: int) -> None:
    """As Prometheus does: one connection kept open, gzip asked for."""
    request = (
        b"GET /metrics/client?client=client0&dealer=5990NORD HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"User-Agent: Prometheus/2.42.0\r\n"
        b"Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
        b"Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(requests):
            connection.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 200"), head
            assert length is not None, head
            missing = int(length[1]) - len(body)
            while missing > 0:
                missing -= len(connection.recv(65536))


def per_call(function: Callable[[], object], seconds: float) -> float:
    """CPU seconds of one call."""
    calls, started = 0, time.process_time()
    while (used := time.process_time() - started) < seconds:
        function()
        calls += 1
    return used / calls


def one_page(runs: int, requests: int, seconds: float) -> None:
    """A scrape and the rendering of one client's page."""
    state = state_of_300()
    branch = branch_of([CLIENT])
    page = render_body(branch, CLIENT, state, NOW).plain
    assert series_of(page) == SERIES
    families = list(text_string_to_metric_families(page.decode()))
    library = SimpleNamespace(collect=lambda: families)
    snapshot = Snapshot.of(state)
    served, written, rendered, again = [], [], [], []
    with serving(1) as (pid, port):
        scrape(port, requests // 10)
        for _ in range(runs):
            before = cpu_seconds(pid)
            scrape(port, requests)
            served.append((cpu_seconds(pid) - before) / requests)
            written.append(per_call(lambda: generate_latest(library), seconds))
            rendered.append(per_call(lambda: render_body(branch, CLIENT, state, NOW), seconds))
            again.append(per_call(lambda: render_snapshot(CLIENT, snapshot, NOW), seconds))
    scrape_us, library_us = statistics.median(served) * 1e6, statistics.median(written) * 1e6
    render_us, again_us = statistics.median(rendered) * 1e6, statistics.median(again) * 1e6
    lines = len(page.splitlines())
    print(f"one page: {SERIES} series, {lines} lines, {len(page)} bytes; medians of {runs} runs, CPU")
    print(f"  served over HTTP, gzip          {scrape_us:8.0f} us")
    print(f"  prometheus_client, no HTTP      {library_us:8.0f} us  {SERIES / library_us * 1e6:12,.0f} series/s")
    print(f"  rendered anew and compressed    {render_us:8.0f} us  {lines / render_us * 1e6:12,.0f} lines/s")
    print(f"  rendered again as time passes   {again_us:8.0f} us")
    print(f"ratio scrape_to_generate_latest {scrape_us / library_us:.4f} goal <= 0.05")
    print(f"ratio render_to_generate_latest {render_us / library_us:.3f}")
    print(f"rate render_lines_per_second {lines / render_us * 1e6:.0f} goal >= 500000")


def prometheus_value(port: int, name: str) -> float:
    """A value of Prometheus' own metrics; 0 when it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    except OSError:
        return 0.0
    return float(found[1]) if found else 0.0


@contextmanager
def prometheus(exporter_port: int, folder: Path) -> Iterator[tuple[int, int]]:
    """Process id and port of a Prometheus that scrapes what the exporter's service discovery names."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("prometheus is not on the PATH")
    job = {
        "job_name": "smart",
        "http_sd_configs": [{"url": f"http://127.0.0.1:{exporter_port}/sd"}],
        "scrape_interval": f"{INTERVAL_SECONDS}s",
    }
    config = folder / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [job]}), "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    child = subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stderr=subprocess.DEVNULL
    )
    try:
        yield child.pid, port
    finally:
        child.kill()
        child.wait()


def fleet(clients: int, runs: int) -> None:
    """CPU of both sides for one cycle, after every series is known to Prometheus."""
    ours, theirs = [], []
    with (
        tempfile.TemporaryDirectory(prefix="smart-scrape-") as folder,
        serving(clients) as (pid, port),
        prometheus(port, Path(folder)) as (prometheus_pid, prometheus_port),
    ):
        deadline = time.monotonic() + 300
        while prometheus_value(prometheus_port, "prometheus_tsdb_head_series") < clients * SERIES:
            if time.monotonic() > deadline:
                raise SystemExit("Prometheus has not taken all series within five minutes")
            time.sleep(1)
        time.sleep(INTERVAL_SECONDS)
        start = prometheus_value(prometheus_port, APPENDED)
        for _ in range(runs):
            before = cpu_seconds(pid), cpu_seconds(prometheus_pid)
            time.sleep(INTERVAL_SECONDS)
            ours.append(cpu_seconds(pid) - before[0])
            theirs.append(cpu_seconds(prometheus_pid) - before[1])
        end = prometheus_value(prometheus_port, APPENDED)
    mine, its = statistics.median(ours), statistics.median(theirs)
    print(
        f"fleet: {clients} clients of {SERIES} series, {(end - start) / runs:,.0f} samples a cycle; {runs} cycles, CPU"
    )
    print(f"  exporter    {mine:6.2f} s a cycle")
    print(f"  Prometheus  {its:6.2f} s a cycle")
    print(f"ratio fleet_cycle_to_prometheus_{clients} {mine / its:.3f} goal <= 0.25")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one page only, three short runs")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if options.quick:
        one_page(3, 2000, 0.3)
        return
    one_page(7, 10_000, 1.0)
    for clients in (CLIENTS // 2, CLIENTS):
        fleet(clients, 5)


if __name__ == "__main__":
    main()
