"""The operations side: pages for Prometheus, service discovery, health, reload. Loopback or internal network only."""

from __future__ import annotations

import asyncio
import html
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from smart.checks.textformat import CONTENT_TYPE
from smart.errors import SmartError
from smart.exposition import Body, Exposition
from smart.inventory.live import LiveInventory
from smart.own_metrics import PAGES
from smart.render.http_sd import BRANCH_PATH, CLIENT_PATH, render_http_sd
from smart.web.runbooks import Runbooks

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_QUERY_BYTES = 1024  # parsed ones are remembered
TYPE_HEADER = (b"content-type", CONTENT_TYPE.encode())
GZIP_HEADER = (b"content-encoding", b"gzip")
VARY_HEADER = (b"vary", b"Accept-Encoding")
PLAIN_TEXT = (b"content-type", b"text/plain; charset=utf-8")

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>SMART</title>
<style>body{{font-family:sans-serif;margin:2em;max-width:50em}}dt{{font-weight:bold;margin-top:.6em}}</style></head>
<body><h1>SMART</h1>
<p>Watches installations of Kodeks/Techexpert. Version {version}.</p>
<p>Dealers: {dealers}, branches: {branches}, clients: {clients}; state: {state}.</p>
<dl>
<dt><a href="/metrics">/metrics</a></dt><dd>SMART about itself</dd>
<dt><a href="/sd">/sd</a></dt><dd>targets for Prometheus' http_sd</dd>
<dt>/metrics/client?dealer=…&amp;client=…</dt><dd>one client; service discovery knows the addresses</dd>
<dt>/metrics/branch?dealer=…&amp;branch=…</dt><dd>one branch</dd>
<dt><a href="/-/healthy">/-/healthy</a>, <a href="/-/ready">/-/ready</a></dt><dd>for supervisors and load balancers</dd>
<dt><a href="/docs/errors/">/docs/errors/</a></dt><dd>runbooks, a page an alert (Russian)</dd>
<dt>POST /-/reload</dt><dd>reads the inventory again, all or nothing</dd>
</dl></body></html>
"""


@dataclass(frozen=True, slots=True)
class OperationsSettings:
    """What the operator says about this side."""

    replicas: tuple[
        str, ...
    ] = ()  # host:port of every exporter of this inventory; empty: the Host header of the request
    registry: CollectorRegistry = REGISTRY
    runbooks: Runbooks | None = None  # the pages a link in a message leads to
    version: str = field(default_factory=lambda: version("smart-exporter"))


def operations_app(
    live: LiveInventory,
    exposition: Exposition,
    waiting_for: Callable[[], Sequence[str]],
    settings: OperationsSettings | None = None,
) -> App:
    """The ASGI application.

    `waiting_for` names what must still happen before this process is ready, such as taking up the spool.
    """
    pages = Operations(live, exposition, waiting_for, settings or OperationsSettings())
    return ClientPages(exposition, pages.starlette())


class ClientPages:
    """Raw ASGI: sends the ready bytes of a client or branch, everything else goes to the other pages."""

    def __init__(self, exposition: Exposition, others: App) -> None:
        self._exposition = exposition
        self._others = others
        self._counts = {status: PAGES.labels(str(status)) for status in (200, 400, 404, 405, 503)}
        self._finders: dict[str, tuple[str, Callable[[str, str], Body | None]]] = {
            CLIENT_PATH: ("client", exposition.body),
            BRANCH_PATH: ("branch", exposition.branch_body),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 200, or 400, 404, 405, 503 with a line of text that names nobody but the one asked for."""
        finder = self._finders.get(scope["path"]) if scope["type"] == "http" else None
        if finder is None:
            await self._others(scope, receive, send)
            return
        kind, find = finder
        if scope["method"] not in ("GET", "HEAD"):
            await self._tell(send, 405, "Only GET and HEAD.")
            return
        query = scope["query_string"]
        key = parse_key(query, kind) if len(query) <= MAX_QUERY_BYTES else None
        if key is None:
            await self._tell(send, 400, f"One dealer and one {kind} are needed: ?dealer=NAME&{kind}=NAME")
            return
        body = find(*key)
        if body is None:
            if self._exposition.loaded:
                await self._tell(send, 404, f"The inventory lists no such {kind}.")
            else:
                await self._tell(send, 503, "Starting.")
            return
        zipped = takes_gzip(scope["headers"])
        content = body.gzip if zipped else body.plain
        headers = [TYPE_HEADER, (b"content-length", b"%d" % len(content)), VARY_HEADER]
        if zipped:
            headers.append(GZIP_HEADER)
        self._counts[200].inc()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _tell(self, send: Send, status: int, text: str) -> None:
        self._counts[status].inc()
        content = f"{text}\n".encode()
        headers = [PLAIN_TEXT, (b"content-length", b"%d" % len(content))]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


@lru_cache(maxsize=8192)
def parse_key(query: bytes, kind: str) -> tuple[str, str] | None:
    """Dealer and client (or branch) of an address; None unless each is given once."""
    try:
        values = parse_qs(query.decode("ascii"), max_num_fields=8, errors="strict")
    except (UnicodeDecodeError, ValueError):
        return None
    found = tuple(values.get(name, [""]) for name in ("dealer", kind))
    if any(len(value) != 1 or not value[0] for value in found):
        return None
    return found[0][0], found[1][0]


def takes_gzip(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Does the Accept-Encoding header allow gzip?"""
    for name, value in headers:
        if name == b"accept-encoding":
            return _allows_gzip(value)
    return False


@lru_cache(maxsize=256)
def _allows_gzip(value: bytes) -> bool:
    for choice in value.lower().split(b","):
        coding, _, weight = choice.partition(b";")
        if coding.strip() in (b"gzip", b"x-gzip"):
            return weight.replace(b" ", b"").rstrip(b"0") not in (b"q=", b"q=0.")
    return False


class Operations:
    """Pages that are asked for seldom."""

    def __init__(
        self,
        live: LiveInventory,
        exposition: Exposition,
        waiting_for: Callable[[], Sequence[str]],
        settings: OperationsSettings,
    ) -> None:
        self._live = live
        self._exposition = exposition
        self._waiting_for = waiting_for
        self._settings = settings

    def starlette(self) -> Starlette:
        """The routes."""
        runbooks = self._settings.runbooks
        return Starlette(
            routes=[
                Route("/", self.landing),
                Route("/sd", self.discovery),
                Route("/metrics", self.metrics),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
                Route("/-/reload", self.reload, methods=["POST", "PUT"]),
                *(runbooks.routes() if runbooks else ()),
            ]
        )

    async def landing(self, _request: Request) -> Response:
        """What this is and where to go."""
        inventory = self._live.current
        waiting = self._waiting()
        page = PAGE.format(
            version=html.escape(self._settings.version),
            dealers=len(inventory.dealers),
            branches=len(inventory.branches),
            clients=sum(len(branch.clients) for branch in inventory.branches),
            state=html.escape("waiting for " + ", ".join(waiting)) if waiting else "ready",
        )
        return HTMLResponse(page)

    async def discovery(self, request: Request) -> Response:
        """Targets for Prometheus."""
        replicas = self._settings.replicas or ((request.headers.get("host") or "").strip(),)
        if not replicas[0]:
            return PlainTextResponse("The request has no Host header and no address is configured.\n", 400)
        return Response(render_http_sd(self._live.current, replicas), media_type="application/json")

    async def metrics(self, _request: Request) -> Response:
        """SMART about itself."""
        return Response(generate_latest(self._settings.registry), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def healthy(self, _request: Request) -> Response:
        """The event loop turns; nothing more is meant."""
        return PlainTextResponse("SMART is healthy.\n")

    async def ready(self, _request: Request) -> Response:
        """200 when every client's page is there and the spool is taken up."""
        waiting = self._waiting()
        if waiting:
            return PlainTextResponse(f"SMART is waiting for: {', '.join(waiting)}.\n", 503)
        return PlainTextResponse("SMART is ready.\n")

    async def reload(self, _request: Request) -> Response:
        """Reads the inventory again; with a mistake in it the old one stays and every mistake is told."""
        try:
            await asyncio.to_thread(self._live.reload)
        except SmartError as error:
            return PlainTextResponse(f"{error}\n", 500)
        except Exception:
            log.exception("the inventory could not be put in force")
            return PlainTextResponse("The inventory could not be put in force; the log says why.\n", 500)
        return PlainTextResponse("The inventory was read again.\n")

    def _waiting(self) -> list[str]:
        return [*([] if self._exposition.loaded else ["the pages of clients"]), *self._waiting_for()]
