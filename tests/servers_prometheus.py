"""A real Prometheus for tests and where to find promtool."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers_processes import find_program, running


def promtool_program() -> str:
    return find_program("promtool")


@dataclass(frozen=True, slots=True)
class RunningPrometheus:
    """A Prometheus that answers at `url`."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str, **parameters: str) -> dict[str, object]:
        """`data` of an answer of its API, such as get("targets") or get("query", query="up")."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of every sample an instant query gives."""
        result = self.get("query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]  # type: ignore[attr-defined]

    def reload(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/reload", method="POST"), timeout=10).close()


@contextlib.contextmanager
def run_prometheus(config: Path, storage: Path) -> Iterator[RunningPrometheus]:
    """Prometheus on a free port of 127.0.0.1 with its data and log in `storage`; stopped at the end."""
    command = [
        find_program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={storage}/tsdb",
        "--web.enable-lifecycle",
    ]
    log = storage / "prometheus.log"
    with running(command, log, {**os.environ, "TZ": "UTC"}) as (url, process):
        yield RunningPrometheus(url, log, process)
