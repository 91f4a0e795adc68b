"""One file while it is received: in memory while it is small, in a temporary file of the spool beyond that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import Executor
from pathlib import Path

from smart.intake.spool import Spool

MEMORY_BYTES = 256 * 1024
HEAD_BYTES = 4096


class TooLarge(Exception):
    """More bytes than allowed have arrived."""


class Incoming:
    """Bytes go in by `feed` on the event loop; the disk is touched in threads only.

    `head` is the beginning, to tell the kind by. `discard` may be called at any moment, more than once.
    """

    def __init__(self, spool: Spool, disk: Executor, max_bytes: int) -> None:
        self.size = 0
        self.head = b""
        self.path: Path | None = None
        self._spool = spool
        self._disk = disk
        self._max_bytes = max_bytes
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._fd = -1
        self._over = False
        self._lock = threading.Lock()
        self._writing: asyncio.Future[Path] | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the file. Raises TooLarge."""
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self.size += len(data)
        if self.size > self._max_bytes:
            raise TooLarge
        self._chunks.append(data)
        self._buffered += len(data)

    async def spill(self) -> None:
        """Write out what has gathered when it is much; while that runs the next piece may arrive. Raises OSError."""
        if self._buffered < MEMORY_BYTES:
            return
        if self._writing is not None:
            await self._writing
        chunks, self._chunks, self._buffered = self._chunks, [], 0
        self._writing = asyncio.get_running_loop().run_in_executor(self._disk, self._write, chunks)
        self._writing.add_done_callback(_retrieve)

    async def drain(self) -> None:
        """Wait for the write under way. Raises OSError."""
        if self._writing is not None:
            await self._writing
            self._writing = None

    def write_out(self) -> Path:
        """Everything received is in the temporary file, not yet synced. Runs in a thread. Raises OSError."""
        chunks, self._chunks = self._chunks, []
        return self._write(chunks)

    def sync(self) -> None:
        """The temporary file is on the disk. Runs in a thread. Raises OSError."""
        with self._lock:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _write(self, chunks: list[bytes]) -> Path:
        with self._lock:
            path = self.path or self._spool.temporary()
            if self._over:
                return path
            if self.path is None:
                self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
                self.path = path
            data = memoryview(chunks[0] if len(chunks) == 1 else b"".join(chunks))
            while data:
                data = data[os.write(self._fd, data) :]
            return path

    def moved(self) -> None:
        """The temporary file has got its place: nothing is left to remove."""
        self.path = None

    @property
    def is_settled(self) -> bool:
        """Is there nothing left to discard?"""
        return self.path is None and self._fd < 0 and self._writing is None

    def discard(self) -> None:
        """Remove the temporary file, if there is one. Runs in a thread: unlinking a large file takes its time."""
        with self._lock:
            self._over = True
            self._chunks = []
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            if self.path is not None:
                with contextlib.suppress(FileNotFoundError):
                    self.path.unlink()
                self.path = None


def _retrieve(future: asyncio.Future[Path]) -> None:
    """A write that failed after its upload was given up is nobody's business any more."""
    if not future.cancelled():
        future.exception()
