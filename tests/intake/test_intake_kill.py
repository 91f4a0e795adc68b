"""kill -9 at any moment: what was answered 200 is stored after the restart, and nothing twice."""

from __future__ import annotations

import http.client
import random
import sqlite3
import threading
import time
from pathlib import Path

from intake_harness import Dealers, IntakeProcess, report

CLIENTS = tuple(f"client{number}" for number in range(4))
KILLS = 20


class Sender(threading.Thread):
    """One agent: a new report after each answer, over connections that are killed now and then."""

    def __init__(self, server: IntakeProcess, name: str, first_minute: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.client = name
        self.minute = first_minute
        self.answered: list[str] = []
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)
            try:
                while not self.stopping:
                    self._send(connection)
            except OSError:
                time.sleep(0.02)
            except http.client.HTTPException:
                pass
            finally:
                connection.close()

    def _send(self, connection: http.client.HTTPConnection) -> None:
        self.minute += 1
        created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_790_000_000 + 60 * self.minute))
        headers = {"dealer": "7700NORTH", "Authorization": f"Bearer {self.server.token}"}
        connection.request("PUT", f"/upload/{self.client}.xml", report(created), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            self.answered.append(created)
        time.sleep(0.01)


def stored(database: Path) -> dict[str, list[str]]:
    """Moments of creation of the stored reports of each client."""
    query = (
        "SELECT client.name, strftime('%Y-%m-%dT%H:%M:%S', report.created + 3 * 3600, 'unixepoch') "
        "FROM report JOIN client ON client.id = report.client_id"
    )
    found: dict[str, list[str]] = {name: [] for name in CLIENTS}
    with sqlite3.connect(database) as connection:
        for name, created in connection.execute(query):
            found[name].append(created)
    return found


def test_every_upload_answered_200_is_stored_after_twenty_kills_and_none_twice(tmp_path):
    randomness = random.Random(7)
    database = tmp_path / "smart.db"
    directory = tmp_path / "spool"
    server = IntakeProcess(directory, Dealers(clients=CLIENTS), database=f"sqlite:///{database}", processes=1)
    server.start()
    senders = [Sender(server, name, 1000 * number) for number, name in enumerate(CLIENTS)]
    for sender in senders:
        sender.start()
    with server:
        for _ in range(KILLS):
            time.sleep(randomness.uniform(0.02, 0.6))
            server.kill()
            server.start()
        time.sleep(0.5)
        for sender in senders:
            sender.stopping = True
        for sender in senders:
            sender.join(60)
        deadline = time.monotonic() + 240
        while any((directory / "spool").iterdir()):
            assert time.monotonic() < deadline, server.log.read_text("utf-8")
            time.sleep(0.05)
        assert server.stop() == 0
    found = stored(database)
    for sender in senders:
        assert len(sender.answered) > KILLS
        assert set(sender.answered) <= set(found[sender.client])
        assert len(found[sender.client]) == len(set(found[sender.client]))
    assert list((directory / "rejected").rglob("*.reason.txt")) == []
    assert list((directory / "tmp").iterdir()) == []
    assert server.token not in server.log.read_text("utf-8")
