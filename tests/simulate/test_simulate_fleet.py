"""Agents of the fleet: real curl calls against a real installation and a real server."""

from __future__ import annotations

import contextlib
import io
import stat
import subprocess
import time
import zipfile
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from threading import Event, Thread

import pytest
from lxml import etree

from smart.errors import ConfigError
from smart.simulate.agent import Push, Style
from smart.simulate.fleet import Clock, Fleet, stand_ins
from smart.simulate.incidents import Change
from smart.simulate.installation import Fault
from smart.simulate.local_http import Handler, LocalServer

TOKEN = "token-of-the-fleet"


class SteppingClock(Clock):
    """Stands still until somebody waits, and then is there at once."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.moment = start

    def now(self) -> float:
        return self.moment

    def wait(self, seconds: float, stop: Event) -> None:
        if not stop.is_set():
            self.moment += seconds


class Upload:
    """What the server got in one upload."""

    def __init__(self, path: str, headers, body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body
        )
        part = next(iter(message.iter_parts()))
        self.field = part.get_param("name", header="content-disposition")
        self.name = part.get_filename()
        self.file = part.get_payload(decode=True)

    def report(self):
        with zipfile.ZipFile(io.BytesIO(self.file)) as archive:
            (name,) = archive.namelist()
            return etree.fromstring(archive.read(name))


@pytest.fixture
def server():
    """A server that takes every upload and remembers it; `delay` holds an answer back."""

    class Server(Handler):
        uploads: list[Upload] = []  # noqa: RUF012
        delay = Event()

        def do_POST(self) -> None:  # noqa: N802
            body = self.body()
            self.uploads.append(Upload(self.path, self.headers, body))
            if self.delay.is_set():
                time.sleep(1.5)
            self.answer_json(200, {"ok": True, "path": "/files/x.xml"})

    with LocalServer(Server) as running:
        running.uploads, running.delay = Server.uploads, Server.delay
        yield running


def fleet_at(server, **options) -> Fleet:
    return Fleet(stand_ins(seed=4), dealer="599DEMO", server=server.url, token=TOKEN, **options)


@pytest.mark.parametrize("style", Style)
def test_every_customer_pushes_its_report_as_agents_do(server, style: Style) -> None:
    with fleet_at(server, style=style) as fleet:
        pushes = fleet.push_all()
    assert all(push.ok for push in pushes), pushes
    assert {upload.name for upload in server.uploads} == {f"{client}.zip" for client in fleet.customers}
    for upload in server.uploads:
        assert upload.headers["upload"] == "yes"
        assert upload.headers["dealer"] == "599DEMO"
        assert upload.field == "file"
        assert upload.headers["User-Agent"].startswith("curl/")
        assert upload.report().find("registration/protection").get("status") == "ok"
        if style is Style.OLD:
            assert upload.path == f"/upload?token={TOKEN}"
        else:
            assert upload.path == "/upload"
            assert upload.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_report_speaks_of_the_moment_it_is_made_in_the_customers_own_time(server) -> None:
    with fleet_at(server, clock=Clock(start=1_795_000_000)) as fleet:
        fleet.push("plant7")
    created = server.uploads[0].report().get("created")
    assert created.startswith("2026-11-18T14:06:4")  # Moscow; 11:06:40 UTC


def test_an_older_installation_answers_bare_xml_that_is_pushed_all_the_same(server) -> None:
    with fleet_at(server) as fleet:
        fleet.customers["plant7"].installation.zips = False
        assert fleet.push("plant7").ok
    assert etree.fromstring(server.uploads[0].file).tag == "sysinfo"


def command_lines() -> str:
    """The command line of every process of this machine, as its users can see them."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            lines.append((process / "cmdline").read_bytes().decode("utf-8", "replace"))
    return "\n".join(lines)


def test_the_token_of_a_new_agent_is_not_in_the_list_of_processes(server) -> None:
    server.delay.set()
    with fleet_at(server) as fleet:
        running = Thread(target=fleet.push, args=["plant7"])
        running.start()
        while not server.uploads:
            time.sleep(0.01)
        processes = command_lines()
        running.join()
        header = fleet.agents["plant7"].folder / "authorization.txt"
        assert stat.S_IMODE(header.stat().st_mode) == 0o600
    assert "plant7.zip" in processes
    assert TOKEN not in processes


FAULTS = {
    # fault: HTTP code and exit code of the first call, what an old agent pushes all the same
    Fault.ERROR_500: (500, 0, b"<HTML>"),
    Fault.HTML: (200, 0, b"<HTML>"),
    Fault.HALF: (200, 18, b"PK"),
    Fault.HANGING: (0, 28, None),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("style", Style)
def test_a_failing_installation_fails_as_agents_see_it(server, fault: Fault, style: Style) -> None:
    code, exit_code, pushed = FAULTS[fault]
    with fleet_at(server, style=style) as fleet:
        fleet.customers["plant7"].installation.fault = fault
        fleet.agents["plant7"].fetch_seconds = 1
        push = fleet.push("plant7")
    assert (push.fetched, push.fetch_exit) == (code, exit_code)
    if pushed is None or (style is Style.NEW and fault is not Fault.HTML):
        assert not server.uploads
        assert not push.ok
    else:
        assert server.uploads[0].file.startswith(pushed)
    if fault is Fault.HALF and server.uploads:
        assert not zipfile.is_zipfile(io.BytesIO(server.uploads[0].file))


@pytest.mark.parametrize("style", Style)
def test_a_server_that_is_not_there_is_told_without_the_token(style: Style) -> None:
    gone = LocalServer(Handler)
    gone.stop()
    with fleet_at(gone, style=style) as fleet:
        push = fleet.push("plant7")
    assert (push.fetched, push.pushed, push.push_exit) == (200, 0, 7)
    assert push.answer
    assert TOKEN not in push.answer


def test_a_run_plays_its_schedule_on_the_fleets_clock(server) -> None:
    told: list[Change | Push] = []
    schedule = [
        Change(4500, "plant7", "key-back"),
        Change(900, "plant7", "key-lost"),
        Change(900, "romashka", "silent"),
    ]
    with fleet_at(server, clock=Clock(start=1_795_000_000, speed=1800)) as fleet:
        fleet.run(seconds=7200, interval=3600, schedule=schedule, tell=told.append)
    assert [change.what for change in told if isinstance(change, Change)] == ["key-lost", "silent", "key-back"]
    states = [
        upload.report().find("registration/protection").get("status")
        for upload in server.uploads
        if upload.name == "plant7.zip"
    ]
    assert states == ["ok", "error", "ok"]
    assert [upload.name for upload in server.uploads].count("romashka.zip") == 1
    assert [upload.name for upload in server.uploads].count("school3.zip") == 3


def test_a_run_ends_at_once_when_asked_to(server) -> None:
    stop = Event()
    with fleet_at(server) as fleet:
        running = Thread(target=fleet.run, kwargs={"seconds": 3600, "interval": 3600, "stop": stop})
        running.start()
        stop.set()
        running.join(20)
        assert not running.is_alive()


def test_a_schedule_for_an_unknown_client_is_refused_before_anything_is_pushed(server) -> None:
    with fleet_at(server) as fleet, pytest.raises(ConfigError, match="no client 'atlantis'"):
        fleet.run(seconds=1, interval=1, schedule=[Change(0, "atlantis", "key-lost")])
    assert not server.uploads


def test_metrics_of_an_installation_need_the_service_users_login(server) -> None:
    with fleet_at(server) as fleet:
        fleet.customers["plant7"].installation.password = "secret"
        address = fleet.installations.address("plant7") + "/sysmon/metrics"
        answers = [
            subprocess.run(["curl", "-s", "-i", *login, address], capture_output=True, text=True, check=True).stdout
            for login in ([], ["-u", "smartlogin:wrong"], ["-u", "smartlogin:secret"])
        ]
    assert [answer.split()[1] for answer in answers] == ["401", "401", "200"]
    assert "\ndate: " in answers[2].lower()
    assert 'kserver_main_page{service="kodweb",path="/docs"} 0' in answers[2]
    assert len(answers[2]) == pytest.approx(16_000, abs=500)
