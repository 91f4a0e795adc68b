"""The whole way of one report: upload accepted, parsed, stored in SQLite, its page rendered, in a real `smart serve`.

Goal: a zip of 20 MB of XML, 62,701 records, at most 2.3 x a bare `lxml.etree.parse` of that XML; the time runs from
the first byte sent to the page that shows the report. `first time` brings new records into a client without history,
`again` repeats the same records under a new moment, as the next report of an installation does. `--quick`: fewer runs.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import io
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import requests
from lxml import etree

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from parse import make_report, seconds
from servers_smart import DEALER, SmartServer, copy_inventory

CLIENTS = ("plant7", "institute", "depot-closed", "bridge-design", "elevator", "old-archive", "romashka", "port")
POLL_SECONDS = 0.005
CREATED = b'created="'


def with_moment(report: bytes, second: int) -> bytes:
    """The same report, made `second` seconds of its minute later."""
    start = report.index(CREATED) + len(CREATED)
    return report[: start + 17] + f"{second:02}".encode() + report[start + 19 :]


def zipped(report: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", report)
    return out.getvalue()


def whole_way(server: SmartServer, client: str, body: bytes) -> float:
    """Seconds from the first byte of the upload to the page that shows it."""
    watched = Page(server, client)
    before = watched.created_line()
    headers = {"dealer": DEALER, "Authorization": f"Bearer {server.token}"}
    started = time.perf_counter()
    answer = requests.put(f"{server.intake}/upload/{client}.zip", data=body, headers=headers, timeout=60)
    assert answer.ok, answer.text
    while watched.created_line() == before:
        assert time.perf_counter() - started < 60, server.log.read_text("utf-8")
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - started


class Page:
    """A client's page over a connection that stays open: whoever looks must not take the processor from who works."""

    def __init__(self, server: SmartServer, client: str) -> None:
        self._connection = http.client.HTTPConnection(server.operations.removeprefix("http://"))
        self._path = f"/metrics/client?dealer={DEALER}&client={client}"

    def created_line(self) -> bytes:
        """The line that tells when the newest report was made."""
        self._connection.request("GET", self._path, headers={"Accept-Encoding": "gzip"})
        lines = gzip.decompress(self._connection.getresponse().read()).splitlines()
        return next((line for line in lines if line.startswith(b"SmartXMLfileCreatedTime ")), b"")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    runs = 3 if parser.parse_args().quick else len(CLIENTS) - 1
    with tempfile.TemporaryDirectory(prefix="smart-bench-") as name:
        directory = Path(name)
        path = make_report(directory / "report.xml", 20)
        report = path.read_bytes()
        first, again = zipped(with_moment(report, 1)), zipped(with_moment(report, 2))
        token = copy_inventory(directory / "inventory")
        server = SmartServer(directory, directory / "inventory", token).start()
        try:
            whole_way(server, CLIENTS[0], first)  # processes started, pages of the disk touched
            floors, firsts, agains = [], [], []
            for client in CLIENTS[1 : runs + 1]:
                floors.append(seconds(lambda: etree.parse(str(path))))
                firsts.append(whole_way(server, client, first))
                floors.append(seconds(lambda: etree.parse(str(path))))
                agains.append(whole_way(server, client, again))
        finally:
            server.stop()
    floor = statistics.median(floors)
    print(f"{'20 MiB, zip, SQLite; medians of ' + str(runs) + ' runs':<44}{'seconds':>10}{'x lxml':>10}  goal")
    for what, value, goal in (
        ("lxml.etree.parse", floor, ""),
        ("whole way, first time", statistics.median(firsts), "2.3"),
        ("whole way, again", statistics.median(agains), "2.3"),
    ):
        print(f"{what:<44}{value:>10.3f}{value / floor:>10.2f}  {goal}")


if __name__ == "__main__":
    main()
