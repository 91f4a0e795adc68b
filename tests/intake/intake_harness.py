"""A real intake on a free port, in a thread of the test's process or in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import uvloop

from smart.intake.limits import IntakeSettings
from smart.intake.spool import Spool
from smart.inventory.model import Branch, Client, Contact, Dealer, Inventory, Kind, Manager
from smart.inventory.tokens import new_token
from smart.web.intake import intake_app
from smart.web.server import ServerLimits, build_server, run_servers

HERE = Path(__file__).parent
MOSCOW = ZoneInfo("Europe/Moscow")
STATUS = b'date: Thu, 16 Apr 2026 10:08:51 GMT\n# Sysinfo metrics\nkserver_main_page{path="/docs"} 0\n# End\n'
REPORT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<sysinfo version="2.0.6.15" created="{created}">\n'
    '<registration number="599_12345" owner="ООО «Ромашка»" seats="25" valid-until="2027-12-31" supported="yes">'
    '<protection type="SenseLock" status="ok"/></registration>\n'
    '<users><user login="user017" domain="corp.local"><activity hour="2026-11-20T09:00:00" requests="14"/></user>'
    "</users>\n</sysinfo>\n"
)


def report(created: str = "2026-11-20T10:55:03") -> bytes:
    """A small valid report."""
    return REPORT.replace("{created}", created).encode()


def zipped(xml: bytes, member: str = "sysinfo.xml") -> bytes:
    """The report as `type=zip` gives it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, xml)
    return buffer.getvalue()


def client(name: str) -> Client:
    return Client(name, "ООО «Ромашка»", "north-1", Kind.PUSH, MOSCOW, date(2026, 1, 1))


def branch(dealer: str, name: str, *clients: str) -> Branch:
    managers = {"north-1": Manager("north-1", "north-1@example.org")}
    named = {each: client(each) for each in clients}
    return Branch(dealer, name, name, MOSCOW, Contact(), Contact(), managers, named)


@dataclass
class Dealers:
    """Two dealers, the first with two tokens valid at once."""

    tokens: tuple[str, str, str] = field(default_factory=lambda: tuple(new_token()[0] for _ in range(3)))
    clients: tuple[str, ...] = ("romashka", "plant7", "Client.A:80")

    def inventory(self) -> Inventory:
        from smart.intake.requests import hash_of

        hashes = [hash_of(token) for token in self.tokens]
        dealers = {
            "7700NORTH": Dealer("7700NORTH", "Север", (hashes[0], hashes[1])),
            "7800SOUTH": Dealer("7800SOUTH", "Юг", (hashes[2],)),
        }
        north = branch("7700NORTH", "north", *self.clients)
        return Inventory(dealers, (north, branch("7800SOUTH", "south", "vesna")))


class RunningIntake:
    """The intake served by uvicorn in a thread. `log` holds everything logged meanwhile."""

    def __init__(self, directory: Path, settings: IntakeSettings, limits: ServerLimits, known: dict) -> None:
        self.dealers = Dealers()
        self.token, self.next_token, self.south_token = self.dealers.tokens
        self.spool = Spool(directory)
        self.known = known  # (dealer, client) -> what the store would say
        self.accepted: list = []
        self.refused: list = []
        self.log = io.StringIO()
        self.live = SimpleNamespace(current=self.dealers.inventory())
        self.app = intake_app(
            self.live,
            self.spool,
            settings,
            lookup=lambda dealer, name: self.known.get((dealer, name)),
            on_accepted=self.accepted.append,
            on_refused=lambda refusal: self.refused.append(refusal),  # a test may put another list there
        )
        self._server = build_server(self.app, "127.0.0.1", 0, limits=limits)
        self.port = self._server.bind()
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(run_servers([self._server], self._stop))

    def __enter__(self) -> RunningIntake:
        self._handler = logging.StreamHandler(self.log)
        logging.getLogger().addHandler(self._handler)
        self._level = logging.getLogger("smart").level
        logging.getLogger("smart").setLevel(logging.DEBUG)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.app.close()
        self.spool.close()
        logging.getLogger("smart").setLevel(self._level)
        logging.getLogger().removeHandler(self._handler)

    def leftovers(self) -> list[str]:
        """Names in tmp/ once the disk threads have come to rest."""
        deadline = time.monotonic() + 30
        while (names := [path.name for path in self.spool.tmp.iterdir()]) and time.monotonic() < deadline:
            time.sleep(0.01)
        return names


@contextlib.contextmanager
def running_intake(directory: Path, settings: IntakeSettings | None = None, limits: ServerLimits | None = None):
    """The intake on a free port with generous rates, stopped in the end."""
    generous = settings or IntakeSettings(requests_burst=100_000, failures_burst=100_000)
    with RunningIntake(directory, generous, limits or ServerLimits(), {}) as intake:
        yield intake


@dataclass(frozen=True)
class Answer:
    """What curl printed."""

    code: int
    body: dict
    seconds: float
    stderr: str
    headers: str


def curl(*arguments: str, stdin: bytes | None = None, cwd: Path | None = None, timeout: float = 60) -> Answer:
    """A real curl with the arguments; `code` 0 when it got no answer."""
    started = time.monotonic()
    command = ["curl", "-sS", "-w", "\n%{http_code}", "-D", "/dev/stderr", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=timeout)
    text, _, code = done.stdout.decode().rpartition("\n")
    body = json.loads(text) if text.startswith("{") else {}
    errors = done.stderr.decode("utf-8", "replace")
    return Answer(int(code or 0), body, time.monotonic() - started, errors, errors.lower())


class IntakeProcess:
    """`run_intake.py` in a process of its own: intake, and workers with a store when a database is given."""

    def __init__(self, directory: Path, dealers: Dealers, **options: object) -> None:
        self.dealers = dealers
        self.token = dealers.tokens[0]
        config = {"directory": str(directory), "tokens": dealers.tokens, "clients": dealers.clients, **options}
        self.command = [sys.executable, str(HERE / "run_intake.py"), json.dumps(config)]
        self.log = directory.parent / f"{directory.name}.log"
        self.child: subprocess.Popen | None = None
        self.port = 0

    def start(self, prefix: tuple[str, ...] = ()) -> IntakeProcess:
        with self.log.open("ab") as log:
            self.child = subprocess.Popen([*prefix, *self.command], stdout=subprocess.PIPE, stderr=log)
        line = self.child.stdout.readline()
        assert line, self.log.read_text("utf-8", "replace")
        self.port = int(line)
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def resident_bytes(self, child: int | None = None) -> int:
        """Memory of the serving process."""
        text = Path(f"/proc/{child or self.child.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def kill(self) -> None:
        """kill -9, as when power fails for this process alone."""
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()

    def stop(self) -> int:
        self.child.terminate()
        code = self.child.wait(30)
        self.child.stdout.close()
        return code

    def __enter__(self) -> IntakeProcess:
        return self if self.child else self.start()

    def __exit__(self, *_: object) -> None:
        if self.child is not None and self.child.poll() is None:
            self.kill()


def metrics_text(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()
