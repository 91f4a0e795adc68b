"""Collects the mistakes of files and words the values in them."""

from __future__ import annotations

import re
from pathlib import Path

from smart.errors import ConfigError, Problem

MAX_PER_FILE = 500
MAX_SHOWN = 60  # characters of a value or key in a message
# A Telegram bot's token, a login in an address: a value that looks like one is never repeated, whatever its field.
_SECRET_VALUE = re.compile(r"\d{6,}:[\w-]{20,}|//[^/@\s]*:[^/@\s]*@")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Problems:
    """The mistakes found so far; of a file that is wrong all over, only the first MAX_PER_FILE."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._counts: dict[str, int] = {}

    def add(self, file: str, line: int, field: str, message: str) -> None:
        """Notes one mistake; line 0 when it is about the whole file."""
        count = self._counts[file] = self._counts.get(file, 0) + 1
        if count <= MAX_PER_FILE:
            self.found.append(Problem(file, line, field, message))
        elif count == MAX_PER_FILE + 1:
            self.found.append(Problem(file, 0, "", f"more than {MAX_PER_FILE} mistakes; the rest is not listed"))

    def full(self, file: str) -> bool:
        """Would another mistake of this file be left out?"""
        return self._counts.get(file, 0) > MAX_PER_FILE

    def check(self) -> None:
        """Raises ConfigError with every mistake found, if any."""
        if self.found:
            raise ConfigError("\n".join(str(problem) for problem in sorted(self.found)))


def named(path: Path) -> str:
    """A file or directory as messages name it: on one line, whatever its name holds."""
    return _UNPRINTABLE.sub("?", str(path))


def place(file: str, line: int) -> str:
    """Where something stands, as messages say it."""
    return f"{file}:{line}"


def shown(value: str) -> str:
    """A value or key for a message: one line, not too long, secrets left out."""
    if _SECRET_VALUE.search(value):
        return "<secret>"
    if len(value) > MAX_SHOWN:
        value = value[:MAX_SHOWN] + "…"
    return repr(value)[1:-1]


def quoted(value: str) -> str:
    """The same in quotes."""
    return f"'{shown(value)}'"
