"""Programs the demo starts: each with a log, watched while they run, stopped with the demo whatever happens to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from smart.errors import SmartError

STOP_SECONDS = 10.0
LAST_LINES = 15


class ChildFailed(SmartError):
    """A program that should run has ended, or does not get ready; the text shows the end of its log."""


@dataclass(slots=True)
class Child:
    """One running program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    ready_url: str

    def last_lines(self) -> str:
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            return "".join(f"    {line.rstrip()}\n" for line in deque(lines, LAST_LINES))


class Children:
    """Started in order, stopped in reverse. `folder` keeps logs and ids, so that a killed run can be cleared."""

    def __init__(self, folder: Path, stop_seconds: float = STOP_SECONDS) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._ids = folder / "pids"
        self._stop_seconds = stop_seconds
        self._children: list[Child] = []

    def start(self, name: str, command: Sequence[str], ready_url: str, cwd: Path) -> Child:
        """Start a program in a session of its own: Ctrl-C reaches only the demo, which then stops it in order."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*_dying_with_parent(), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                start_new_session=True,
            )
        child = Child(name, process, log, ready_url)
        self._children.append(child)
        self._ids.write_text("".join(f"{child.process.pid}\n" for child in self._children), "ascii")
        return child

    def check(self) -> None:
        """Raise ChildFailed when one of them has ended."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
                raise ChildFailed(f"{child.name} {how}. The end of {child.log}:\n{child.last_lines()}")

    def wait_ready(self, child: Child, seconds: float, tell: Callable[[], None]) -> None:
        """Until the program answers 200 at its address; `tell` is called now and then. Raises ChildFailed."""
        deadline = time.monotonic() + seconds
        while not answers(child.ready_url):
            self.check()
            if time.monotonic() > deadline:
                raise ChildFailed(
                    f"{child.name} is not ready after {seconds:.0f} s. The end of {child.log}:\n{child.last_lines()}"
                )
            tell()
            time.sleep(0.1)

    def stop(self) -> None:
        """End all in reverse order: asked first, killed with everything they started when they do not listen."""
        for child in reversed(self._children):
            _signal(child.process, signal.SIGTERM)
        for child in reversed(self._children):
            try:
                child.process.wait(self._stop_seconds)
            except subprocess.TimeoutExpired:
                pass
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self._children.clear()
        self._ids.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _dying_with_parent() -> list[str]:
    """What to put before a command so that a program whose demo was killed is asked to end (Linux)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def clear_leftovers(folder: Path) -> None:
    """End what a killed run left behind: only processes whose command line names our own folder."""
    try:
        ids = [int(line) for line in (folder / "pids").read_text("ascii").split()]
    except (OSError, ValueError):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in ids:
            if _is_ours(pid, folder):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while any(_is_ours(pid, folder) for pid in ids) and time.monotonic() < deadline:
            time.sleep(0.1)


def _is_ours(pid: int, folder: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(folder) in command


def free_ports(count: int) -> list[int]:
    """Ports of this machine nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(listener.getsockname()[1]) for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


def answers(url: str) -> bool:
    """Does that address of our own answer 200?"""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # http to 127.0.0.1
            return bool(answer.status == 200)
    except OSError:
        return False
