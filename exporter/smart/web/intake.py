"""The internet side: agents hand files in at /upload and ask at /files/NAME whether one has arrived.

    POST /upload?token=T     header dealer: D, multipart field `file` called CLIENT.zip, .xml or .status
    PUT  /upload/CLIENT.zip  header dealer: D, Authorization: Bearer T, the file as body (curl -T CLIENT.zip)
    POST /upload?name=CLIENT.zip   the same (curl --data-binary @CLIENT.zip)
    GET|HEAD /files/CLIENT.xml     whether and when the newest file of that client came, and what became of it

A raw ASGI application: the way of an upload is short. Answers are JSON; errors are in Russian, for technicians.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Protocol

from smart import own_metrics
from smart.errors import StoreError
from smart.intake.commit import Committer
from smart.intake.limits import IntakeSettings
from smart.intake.names import BadName, FileClass, client_of_file, shown
from smart.intake.receive import Receiver, Refusal
from smart.intake.requests import Door, Gone, Refused, Request
from smart.intake.spool import Spool, SpoolFile
from smart.intake.upload import UploadReader
from smart.inventory.live import Live

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
TO_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
DISK_THREADS = 4  # for what large uploads write while they come
QUESTION_THREADS = 2  # for what the store is asked: while it is away they hang, and uploads must not
COMMIT_THREADS = 4  # measured: fewer leave the disk idle between syncs, more only wait for one another


class FileInfo(Protocol):
    """What the store knows of the newest file of a client; store.FileInfo is one."""

    @property
    def received(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def error(self) -> str: ...


class Intake:
    """The application. `close` it when its server has stopped."""

    def __init__(
        self,
        live: Live,
        spool: Spool,
        settings: IntakeSettings,
        *,
        lookup: Callable[[str, str], FileInfo | None],
        on_accepted: Callable[[SpoolFile], None] | None = None,
        on_refused: Callable[[Refusal], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lookup` is asked in a thread; `on_accepted` is called on the event loop and must be quick; `on_refused`
        is called in a thread.
        """
        self._spool = spool
        self._settings = settings
        self._lookup = lookup
        self._door = Door(live, settings, clock)
        self._disk = ThreadPoolExecutor(DISK_THREADS, "intake-disk")
        self._questions = ThreadPoolExecutor(QUESTION_THREADS, "intake-question")
        self._notes = ThreadPoolExecutor(1, "intake-note")
        receiver = Receiver(spool, settings, self._notes, on_refused)
        self._committer = Committer(receiver, spool, COMMIT_THREADS)
        self._reader = UploadReader(self._door, spool, settings, self._disk, receiver, self._committer)
        self._on_accepted = on_accepted
        self._answers = {code: own_metrics.UPLOADS.labels(str(code)) for code in (200, 403, 404, 413, 415, 422)}

    def close(self) -> None:
        """Wait for the disk, and for what the store is being asked."""
        self._committer.close()
        self._disk.shutdown()
        self._questions.shutdown()
        self._notes.shutdown(cancel_futures=True)  # those that still wait, wait for a store that is away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        started = time.monotonic()
        headers: tuple[tuple[bytes, bytes], ...] = ()
        try:
            code, answer, headers = await self._answer(request)
        except Refused as refused:
            code, headers = refused.code, refused.headers
            answer = {"ok": False, "error": refused.text, "reason": refused.reason}
            if code not in (403, 429):
                logger.info("%s %s: %d %s", request.method, request.shown_path, code, refused.text)
        except Gone:
            own_metrics.UPLOADS.labels("aborted").inc()
            return
        except Exception:  # the edge of a request
            logger.exception("Defect in %s %s", request.method, request.shown_path)
            code, answer = 500, {"ok": False, "error": "внутренняя ошибка сервера SMART", "reason": "failed"}
        self._count(code, started)
        await self._send(request, send, code, answer, headers)

    def _count(self, code: int, started: float) -> None:
        (self._answers.get(code) or own_metrics.UPLOADS.labels(str(code))).inc()
        own_metrics.UPLOAD_SECONDS.observe(time.monotonic() - started)

    async def _answer(self, request: Request) -> tuple[int, dict[str, object], tuple[tuple[bytes, bytes], ...]]:
        path = request.path
        if path == "/upload" or path.startswith("/upload/"):
            if request.method not in ("POST", "PUT"):
                raise _wrong_method(request, b"POST, PUT")
            upload, size, file = await self._reader.read(request)
            own_metrics.UPLOAD_BYTES.inc(size)
            if file is not None and self._on_accepted is not None:
                self._on_accepted(file)
            extension = "status" if file is None else "xml"
            return 200, {"ok": True, "path": f"/files/{upload.client}.{extension}"}, ()
        if path.startswith("/files/"):
            if request.method not in ("GET", "HEAD"):
                raise _wrong_method(request, b"GET, HEAD")
            return await self._file(request, path.removeprefix("/files/"))
        raise Refused(404, "unknown-path", f"нет такой страницы {request.shown_path}: файлы принимает /upload")

    async def _file(
        self, request: Request, name: str
    ) -> tuple[int, dict[str, object], tuple[tuple[bytes, bytes], ...]]:
        dealer = self._door.dealer_of(request)
        try:
            client = client_of_file(name)
        except BadName as error:
            raise Refused(404, "bad-name", error.text) from None
        known = self._door.knows(dealer, client)
        wants_status = name.lower().endswith(".status")
        loop = asyncio.get_running_loop()
        ask = self._status_file if wants_status else self._report
        try:
            found = await loop.run_in_executor(self._questions, ask, dealer.name, client) if known else None
        except StoreError as error:
            logger.warning("The store could not be asked for a file: %s", error)
            raise Refused(503, "store-away", "база данных SMART сейчас недоступна, повторите позже") from None
        if found is None:
            raise Refused(404, "not-found", f"файл {shown(name)} ещё не принят")
        received, facts = found
        moment = datetime.fromtimestamp(received, UTC).isoformat().replace("+00:00", "Z")
        answer = {"ok": True, "path": f"/files/{client}.{'status' if wants_status else 'xml'}", "received": moment}
        modified = formatdate(received, usegmt=True).encode()
        return 200, {**answer, **facts}, ((b"last-modified", modified),)

    def _status_file(self, dealer: str, client: str) -> tuple[int, dict[str, object]] | None:
        try:
            status = self._spool.kept(dealer, client, FileClass.STATUS).stat()
        except FileNotFoundError:
            return None
        return int(status.st_mtime), {"size": status.st_size, "state": "stored", "error": ""}

    def _report(self, dealer: str, client: str) -> tuple[int, dict[str, object]] | None:
        waiting = self._spool.newest(dealer, client)
        if waiting is not None:
            file, running = waiting
            try:
                size = file.path.stat().st_size
            except FileNotFoundError:  # the workers have just finished it
                pass
            else:
                state = "processing" if running else "accepted"
                return file.received, {"size": size, "state": state, "error": ""}
        info = self._lookup(dealer, client)
        if info is None:
            return None
        state = "rejected" if str(info.state) == "rejected" else "stored"
        return info.received, {"size": info.size, "state": state, "error": info.error}

    async def _send(
        self,
        request: Request,
        send: Send,
        code: int,
        answer: dict[str, object],
        headers: tuple[tuple[bytes, bytes], ...],
    ) -> None:
        """Answer. Where the body has not been read, go on reading a little and drop it, so that the sender, still
        busy sending, gets to see the answer instead of a reset connection; then close.
        """
        body = TO_JSON(answer).encode() + b"\n"
        early = not request.body_is_over
        start = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]
        if early:
            start.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": code, "headers": start})
        if early:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await request.drop_rest(self._settings.linger_bytes, self._settings.linger_seconds)
            body = b""
        await send({"type": "http.response.body", "body": body})


def _wrong_method(request: Request, allowed: bytes) -> Refused:
    text = f"метод {shown(request.method)} здесь не годится, нужен {allowed.decode().replace(', ', ' или ')}"
    return Refused(405, "wrong-method", text, ((b"allow", allowed),))


def intake_app(live: Live, spool: Spool, settings: IntakeSettings, **callbacks: Any) -> Intake:
    """The intake as an ASGI application; the keywords are those of Intake."""
    return Intake(live, spool, settings, **callbacks)
