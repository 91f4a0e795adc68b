"""Runs the real `smart serve` on free ports with an inventory of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from servers_processes import free_port
from smart.inventory.tokens import new_token

ROOT = Path(__file__).parents[1]
DEALER = "599DEMO"
READY_SECONDS = 60


def copy_inventory(directory: Path) -> str:
    """The example inventory with a token that is known; returns the token."""
    token, digest = new_token()
    shutil.copytree(ROOT / "inventory", directory)
    dealers = directory / "dealers.yml"
    dealers.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{digest}", dealers.read_text("utf-8"), count=1), "utf-8")
    return token


class SmartServer:
    """One exporter process; `start` it, `kill` it, start it again on the same ports and files."""

    def __init__(self, directory: Path, inventory: Path, token: str, database_url: str = "", *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "serve.log"
        self.inventory = inventory
        self.token = token
        self.intake = f"http://127.0.0.1:{free_port()}"
        self.operations = f"http://127.0.0.1:{free_port()}"
        self._database_url = database_url
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> SmartServer:
        """Returns when it is ready."""
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Returns at once."""
        environment = {**os.environ, "SMART_DATABASE_URL": self._database_url}
        command = [
            sys.executable, "-m", "smart", "serve", "--inventory", str(self.inventory), "--data-dir", str(self.data),
            "--intake-listen", self.intake.removeprefix("http://"),
            "--operations-listen", self.operations.removeprefix("http://"), *self._options,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        return self._process

    def wait_until_ready(self) -> None:
        """Until it says so itself."""
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text("utf-8")
            try:
                if requests.get(f"{self.operations}/-/ready", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready in {READY_SECONDS} s:\n{self.log.read_text('utf-8')}")

    @property
    def pid(self) -> int:
        """Of the serving process."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and wait; returns the exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(60)
        self._process = None
        return code

    def upload(self, path: Path, client: str) -> requests.Response:
        """Hand a file in as a new agent does."""
        headers = {"dealer": DEALER, "Authorization": f"Bearer {self.token}"}
        url = f"{self.intake}/upload/{client}{path.suffix}"
        return requests.put(url, data=path.read_bytes(), headers=headers, timeout=60)

    def page(self, client: str) -> str:
        """What Prometheus sees of a client."""
        parameters = {"dealer": DEALER, "client": client}
        answer = requests.get(f"{self.operations}/metrics/client", params=parameters, timeout=30)
        assert answer.ok, answer.text
        return answer.text

    def wait_for(self, client: str, line: str, seconds: float = 60) -> str:
        """The page once it has that line."""
        deadline = time.monotonic() + seconds
        while line not in (page := self.page(client)).splitlines():
            assert time.monotonic() < deadline, f"no {line!r}:\n{page}\n{self.log.read_text('utf-8')}"
            time.sleep(0.1)
        return page
