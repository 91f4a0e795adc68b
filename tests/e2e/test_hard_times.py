"""The real `smart serve` when it is killed, when its database is away or locked, and when it is started twice."""

from __future__ import annotations

import http.client
import random
import signal
import sqlite3
import threading
import time

import pytest
import requests
import sqlalchemy as sa
from two_dealers import put, report, settle, state_of, value_of, wait_until

from servers_postgres import PostgresServer
from servers_smart import DEALER, SmartServer, copy_inventory

pytestmark = pytest.mark.e2e

KILLS = 20
CLIENTS = ("plant7", "institute", "romashka", "depot-closed")  # of one branch, in one time zone


class Agent(threading.Thread):
    """Sends a new report after each answer; reports of one client are a minute apart."""

    def __init__(self, server: SmartServer, client: str) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.client = client
        self.created = int(time.time()) // 60 * 60 - 5_000_000
        self.answered: list[int] = []
        self.stopping = False

    def run(self) -> None:
        address = self.server.intake.removeprefix("http://")
        headers = {"dealer": DEALER, "Authorization": f"Bearer {self.server.token}"}
        while not self.stopping:
            connection = http.client.HTTPConnection(address, timeout=10)
            try:
                while not self.stopping:
                    self.created += 60
                    content = report(created=self.created, seats=self.created // 60 % 1_000_000)
                    connection.request("PUT", f"/upload/{self.client}.xml", content, headers)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 200:
                        self.answered.append(self.created)
                    time.sleep(0.02)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            finally:
                connection.close()


def stored_reports(url: str) -> dict[str, list[int]]:
    """Moments of creation of the stored reports of each client."""
    engine = sa.create_engine(url)
    query = "SELECT client.name, report.created FROM report JOIN client ON client.id = report.client_id"
    found: dict[str, list[int]] = {name: [] for name in CLIENTS}
    with engine.connect() as connection:
        for name, created in connection.execute(sa.text(query)):
            found[name].append(created)
    engine.dispose()
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_answered_200_is_stored_once_and_shown_after_twenty_kills(tmp_path, request, kind):
    """At random moments, of the start too, under a stream of uploads by four agents."""
    url = request.getfixturevalue("postgres").new_database() if kind == "postgresql" else ""
    server = SmartServer(tmp_path / "one", tmp_path / "inventory", copy_inventory(tmp_path / "inventory"), url)
    randomness = random.Random(kind)
    agents = [Agent(server, client) for client in CLIENTS]
    server.start()
    for agent in agents:
        agent.start()
    for _ in range(KILLS):
        time.sleep(randomness.uniform(0.1, 2.0))
        server.stop(signal.SIGKILL)
        server.launch()
    server.wait_until_ready()
    for agent in agents:
        agent.stopping = True
    for agent in agents:
        agent.join(30)
    settle(server)
    for agent in agents:
        newest = max(agent.answered)
        wait_until(lambda: value_of(server.page(agent.client), "SmartXMLfileCreatedTime") >= newest)  # noqa: B023
    assert server.stop() == 0
    found = stored_reports(url or f"sqlite:///{server.data / 'smart.db'}")
    for agent in agents:
        assert len(agent.answered) > KILLS
        assert set(agent.answered) <= set(found[agent.client])
        assert len(found[agent.client]) == len(set(found[agent.client]))
    assert not list((server.data / "rejected").rglob("*.reason.txt"))
    assert not list((server.data / "tmp").iterdir())
    assert "Traceback" not in server.log.read_text("utf-8")


@pytest.fixture
def server(tmp_path):
    started = SmartServer(tmp_path / "one", tmp_path / "inventory", copy_inventory(tmp_path / "inventory")).start()
    yield started
    started.stop()


def test_a_database_locked_by_another_program_delays_nothing_but_the_pages(server):
    put(server, "plant7.xml", report(seats=1, created=time.time() - 60))
    server.wait_for("plant7", "KodeksSeats 1")
    other = sqlite3.connect(server.data / "smart.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    broken = [put(server, "institute.zip", b"PK\x03\x04 broken").status_code for _ in range(6)]
    taken = [put(server, "plant7.xml", report(seats=2)).status_code for _ in range(6)]
    assert state_of(server, "plant7")["state"] in ("accepted", "processing")
    server.page("plant7")
    assert time.monotonic() - started < 8
    assert (set(broken), set(taken)) == ({422}, {200})
    time.sleep(max(0.0, 10 - (time.monotonic() - started)))
    other.execute("ROLLBACK")
    other.close()
    server.wait_for("plant7", "KodeksSeats 2")
    wait_until(lambda: "SmartFileRejectedTime{" in server.page("institute"))
    assert not list((server.data / "rejected" / DEALER).glob("plant7*"))


def test_while_postgresql_is_away_uploads_are_taken_and_pages_shown(tmp_path):
    database = PostgresServer()
    try:
        token = copy_inventory(tmp_path / "inventory")
        server = SmartServer(tmp_path / "one", tmp_path / "inventory", token, database.new_database()).start()
        put(server, "plant7.xml", report(seats=1, created=time.time() - 60))
        server.wait_for("plant7", "KodeksSeats 1")
        agent = Agent(server, "romashka")
        agent.start()
        wait_until(lambda: agent.answered)
        database.halt()
        before = len(agent.answered)
        assert put(server, "plant7.xml", report(seats=2)).status_code == 200
        assert put(server, "plant7.zip", b"PK\x03\x04 broken").status_code == 422
        assert value_of(server.page("plant7"), "KodeksSeats") == 1
        assert requests.get(f"{server.operations}/-/ready", timeout=30).ok
        wait_until(lambda: len(agent.answered) > before + 20)
        database.resume()
        server.wait_for("plant7", "KodeksSeats 2")
        agent.stopping = True
        agent.join(30)
        wait_until(lambda: value_of(server.page("romashka"), "SmartXMLfileCreatedTime") == max(agent.answered))
        assert server.stop() == 0
        assert not list((server.data / "rejected" / DEALER).glob("romashka*"))
    finally:
        server.stop()
        database.stop()


def test_a_second_exporter_on_the_same_data_is_refused_and_harms_nothing(server, tmp_path):
    second = SmartServer(tmp_path / "two", server.inventory, server.token)
    second.data = server.data
    process = second.launch()
    assert process.wait(60) == 1
    assert "another smart process uses this spool" in second.log.read_text("utf-8")
    assert "Traceback" not in second.log.read_text("utf-8")
    put(server, "plant7.xml", report(seats=3))
    server.wait_for("plant7", "KodeksSeats 3")


def test_rubbish_in_the_data_directory_is_left_alone(server):
    server.stop()
    strange = [server.data / "spool" / "lost+found", server.data / "tmp" / "folder", server.data / "files" / "x~y"]
    for folder in strange:
        folder.mkdir()
    for number in range(1000):
        (server.data / "spool" / f"rubbish {number}").write_bytes(b"\0" * 100)
    unlisted = f"{time.time_ns():020d}~NOBODY~nobody~report~raw~0~abcd"
    (server.data / "spool" / unlisted).write_bytes(report())
    server.start()
    put(server, "plant7.xml", report(seats=4))
    server.wait_for("plant7", "KodeksSeats 4")
    wait_until(lambda: not (server.data / "spool" / unlisted).exists())
    assert all(folder.is_dir() for folder in strange)
    assert len(list((server.data / "spool").glob("rubbish *"))) == 1000
    assert "Traceback" not in server.log.read_text("utf-8")


def test_what_people_searched_for_is_not_for_other_users_of_the_machine(server):
    put(server, "plant7.xml", report(seats=5))
    put(server, "plant7.xml", b"<sysinfo")
    server.wait_for("plant7", "KodeksSeats 5")
    modes = {path: path.stat().st_mode & 0o007 for path in [server.data, *server.data.rglob("*")]}
    assert not [path for path, mode in modes.items() if mode]
