"""What the intake bears: sizes, times, rates. One runaway or hostile sender does not spoil it for the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from smart.sysinfo.unpack import Limits

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Options of the intake; the defaults suit 2,000 clients behind one server."""

    max_bytes: int = 64 * MEBIBYTE  # of one file
    max_status_bytes: int = 4 * MEBIBYTE  # of one status text, which is kept as it is
    unpack: Limits = field(default_factory=Limits)  # of what is inside
    reserve_bytes: int = 256 * MEBIBYTE  # room left on the disk below which nothing is taken
    requests_per_second: float = 20.0  # of one token, in the long run
    requests_burst: int = 200  # of one token at once; never less than four for each client of the dealer
    failures_per_second: float = 1.0  # requests with a wrong token from one address, answered 403; above that 429
    failures_burst: int = 30
    body_idle_seconds: float = 30.0  # a sender may be silent for so long
    body_bytes_per_second: float = 2048.0  # slower than this, on average, is cut off
    body_seconds: float = 1800.0  # the longest upload
    linger_bytes: int = 4 * MEBIBYTE  # read and thrown away after an early answer, so that the sender sees it
    linger_seconds: float = 3.0


class RateLimiter:
    """A token bucket for each key; keys least recently used are forgotten, so memory is bounded."""

    def __init__(self, clock: Callable[[], float], most_keys: int = 10_000) -> None:
        self._clock = clock
        self._most_keys = most_keys
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> level, when

    def wait_seconds(self, key: Hashable, per_second: float, burst: float) -> float:
        """Take one from the bucket of `key`: 0.0 when it could be had, else in how many seconds there will be one."""
        now = self._clock()
        level, then = self._buckets.pop(key, (burst, now))
        level = min(burst, level + (now - then) * per_second)
        taken = level >= 1.0
        self._buckets[key] = (level - 1.0 if taken else level, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - level) / per_second
