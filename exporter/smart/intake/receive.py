"""The disk side of an upload: what has been received is looked at, made safe, and given its place."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from smart.errors import RejectReason, ReportRejected
from smart.intake.incoming import Incoming
from smart.intake.limits import IntakeSettings
from smart.intake.spool import Spool, SpoolFile
from smart.sysinfo.unpack import FileKind, quick_check, sniff
from smart.sysinfo.xml_errors import EMPTY_FILE

logger = logging.getLogger(__name__)

CODES = {RejectReason.NOT_A_REPORT: 415, RejectReason.TOO_LARGE: 413}  # the rest: 422


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file of a known client that was refused at the door; the store records it, so that an alert can tell."""

    dealer: str
    client: str
    received: int  # unix seconds
    digest: bytes
    size: int
    reason: RejectReason
    text: str
    name: str  # as sent


@dataclass(frozen=True, slots=True)
class Upload:
    """Whose file is coming, under which name and by which way (multipart, raw)."""

    dealer: str
    client: str
    name: str
    way: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A file in its place: the folder to sync, and the file that waits for the workers (None: a status file)."""

    folder: Path
    file: SpoolFile | None


class Receiver:
    """Makes received files safe. Every method runs in a thread and may raise OSError, disk full above all."""

    def __init__(
        self,
        spool: Spool,
        settings: IntakeSettings,
        notes: Executor,
        on_refused: Callable[[Refusal], None] | None = None,
    ) -> None:
        """`notes`: where `on_refused` may wait for the store, which keeps no upload waiting."""
        self._spool = spool
        self._settings = settings
        self._notes = notes
        self._on_refused = on_refused

    def place(self, incoming: Incoming, upload: Upload) -> Placed:
        """Look at a complete file, sync it, give it its place. It survives a crash once its folder is synced.

        Raises ReportRejected: the file is then in rejected/.
        """
        kind = sniff(incoming.head)
        received_ns = self._spool.now_ns()
        path = incoming.write_out()
        try:
            if not incoming.size:
                raise ReportRejected(RejectReason.EMPTY, EMPTY_FILE)
            if kind is FileKind.UNKNOWN:
                raise ReportRejected(
                    RejectReason.NOT_A_REPORT,
                    "файл не похож ни на отчёт sysinfo (XML или zip), ни на smartstatus: посмотрите, что в нём",
                )
            if kind is FileKind.STATUS and incoming.size > self._settings.max_status_bytes:
                limit = self._settings.max_status_bytes
                raise ReportRejected(RejectReason.TOO_LARGE, f"файл smartstatus больше {limit >> 10} КиБ")
            if kind is not FileKind.STATUS:
                quick_check(path, kind, self._settings.unpack)
        except ReportRejected as error:
            self._refuse(incoming, path, upload, received_ns, error)
            raise
        incoming.sync()
        if kind is FileKind.STATUS:
            folder = self._spool.place_status(path, upload.dealer, upload.client)
            incoming.moved()
            return Placed(folder, None)
        file = self._spool.place(path, upload.dealer, upload.client, received_ns, upload.way)
        incoming.moved()
        return Placed(self._spool.spool, file)

    def _refuse(self, incoming: Incoming, path: Path, upload: Upload, received_ns: int, error: ReportRejected) -> None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        self._spool.set_aside(path, upload.dealer, upload.client, received_ns, error.reason, str(error))
        incoming.moved()
        self.tell(upload, received_ns // 1_000_000_000, incoming.size, error, digest)

    def tell(self, upload: Upload, received: int, size: int, error: ReportRejected, digest: bytes = bytes(32)) -> None:
        """Have a refusal recorded, in its own time."""
        if self._on_refused is not None:
            refusal = Refusal(
                upload.dealer, upload.client, received, digest, size, error.reason, str(error), upload.name
            )
            self._notes.submit(self._note, self._on_refused, refusal)

    @staticmethod
    def _note(on_refused: Callable[[Refusal], None], refusal: Refusal) -> None:
        try:
            on_refused(refusal)
        except Exception:  # the edge of a request that was answered long ago
            logger.exception("A refused file of %s could not be recorded", refusal.client)
