"""The pool of worker processes: files from the spool to the store.

Each process has a thread here that feeds it. A process that dies or hangs is replaced; its file is tried once more,
then set aside. While the store is away files stay in the spool and are tried again, ever more rarely. The serving
process counts, since counters do not cross processes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from smart import own_metrics
from smart.errors import RejectReason
from smart.intake.process import WorkerDied, WorkerProcess, WorkerTooSlow
from smart.intake.receive import Refusal
from smart.intake.spool import Spool, SpoolFile
from smart.intake.turns import Turns
from smart.intake.worker import DEFECT, Result, Verdict
from smart.inventory.live import Live

logger = logging.getLogger(__name__)

PROCESS = "smart.intake.worker:process"
MOST_DEATHS = 2  # worker processes that one file may cost


class Rejections(Protocol):
    """Where refused files are recorded; store.Store is one."""

    def client_id(self, dealer: str, name: str) -> int | None: ...
    def record_rejected(
        self, client_id: int, *, received: int, digest: bytes, size: int, reason: RejectReason, text: str, name: str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How files are worked on."""

    processes: int = 0  # 0: as many as cores
    file_seconds: float = 300.0  # longest work on one file
    stop_seconds: float = 20.0  # for the files in hand when the server stops


class Workers:
    """`start`, then `submit` what the intake accepts; `stop` in the end. Safe to call from any thread."""

    def __init__(
        self,
        live: Live,
        spool: Spool,
        store: Rejections,
        context: tuple[Any, ...],
        *,
        settings: WorkerSettings | None = None,
        on_done: Callable[[str, str, Result], None] | None = None,
        process: str = PROCESS,
    ) -> None:
        """`context`: (database_url, Reading), what `process` (module:function) takes after file and client.

        `on_done(dealer, client, result)` is called in a thread when a client's data or its refused file has changed.
        """
        self._live = live
        self._spool = spool
        self._store = store
        self._context = context
        self._settings = settings or WorkerSettings()
        self._on_done = on_done
        self._process = process
        self._turns = Turns()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._busy: dict[int, WorkerProcess] = {}  # thread -> process with a file in hand

    def start(self) -> None:
        """Take up what waits in the spool, oldest first, and begin."""
        own_metrics.SPOOL_FILES.set_function(self._spool.count)
        own_metrics.SPOOL_OLDEST_TIMESTAMP_SECONDS.set_function(self._spool.oldest_seconds)
        for file in self._spool.pending():
            self._turns.put(file)
        for number in range(self._settings.processes or len(os.sched_getaffinity(0))):
            thread = threading.Thread(target=self._serve, name=f"worker-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, file: SpoolFile) -> None:
        """Work on a file that is safe in the spool."""
        with self._changed:
            self._turns.put(file)
            self._changed.notify()

    def stop(self) -> None:
        """Finish the files in hand; what is not done in time stays in the spool for the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        deadline = time.monotonic() + self._settings.stop_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            for process in self._busy.values():
                process.interrupt()
        for thread in self._threads:
            thread.join()

    def record_refusal(self, refusal: Refusal) -> None:
        """A file refused at the door: the store and the metrics shall know."""
        self._record(
            refusal.dealer, refusal.client, refusal.received, refusal.name,
            Result(Verdict.REJECTED, refusal.reason, refusal.text, size=refusal.size, digest=refusal.digest),
            refusal.reason,
        )  # fmt: skip

    def _serve(self) -> None:
        process = self._first_process()
        while (file := self._next()) is not None:
            try:
                process = self._handle(file, process)
            except Exception:  # the edge of a file
                logger.exception("Defect while a file of %s was handled", file.client)
                self._put_off(file, "a defect")
        if process is not None:
            process.close()

    def _first_process(self) -> WorkerProcess | None:
        """Started ahead of the first file, which then need not wait for imports."""
        try:
            return WorkerProcess(self._process, self._context)
        except (OSError, WorkerDied) as error:
            logger.error("No worker process could be started (%s); each file tries again", error)
            return None

    def _next(self) -> SpoolFile | None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                file = self._turns.take(now)
                if file is not None:
                    return file
                moment = self._turns.next_moment()
                self._changed.wait(None if moment is None else max(0.0, moment - now))
            return None

    def _handle(self, file: SpoolFile, process: WorkerProcess | None) -> WorkerProcess | None:
        self._spool.start(file)
        found = self._live.current.find(file.dealer, file.client)
        if found is None:
            text = "клиента больше нет в списке дистрибьютора"
            self._settle(file, replace(_identified(file), reason=RejectReason.UNKNOWN_CLIENT, text=text))
            return process
        try:
            if process is None or not process.is_alive:
                process = WorkerProcess(self._process, self._context)
        except (OSError, WorkerDied) as error:
            self._put_off(file, f"no worker process could be started ({error})")
            return None
        me = threading.get_ident()
        with self._changed:
            self._busy[me] = process
        try:
            result = process.call((file, found[1]), self._settings.file_seconds)
        except WorkerTooSlow:
            self._lost(file, f"it took more than {self._settings.file_seconds:g} s")
            return None
        except WorkerDied as death:
            self._lost(file, f"the worker process died of {death}")
            return None
        finally:
            with self._changed:
                del self._busy[me]
        self._settle(file, result)
        if result.worn_out:
            process.close()
            return None
        return process

    def _lost(self, file: SpoolFile, how: str) -> None:
        """A process went with the file in hand."""
        if self._stopping:
            return
        own_metrics.WORKER_CRASHES.inc()
        if file.tries + 1 < MOST_DEATHS:
            logger.warning("A file of %s is tried once more: %s", file.client, how)
            again = self._spool.retry(file, died=True)
            with self._changed:
                self._turns.again(again)
                self._changed.notify()
        else:
            logger.error("A file of %s is set aside: %s", file.client, how)
            self._settle(
                file, replace(_identified(file), outcome=Verdict.FAILED, reason=RejectReason.FAILED, text=DEFECT)
            )

    def _settle(self, file: SpoolFile, result: Result) -> None:
        """What the result means for the file, the store, the metrics and those who wait."""
        if result.outcome is Verdict.UNAVAILABLE:
            self._put_off(file, result.text)
            return
        if result.trace:
            logger.error("Defect while a file of %s was read; it is set aside\n%s", file.client, result.trace)
        try:
            if result.reason is not None:
                self._record(file.dealer, file.client, file.received, file.path.name, result, result.reason)
                self._spool.reject(file, result.reason, result.text)
            else:
                self._spool.done(file, newest=result.newest)
        except Exception as error:  # the store or the disk is away: the work is done again, which changes nothing
            self._put_off(file, f"{type(error).__name__}: {error}")
            return
        own_metrics.FILES_PROCESSED.labels(result.outcome.value).inc()
        own_metrics.FILE_SECONDS.observe(result.seconds)
        with self._changed:
            self._turns.finished(file.key)
            self._changed.notify()
        if result.reason is None:
            self._tell(file.dealer, file.client, result)

    def _put_off(self, file: SpoolFile, why: str) -> None:
        again = self._spool.retry(file, died=False)
        with self._changed:
            wait = self._turns.later(again, time.monotonic())
            self._changed.notify()
        own_metrics.FILES_PROCESSED.labels(Verdict.UNAVAILABLE.value).inc()
        logger.warning("A file of %s waits in the spool for %g s: %s", file.client, wait, why)

    def _record(self, dealer: str, client: str, received: int, name: str, result: Result, reason: RejectReason) -> None:
        client_id = self._store.client_id(dealer, client)
        if client_id is not None:
            self._store.record_rejected(
                client_id, received=received, digest=result.digest, size=result.size, reason=reason,
                text=result.text, name=name,
            )  # fmt: skip
        own_metrics.FILES_REJECTED.labels(reason.value).inc()
        self._tell(dealer, client, result)

    def _tell(self, dealer: str, client: str, result: Result) -> None:
        if self._on_done is None:
            return
        try:
            self._on_done(dealer, client, result)
        except Exception:  # the edge of a file: what listens has its own troubles
            logger.exception("A listener failed on a file of %s", client)


def _identified(file: SpoolFile) -> Result:
    """A result for a file no worker could speak of."""
    with file.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
        return Result(Verdict.REJECTED, size=stream.tell(), digest=digest)
