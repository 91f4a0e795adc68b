"""Enforces the web configuration: TLS with renewed certificates, basic authentication, extra headers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import os
import secrets
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import bcrypt

from smart.errors import ConfigError
from smart.own_metrics import AUTH_FAILURES
from smart.web.config import TlsSettings, WebConfig, load_web_config

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BCRYPT_BYTES = 72  # bcrypt looks at no more, and this library refuses more
MAX_WAITING = 16  # checks of passwords in the queue; one is worked on at a time
MAX_REMEMBERED = 256
LOOK_SECONDS = 1.0


class Guard:
    """One web configuration file, read again when it changes. A file with mistakes changes nothing."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ConfigError with every mistake of the file. Without a file: plain HTTP, no login."""
        self._path = path
        self._clock = clock
        self._seen = _signature(path)
        self._looked = clock()
        self._lock = threading.Lock()
        self.config = load_web_config(path) if path else WebConfig()
        self._tls = RenewedTls(self.config.tls) if self.config.tls else None

    def ssl_context(self) -> ssl.SSLContext | None:
        """For the listener; None for plain HTTP. Whether TLS is spoken at all changes with a restart only."""
        return self._tls.context if self._tls else None

    def protect(self, app: App) -> App:
        """The application behind the login and with the headers of the file."""
        return Gate(app, self)

    def current(self) -> WebConfig:
        """The configuration in force; looks at the file once a second at most."""
        now = self._clock()
        if self._path is not None and now - self._looked >= LOOK_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._looked = now
                self._reread(self._path)
            finally:
                self._lock.release()
        return self.config

    def _reread(self, path: Path) -> None:
        signature = _signature(path)
        if signature == self._seen:
            return
        self._seen = signature
        try:
            config = load_web_config(path)
            if (config.tls is None) != (self._tls is None):
                raise ConfigError(f"{path}: TLS can be switched on or off by a restart only")
            if self.config.users and not config.users:  # perhaps a file that is being written
                raise ConfigError(f"{path}: logins can be switched off by a restart only")
        except ConfigError as error:
            log.error("the web configuration changed and cannot be used, the old one stays:\n%s", error)
            return
        self.config = config
        if self._tls and config.tls:
            self._tls.settings = config.tls
        log.info("the web configuration was read again")


class RenewedTls:
    """A TLS context whose certificate follows the files on disk, one look per handshake."""

    def __init__(self, settings: TlsSettings) -> None:
        self.settings = settings
        self._made_from = self._look()
        self._current = settings.context()
        self.context = self._current
        self.context.sni_callback = self._choose

    def _look(self) -> tuple[object, ...]:
        settings = self.settings
        return (
            settings,
            *(_signature(path) for path in (settings.cert_file, settings.key_file, settings.client_ca_file)),
        )

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        seen = self._look()
        if seen != self._made_from:
            self._made_from = seen
            try:
                self._current = self.settings.context()
                log.info("the TLS certificate was read again")
            except (OSError, ValueError, ConfigError) as error:
                log.error("the new TLS certificate cannot be used, the old one stays: %s", error)
        if self._current is not self.context:
            connection.context = self._current


class Gate:
    """ASGI: asks for a login where the configuration names users, and adds its headers."""

    def __init__(self, app: App, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self._key = secrets.token_bytes(32)
        self._verified: dict[bytes, None] = {}
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 401, 429, or lets the request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        config = self._guard.current()
        if config.headers:
            send = _with_headers(send, config.headers)
        if config.users:
            status = await self._verify(config, scope)
            if status != 200:
                AUTH_FAILURES.inc()
                await _refuse(send, status)
                return
        await self._app(scope, receive, send)

    async def _verify(self, config: WebConfig, scope: Scope) -> int:
        """200, 401 or 429. Unknown names cost as much as wrong passwords; known logins cost one HMAC."""
        login = _login(scope)
        if login is None:
            return 401
        user, password = login
        known = config.users.get(user)
        stored = known if known is not None else next(iter(config.users.values()))
        seen = hmac.digest(self._key, b"\0".join((user.encode(), stored, password)), "sha256")
        if seen in self._verified:
            return 200
        if self._waiting >= MAX_WAITING:
            return 429
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                right = await asyncio.to_thread(_check, password, stored)
        finally:
            self._waiting -= 1
        if not right or known is None:
            return 401
        if len(self._verified) >= MAX_REMEMBERED:
            self._verified.pop(next(iter(self._verified)))
        self._verified[seen] = None
        return 200


def _check(password: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:BCRYPT_BYTES], stored)
    except ValueError:  # a password bcrypt cannot take is no password
        return False


def _login(scope: Scope) -> tuple[str, bytes] | None:
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode("utf-8"), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


async def _refuse(send: Send, status: int) -> None:
    text = b"Unauthorized\n" if status == 401 else b"Too many logins are being checked\n"
    extra = (b"www-authenticate", b'Basic realm="smart"') if status == 401 else (b"retry-after", b"10")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)), extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _with_headers(send: Send, headers: tuple[tuple[bytes, bytes], ...]) -> Send:
    async def send_more(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_more


def _signature(path: Path | None) -> tuple[int, int, int] | None:
    """Tells whether a file was replaced or written to; None while it is not there."""
    try:
        if path is None:
            return None
        found = os.stat(path)  # noqa: PTH116 - on the way of every handshake
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
