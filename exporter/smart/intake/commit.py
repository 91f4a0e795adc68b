"""Makes received files safe in batches: while one batch waits for the disk, the next one gathers.

A batch shares the sync of its directory and one wake-up of the event loop, which is most of what a small file costs.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from smart.intake.incoming import Incoming
from smart.intake.receive import Placed, Receiver, Upload
from smart.intake.spool import Spool, SpoolFile

BATCH_FILES = 16
BATCH_BYTES = 256 * 1024  # a large file goes alone: small ones must not wait for it


@dataclass(slots=True)
class Job:
    """One complete file on its way, and who waits for it."""

    incoming: Incoming
    upload: Upload
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[SpoolFile | None]
    placed: Placed | None = None
    error: Exception | None = None

    def answer(self) -> None:
        """On the event loop: whoever waits goes on."""
        if self.future.done():  # cancelled meanwhile
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.placed.file if self.placed else None)


class Committer:
    """A few threads that serve one queue. `close` when no upload is under way any more."""

    def __init__(self, receiver: Receiver, spool: Spool, threads: int) -> None:
        self._receiver = receiver
        self._spool = spool
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._run, name=f"commit-{number}") for number in range(threads)]
        for thread in self._threads:
            thread.start()

    async def commit(self, incoming: Incoming, upload: Upload) -> SpoolFile | None:
        """Returns when the file survives a crash: the one that waits, or None for a status file.

        Raises OSError, and ReportRejected when the file has been set aside instead.
        """
        loop = asyncio.get_running_loop()
        job = Job(incoming, upload, loop, loop.create_future())
        self._queue.put(job)
        return await job.future

    def close(self) -> None:
        """Finish what is queued and end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            batch = [job]
            size = job.incoming.size
            while size < BATCH_BYTES and len(batch) < BATCH_FILES:
                try:
                    more = self._queue.get_nowait()
                except Empty:
                    break
                if more is None:
                    self._queue.put(None)
                    break
                batch.append(more)
                size += more.incoming.size
            self._commit(batch)

    def _commit(self, batch: list[Job]) -> None:
        for job in batch:
            try:
                job.placed = self._receiver.place(job.incoming, job.upload)
            except Exception as error:  # the edge of a file; the request that waits raises it
                job.error = error
        for folder in {job.placed.folder for job in batch if job.placed}:
            try:
                self._spool.sync(folder)
            except OSError as error:
                for job in batch:
                    if job.placed and job.placed.folder == folder:
                        job.error = error
        for job in batch:
            if job.placed and job.placed.file and not job.error:
                self._spool.add(job.placed.file)
        batch[0].loop.call_soon_threadsafe(_answer, batch)


def _answer(batch: list[Job]) -> None:
    for job in batch:
        job.answer()
