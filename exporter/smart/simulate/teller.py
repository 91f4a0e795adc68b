"""What the demo tells its operator: few lines, and the seconds of whatever takes long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO


class Teller:
    """Writes to the operator; on a terminal a running step shows its seconds."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self.succeeded = False

    def line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def step(self, text: str) -> Callable[[], None]:
        """Begin a line that waits; the callable refreshes its seconds."""
        begun = time.monotonic()
        print(f"  {text} ...", end="", file=self._out, flush=True)

        def refresh() -> None:
            if self._terminal:
                print(f"\r  {text} ... {time.monotonic() - begun:.0f} s ", end="", file=self._out, flush=True)

        return refresh

    def done(self, text: str) -> None:
        print(f" {text}", file=self._out, flush=True)

    def box(self, title: str, text: str) -> None:
        """A message as its reader sees it."""
        self.line(f"\n  ┌─ {title}")
        for line in text.splitlines():
            self.line(f"  │ {line}".rstrip())
        self.line("  └─")
