"""A real Alertmanager for tests and where to find its tools: Debian's names first, then upstream's."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

START_SECONDS = 30.0


def find_program(*names: str) -> str:
    """The first of these programs on the PATH; a missing one is a failure, not a skip."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise AssertionError(f"none of {', '.join(names)} is on the PATH (apt install prometheus prometheus-alertmanager)")


def alertmanager_program() -> str:
    return find_program("prometheus-alertmanager", "alertmanager")


def amtool_program() -> str:
    return find_program("amtool")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server says it is ready; AssertionError with its log when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError(f"{url} did not become ready:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours, gently first."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class RunningAlertmanager:
    """An Alertmanager that answers at `url`."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def post(self, alerts: list[dict[str, object]]) -> None:
        """Hand alerts in as Prometheus does: each {"labels": {...}, "annotations": {...}, "startsAt", "endsAt"}."""
        body = json.dumps(alerts).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def alerts(self) -> list[dict[str, object]]:
        """Every alert it knows, with its status (active, suppressed) and receivers."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            return json.load(answer)

    def status(self) -> str:
        """The configuration it runs, as it shows it: secrets are replaced."""
        with urllib.request.urlopen(f"{self.url}/api/v2/status", timeout=10) as answer:
            return json.load(answer)["config"]["original"]

    def metric(self, name: str) -> float:
        """Sum of all samples of one of its own metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


@contextlib.contextmanager
def run_alertmanager(config: Path, storage: Path, *, zone: str = "Europe/Moscow") -> Iterator[RunningAlertmanager]:
    """Alertmanager on a free port of 127.0.0.1 with its data and log in `storage`; stopped at the end."""
    storage.mkdir(parents=True, exist_ok=True)
    log = storage / "alertmanager.log"
    for attempt in range(3):  # another process may take the port before we do
        port = free_port()
        command = [
            alertmanager_program(),
            f"--config.file={config}",
            f"--storage.path={storage}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--data.retention=240h",
            "--log.level=debug",
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "TZ": zone})
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(f"{url}/-/ready", process, log)
        except AssertionError:
            stop(process)
            if attempt < 2 and "address already in use" in log.read_text("utf-8", "replace"):
                continue
            raise
        break
    try:
        yield RunningAlertmanager(url, log, process)
    finally:
        stop(process)


def rfc3339(moment: float) -> str:
    """Unix seconds as Alertmanager's API takes them."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
