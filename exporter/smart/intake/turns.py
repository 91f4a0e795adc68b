"""Whose file is next: clients in turn, the files of one client in the order they came, one at a time."""

from __future__ import annotations

import heapq
from collections import deque

from smart.intake.spool import SpoolFile

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
Key = tuple[str, str]  # dealer, client


class Turns:
    """Holds no thread and no clock; callers lock. A file taken stays at the head of its client's files until
    `finished`, `again` or `later` says what became of it.
    """

    def __init__(self) -> None:
        self._files: dict[Key, deque[SpoolFile]] = {}
        self._ready: deque[Key] = deque()
        self._resting: list[tuple[float, Key]] = []  # heap: when a client that met an outage may try again
        self._waits: dict[Key, float] = {}  # how long its next rest is

    def put(self, file: SpoolFile) -> None:
        """A new file, behind those of its client."""
        files = self._files.get(file.key)
        if files is None:
            self._files[file.key] = deque((file,))
            self._ready.append(file.key)
        else:
            files.append(file)

    def take(self, now: float) -> SpoolFile | None:
        """The next file to work on, None when there is none now."""
        while self._resting and self._resting[0][0] <= now:
            self._ready.append(heapq.heappop(self._resting)[1])
        return self._files[self._ready.popleft()][0] if self._ready else None

    def next_moment(self) -> float | None:
        """When the first of those that rest may try again."""
        return self._resting[0][0] if self._resting else None

    def finished(self, key: Key) -> None:
        """The file at the head is done with: the client's next one may come."""
        self._waits.pop(key, None)
        files = self._files[key]
        files.popleft()
        if files:
            self._ready.append(key)
        else:
            del self._files[key]

    def again(self, file: SpoolFile) -> None:
        """The file at the head is to be tried again at once."""
        self._files[file.key][0] = file
        self._ready.append(file.key)

    def later(self, file: SpoolFile, now: float) -> float:
        """The file at the head is to be tried again after a rest, twice as long each time; returns it in seconds."""
        self._files[file.key][0] = file
        wait = self._waits.get(file.key, FIRST_WAIT_SECONDS)
        self._waits[file.key] = min(2 * wait, LONGEST_WAIT_SECONDS)
        heapq.heappush(self._resting, (now + wait, file.key))
        return wait
