"""One worker process and the line to it. Both ends are in this module; the far end runs `python -m`.

A process of its own, not a fork: it holds no socket of ours, imports only what it needs, and its death is only its
own. It ends when the serving process does, even when that is killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
MEMORY_BYTES = 1 << 30  # of one worker: many times what any report needs, and no more for one made to take it all


class WorkerDied(Exception):
    """The process ended with a file in hand. `text` says how."""


class WorkerTooSlow(Exception):
    """The time limit of a file is over; the process has been killed."""


class WorkerProcess:
    """A child that calls `function` (module:name) with what is sent and sends back what it returns."""

    def __init__(self, function: str, context: tuple[Any, ...]) -> None:
        """Start it and wait until it is ready. `context`: arguments after those of each call.

        Raises OSError, WorkerDied: then no file is to blame.
        """
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-P", "-m", "smart.intake.process", str(theirs.fileno()), function]
        with theirs:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(theirs.fileno(),), env=environment)
        self._line = Connection(ours.detach())
        try:
            self.call(context, START_SECONDS)
        except WorkerTooSlow:
            raise WorkerDied("a start that took too long") from None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Has it not ended?"""
        return self._child.poll() is None

    def call(self, arguments: tuple[Any, ...], seconds: float) -> Any:
        """Send arguments, get what the function returns. Raises WorkerDied, WorkerTooSlow; the process is gone then."""
        try:
            self._line.send(arguments)
            if not self._line.poll(seconds):
                self.kill()
                raise WorkerTooSlow
            return self._line.recv()
        except (OSError, EOFError):
            self.kill()
            code = self._child.returncode
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise WorkerDied(how) from None

    def interrupt(self) -> None:
        """End it from another thread than the one that calls; that one gets WorkerDied."""
        self._child.kill()

    def kill(self) -> None:
        """End it now."""
        self._child.kill()
        self.close()

    def close(self) -> None:
        """Let it end: it is idle or dead."""
        self._line.close()
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait()


def _watch_parent() -> None:
    """Standard input ends when the serving process has gone or wants no more: nobody waits for a result then."""
    os.read(0, 1)
    os._exit(0)


def main() -> None:
    """The worker's end: until the line closes, one call after another."""
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and systemd reach the whole group; the server decides
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # when memory runs out, this process goes, not the server
        Path("/proc/self/oom_score_adj").write_text("500")
    with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    threading.Thread(target=_watch_parent, daemon=True).start()
    line = Connection(int(sys.argv[1]))
    module, _, name = sys.argv[2].partition(":")
    function = getattr(importlib.import_module(module), name)
    gc.freeze()
    gc.disable()  # records are in no cycles, but the collector would look at all of them, again and again
    with contextlib.suppress(EOFError, ConnectionError):
        context = line.recv()
        line.send("ready")
        while True:
            line.send(function(*line.recv(), *context))
            gc.collect()  # what the call left; nobody waits now


if __name__ == "__main__":
    main()
