"""Reads the body of an upload, form or raw, within the limits, and hands it to the disk side."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from smart.errors import RejectReason, ReportRejected
from smart.intake.commit import Committer
from smart.intake.incoming import Incoming, TooLarge
from smart.intake.limits import IntakeSettings
from smart.intake.multipart import BadForm, FormFile, boundary_of
from smart.intake.names import BadName, client_of_file, shown
from smart.intake.receive import CODES, Receiver, Upload
from smart.intake.requests import Door, Refused, Request
from smart.intake.spool import Spool, SpoolFile
from smart.inventory.model import Dealer

logger = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries, part headers and other fields of a form
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UploadReader:
    """One for the application; holds no state of a request."""

    def __init__(
        self,
        door: Door,
        spool: Spool,
        settings: IntakeSettings,
        disk: Executor,
        receiver: Receiver,
        committer: Committer,
    ) -> None:
        self._door = door
        self._spool = spool
        self._settings = settings
        self._disk = disk
        self._receiver = receiver
        self._committer = committer

    async def read(self, request: Request) -> tuple[Upload, int, SpoolFile | None]:
        """Take one upload to the end: whose it was, its size, and the file that now waits (None: a status file).

        Raises Refused, Gone.
        """
        dealer = self._door.dealer_of(request)
        try:
            boundary = boundary_of(request.headers.get(b"content-type", b""))
        except BadForm as error:
            raise Refused(400, "bad-form", error.text) from None
        upload = None
        if boundary is None:
            name = request.path.removeprefix("/upload").removeprefix("/") or request.query("name")
            upload = self._upload(dealer, name, "raw")
        self._check_room(request, upload)
        incoming = Incoming(self._spool, self._disk, self._settings.max_bytes)
        try:
            if upload is None:
                upload = await self._read_form(request, dealer, boundary or b"", incoming)
            else:
                await self._receive(request, incoming, incoming.feed)
            file = await self._settle(incoming, upload)
        except TooLarge:
            raise self._too_large(upload, incoming.size) from None
        except OSError as error:
            raise _disk_error(error) from error
        finally:
            self._discard(incoming)
        return upload, incoming.size, file

    def _upload(self, dealer: Dealer, name: str, way: str) -> Upload:
        try:
            client = client_of_file(name)
        except BadName as error:
            raise Refused(400, "bad-name", error.text) from None
        if not self._door.knows(dealer, client):
            raise Refused(
                404,
                "unknown-client",
                f"клиента {shown(client)} нет в списке дистрибьютора: файл должен называться именем клиента, буква "
                "в букву (строчные и прописные различаются), с окончанием .zip, .xml или .status",
            )
        return Upload(dealer.name, client, name, way)

    def _check_room(self, request: Request, upload: Upload | None) -> None:
        settings = self._settings
        length = request.content_length or 0
        if length > settings.max_bytes + (FORM_OVERHEAD_BYTES if upload is None else 0):
            raise self._too_large(upload, length)
        if self._spool.free_bytes() - length < settings.reserve_bytes:
            raise Refused(507, "disk-full", "на сервере SMART кончается место на диске, повторите позже")

    def _too_large(self, upload: Upload | None, size: int) -> Refused:
        limit = self._settings.max_bytes
        shown_limit = f"{limit} байт" if limit % MEBIBYTE else f"{limit // MEBIBYTE} МиБ"
        text = f"файл больше допустимого: предел {shown_limit}. Отчёт XML отправляйте архивом zip"
        if upload is not None:
            error = ReportRejected(RejectReason.TOO_LARGE, text)
            received = self._spool.now_ns() // 1_000_000_000
            self._receiver.tell(upload, received, size, error)
        return Refused(413, RejectReason.TOO_LARGE.value, text)

    async def _read_form(self, request: Request, dealer: Dealer, boundary: bytes, incoming: Incoming) -> Upload:
        uploads: list[Upload] = []
        total = 0
        form = FormFile(boundary, lambda name: uploads.append(self._upload(dealer, name, "multipart")), incoming.feed)

        def feed(data: bytes) -> None:
            nonlocal total
            total += len(data)
            try:
                form.feed(data)
            except TooLarge:
                raise self._too_large(uploads[0], incoming.size) from None
            if total - incoming.size > FORM_OVERHEAD_BYTES:  # a million empty parts would keep everyone waiting
                extra = f"в форме, кроме файла, больше {FORM_OVERHEAD_BYTES >> 10} КиБ лишнего"
                raise BadForm(f"{extra}: отправляйте один файл, в поле file")

        try:
            await self._receive(request, incoming, feed)
            form.finish()
        except BadForm as error:
            raise Refused(400, "bad-form", error.text) from None
        return uploads[0]

    async def _receive(self, request: Request, incoming: Incoming, feed: Callable[[bytes], None]) -> None:
        """Read the body to its end. A sender that stops, or crawls, is answered 408."""
        if request.body_is_over:
            return
        settings = self._settings
        loop = asyncio.get_running_loop()
        started = loop.time()
        received = 0
        try:
            async with asyncio.timeout_at(started + settings.body_idle_seconds) as limit:
                while True:
                    data = await request.piece()
                    feed(data)
                    if request.body_is_over:
                        break
                    await incoming.spill()
                    received += len(data)
                    slowest = settings.body_idle_seconds + received / settings.body_bytes_per_second
                    limit.reschedule(
                        min(loop.time() + settings.body_idle_seconds, started + min(slowest, settings.body_seconds))
                    )
        except TimeoutError:
            raise Refused(408, "too-slow", "файл передавался слишком медленно или передача прервалась") from None
        await incoming.drain()

    async def _settle(self, incoming: Incoming, upload: Upload) -> SpoolFile | None:
        try:
            return await self._committer.commit(incoming, upload)
        except ReportRejected as error:
            raise Refused(CODES.get(error.reason, 422), error.reason.value, str(error)) from None

    def _discard(self, incoming: Incoming) -> None:
        """What has got no place goes; after a good end there is nothing to do."""
        if not incoming.is_settled:
            self._disk.submit(incoming.discard)


def _disk_error(error: OSError) -> Refused:
    if error.errno in DISK_FULL:
        return Refused(507, "disk-full", "на сервере SMART кончилось место на диске, повторите позже")
    logger.error("The disk failed an upload: %s", error)
    return Refused(500, "disk", "сервер SMART не смог записать файл на диск, повторите позже")
