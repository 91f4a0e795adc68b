"""A real Alertmanager for tests and where to find its tools: Debian's names first, then upstream's."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from servers_processes import find_program, running


def alertmanager_program() -> str:
    return find_program("prometheus-alertmanager", "alertmanager")


def amtool_program() -> str:
    return find_program("amtool")


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
    command = [
        alertmanager_program(),
        f"--config.file={config}",
        f"--storage.path={storage}",
        "--cluster.listen-address=",
        "--data.retention=240h",
        "--log.level=debug",
    ]
    log = storage / "alertmanager.log"
    with running(command, log, {**os.environ, "TZ": zone}) as (url, process):
        yield RunningAlertmanager(url, log, process)


def rfc3339(moment: float) -> str:
    """Unix seconds as Alertmanager's API takes them."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
