"""Servers of others as processes of ours: found, started on a free port, waited for, stopped."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

START_SECONDS = 60.0


def find_program(*names: str) -> str:
    """The first of these programs on the PATH; a missing one is a failure, not a skip."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise AssertionError(f"none of {', '.join(names)} is on the PATH (apt install prometheus prometheus-alertmanager)")


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


@contextlib.contextmanager
def running(
    command: list[str], log: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server of the Prometheus family on a free port of 127.0.0.1: its URL and process; stopped at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(3):  # another process may take the port before we do
        port = free_port()
        with log.open("wb") as output:
            address = f"--web.listen-address=127.0.0.1:{port}"
            process = subprocess.Popen([*command, address], stdout=output, stderr=output, env=environment)
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
        yield url, process
    finally:
        stop(process)
