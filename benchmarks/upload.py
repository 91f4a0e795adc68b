"""Uploads against Prometheus' Pushgateway: requests a second and the slowest hundredth, the same client for both.

    python benchmarks/upload.py [--quick]

Ours keeps every file safe on disk (fsync, rename, fsync of the directory) before it answers; Pushgateway keeps its
metrics in memory. Eight senders, each with a connection of its own, send one request after another.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import uvloop

SENDERS = 8
TOKEN = "benchmark"  # noqa: S105
BOUNDARY = "------------------------d74496d66958873e"


@dataclass(frozen=True)
class Run:
    """One run of one kind of request."""

    per_second: float
    p50_ms: float
    p99_ms: float


class Sender(asyncio.Protocol):
    """Sends the request again as soon as it is answered, until the time is over."""

    def __init__(self, request: bytes, until: float, seconds: list[float]) -> None:
        self._request = request
        self._until = until
        self._seconds = seconds
        self._received = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._started = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        now = time.perf_counter()
        self._seconds.append(now - self._started)
        self._received = b""
        if head.split(b" ", 2)[1] not in (b"200", b"202"):
            self._end(RuntimeError((head + body).decode("utf-8", "replace")))
        elif now < self._until:
            self._send()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(RuntimeError(f"connection lost: {exc}"))

    def _end(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error) if error else self.over.set_result(None)
            self._transport.close()


async def load(port: int, request: bytes, seconds: float) -> Run:
    """All senders at once for so long."""
    times: list[float] = []
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda: Sender(request, started + seconds, times), "127.0.0.1", port))[1]
        for _ in range(SENDERS)
    ]
    await asyncio.gather(*(sender.over for sender in senders))
    elapsed = time.perf_counter() - started
    times.sort()
    return Run(len(times) / elapsed, 1000 * times[len(times) // 2], 1000 * times[int(len(times) * 0.99)])


def serve(directory: Path) -> None:
    """The intake in this process; a stand-in for the workers takes each report out of the spool at once."""
    from smart.intake.limits import IntakeSettings
    from smart.intake.requests import hash_of
    from smart.intake.spool import Spool
    from smart.inventory.model import Branch, Client, Contact, Dealer, Inventory, Kind
    from smart.web.intake import intake_app
    from smart.web.server import build_server, run_servers

    zone = ZoneInfo("Europe/Moscow")
    client = Client("plant7", "ООО «Ромашка»", "north-1", Kind.PUSH, zone, date(2026, 1, 1))
    branch = Branch("7700NORTH", "north", "Север", zone, Contact(), Contact(), {}, {"plant7": client})
    dealer = Dealer("7700NORTH", "Север", (hash_of(TOKEN),))
    live = SimpleNamespace(current=Inventory({"7700NORTH": dealer}, (branch,)))
    spool = Spool(directory)
    app = intake_app(
        live,
        spool,
        IntakeSettings(requests_per_second=1e6, requests_burst=1_000_000),
        lookup=lambda _dealer, _client: None,
        on_accepted=lambda file: spool.done(file, newest=True),
    )
    server = build_server(app, "127.0.0.1", 0)
    print(server.bind(), flush=True)
    uvloop.run(run_servers([server], asyncio.Event()))


def status_text() -> bytes:
    """16 KB that both servers take: metrics in Prometheus' text format."""
    lines = ["# Sysinfo metrics", "# TYPE kserver_counter gauge"]
    lines += [f'kserver_counter{{service="kodweb",path="/docs",number="{number}"}} {number}' for number in range(280)]
    return ("\n".join(lines)[: 16 * 1024].rpartition("\n")[0] + "\n").encode()


def zip_of(size: int) -> bytes:
    """A zip of about `size` bytes with one XML in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        noise = os.urandom(size * 2 // 3).hex()
        xml = f'<?xml version="1.0" encoding="UTF-8"?><sysinfo created="2026-11-20T10:55:03"><!--{noise}--></sysinfo>'
        archive.writestr("sysinfo.xml", xml)
    return buffer.getvalue()


def raw(name: str, body: bytes) -> bytes:
    """As `curl -T NAME` sends it."""
    head = (
        f"PUT /upload/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
        f"dealer: 7700NORTH\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def form(name: str, body: bytes) -> bytes:
    """As `curl -F file=@NAME` sends it."""
    part = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    content = part.encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /upload?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
        f"upload: yes\r\ndealer: 7700NORTH\r\nContent-Length: {len(content)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    return head.encode() + content


def push(body: bytes) -> bytes:
    """A push to one group of Pushgateway."""
    head = f"PUT /metrics/job/benchmark HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def pushgateway() -> tuple[subprocess.Popen[bytes], int]:
    """Debian's, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    child = subprocess.Popen(
        ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
            return child, port
        except urllib.error.URLError:
            time.sleep(0.05)
    child.kill()
    raise RuntimeError("Pushgateway did not start")


def measure(kinds: dict[str, tuple[int, bytes]], runs: int, seconds: float) -> dict[str, list[Run]]:
    """Every kind in turn, over and over, so that a busy machine is busy for all of them."""
    found: dict[str, list[Run]] = {name: [] for name in kinds}
    for _ in range(runs):
        for name, (port, request) in kinds.items():
            found[name].append(uvloop.run(load(port, request, seconds)))
    return found


def median(runs: list[Run], read: Callable[[Run], float]) -> float:
    return statistics.median(read(run) for run in runs)


def report(found: dict[str, list[Run]]) -> None:
    """The table, the ratios and the goals they are held against."""
    print(f"{'':34} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for name, runs in found.items():
        figures = (median(runs, lambda run: run.per_second), median(runs, lambda run: run.p50_ms))
        print(f"{name:34} {figures[0]:8.0f} {figures[1]:8.2f} {median(runs, lambda run: run.p99_ms):8.2f}")

    def ratio(one: str, other: str, read: Callable[[Run], float]) -> float:
        pairs = zip(found[one], found[other], strict=True)
        return statistics.median(read(mine) / read(theirs) for mine, theirs in pairs)

    def rate(run: Run) -> float:
        return run.per_second

    def slowest(run: Run) -> float:
        return run.p99_ms

    print(f"ratio upload_status_raw_rate {ratio('status, raw', 'pushgateway', rate):.2f} goal >= 2.0")
    print(f"ratio upload_status_raw_p99 {ratio('status, raw', 'pushgateway', slowest):.2f} goal < 1.0")
    print(f"ratio upload_status_form_rate {ratio('status, form', 'pushgateway', rate):.2f}")
    print(f"ratio upload_zip_16kb_raw_rate {ratio('zip of 16 KB, raw', 'pushgateway', rate):.2f}")
    print(f"ratio upload_2mb_form_to_raw_rate {ratio('zip of 2 MB, form', 'zip of 2 MB, raw', rate):.2f} goal >= 0.8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three short runs")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    runs, seconds = (3, 0.5) if options.quick else (7, 2.0)
    status, small, large = status_text(), zip_of(16 * 1024), zip_of(2 * 1024 * 1024)
    with tempfile.TemporaryDirectory(prefix="smart-upload-") as directory:
        command = [sys.executable, __file__, "--serve", directory]
        ours = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        theirs, their_port = pushgateway()
        try:
            assert ours.stdout is not None
            port = int(ours.stdout.readline())
            kinds = {
                "pushgateway": (their_port, push(status)),
                "status, raw": (port, raw("plant7.status", status)),
                "status, form": (port, form("plant7.status", status)),
                "zip of 16 KB, raw": (port, raw("plant7.zip", small)),
                "zip of 2 MB, raw": (port, raw("plant7.zip", large)),
                "zip of 2 MB, form": (port, form("plant7.zip", large)),
            }
            measure(kinds, 1, 0.2)
            report(measure(kinds, runs, seconds))
        finally:
            for child in (ours, theirs):
                child.kill()
                child.wait()


if __name__ == "__main__":
    main()
