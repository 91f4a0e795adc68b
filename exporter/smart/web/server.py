"""Runs ASGI applications on uvicorn: several listeners in one event loop, time limits on what senders may take.

uvicorn's own signal handlers, access log and exit codes are left out: the command decides when to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from smart.errors import ConfigError

logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it tells of every start and of every broken request

NOT_HTTP = "запрос не разобран: это не HTTP, или в адресе есть буквы не из латиницы"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one connection may take before it is closed."""

    head_seconds: float = 10.0  # from connecting, or from the first byte of a later request, to the end of its head
    head_bytes: int = 32 * 1024
    keep_alive_seconds: int = 30  # idle between requests
    connections: int = 900  # below the usual limit of 1,024 open files; requests on further ones are answered 503
    spare_connections: int = 50  # so many of these; beyond them none is held at all
    address_connections: int = 300  # from one address, so that none has them all; 0: where proxies are trusted
    graceful_seconds: int = 10  # for requests under way when the server stops


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits on the head of a request, in time and in bytes."""

    limits = ServerLimits()
    from_address: ClassVar[Counter[str]] = Counter()  # connections open now, of all protocols of this listener
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        limits, address = self.limits, self._address()
        self.from_address[address] += 1
        too_many_of_one = 0 < limits.address_connections < self.from_address[address]
        if too_many_of_one or len(self.connections) > limits.connections + limits.spare_connections:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        address = self._address()
        self.from_address[address] -= 1
        if not self.from_address[address]:
            del self.from_address[address]
        super().connection_lost(exc)

    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes and not self.transport.is_closing():
                self._refuse(431, "headers-too-large", "заголовки запроса слишком велики")

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are English
        self._refuse(400, "bad-request", NOT_HTTP)

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def _head_is_here(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._head_bytes:
            self._refuse(408, "too-slow", "заголовки запроса не переданы вовремя")
        else:
            self.transport.close()

    def _refuse(self, code: int, reason: str, text: str) -> None:
        self._head_is_here()
        answer = {"ok": False, "error": text, "reason": reason}
        body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        head = (
            b"content-type: application/json; charset=utf-8\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[code] + head + body)
        self.transport.close()


def guarded_protocol(limits: ServerLimits) -> type[HttpToolsProtocol]:
    """The protocol with these limits: uvicorn makes one object of it for each connection."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits, "from_address": Counter()})


class Server(uvicorn.Server):
    """One listener. `bind` first: it says what is wrong with the address, where uvicorn would end the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._socket: socket.socket | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the command."""
        yield

    def bind(self) -> int:
        """Listen; connections wait until `run_servers` serves them. Returns the port. Raises ConfigError."""
        host, port = self.config.host, self.config.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=self.config.backlog)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error.strerror or error
            raise ConfigError(f"cannot listen on {host}:{port}: {reason}") from None
        bound: int = self._socket.getsockname()[1]
        return bound

    async def serve_bound(self) -> None:
        """Serve until `should_exit`."""
        if self._socket is None:
            self.bind()
        await self.serve(sockets=[self._socket] if self._socket else None)


def build_server(
    app: Any,
    host: str,
    port: int,
    *,
    ssl_context: ssl.SSLContext | None = None,
    limits: ServerLimits | None = None,
    trusted_proxies: str = "",
) -> Server:
    """A listener for `app`. Port 0: any free one.

    `trusted_proxies`: addresses, comma-separated, whose X-Forwarded-For names the sender; nobody's by default.
    """
    limits = limits or ServerLimits()
    if trusted_proxies:
        limits = replace(limits, address_connections=0)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=guarded_protocol(limits),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=limits.graceful_seconds,
        ssl_context_factory=(lambda _config, _default: ssl_context) if ssl_context is not None else None,
    )
    return Server(config)


async def run_servers(servers: Sequence[Server], stop: asyncio.Event) -> None:
    """Serve all of them until `stop` is set, then let requests under way end. One that fails stops the others."""
    tasks = [asyncio.create_task(server.serve_bound()) for server in servers]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    stopped.cancel()
    await asyncio.gather(*tasks)
