"""One request to the intake, and who may come in. Nothing here reads a body before the sender is known."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import math
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

from smart.intake.limits import IntakeSettings, RateLimiter
from smart.intake.names import shown
from smart.inventory.live import Live
from smart.inventory.model import Dealer, Inventory
from smart.inventory.tokens import dealer_of_token

logger = logging.getLogger(__name__)

MAX_TOKEN_CHARACTERS = 512
TOKEN_IN_PATH = re.compile(r"token=.*", re.IGNORECASE | re.DOTALL)  # a technician wrote & where ? belongs


class Refused(Exception):
    """The request gets an error answer: HTTP code, reason (a word for programs), text (Russian, for a technician)."""

    def __init__(self, code: int, reason: str, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.code = code
        self.reason = reason
        self.text = text
        self.headers = headers
        super().__init__(text)


class Gone(Exception):
    """The sender closed the connection before the end."""


class Request:
    """Head of a request at once, its body piece by piece."""

    def __init__(
        self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
    ) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        self.path = text_of(unquote_to_bytes(scope["raw_path"]))
        self.query_string: bytes = scope["query_string"]
        peer = scope.get("client")
        self.address: str = peer[0] if peer else ""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, value)
        self.headers = headers
        length = headers.get(b"content-length", b"")
        self.content_length: int | None = int(length) if length.isdigit() else None
        self.body_is_over = not self.content_length and b"transfer-encoding" not in headers

    @property
    def shown_path(self) -> str:
        """The path as logs and answers may show it: a token that slipped in from the address is not."""
        return shown(TOKEN_IN_PATH.sub("token=<secret>", self.path))

    def query(self, name: str) -> str:
        """The first value of a parameter of the address, empty when there is none."""
        wanted = name.encode()
        for pair in self.query_string.split(b"&"):
            key, _, value = pair.partition(b"=")
            if key == wanted:
                return text_of(unquote_to_bytes(value.replace(b"+", b" ")))
        return ""

    async def piece(self) -> bytes:
        """The next piece of the body; `body_is_over` tells whether it was the last. Raises Gone."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise Gone
        if not message.get("more_body", False):
            self.body_is_over = True
        body: bytes = message.get("body", b"")
        return body

    async def drop_rest(self, most_bytes: int, seconds: float) -> None:
        """Read on and throw away; past `most_bytes` leave the sender standing until `seconds` are over."""
        with contextlib.suppress(Gone, TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.body_is_over:
                    most_bytes -= len(await self.piece())
                    if most_bytes < 0:
                        await asyncio.sleep(seconds)


def text_of(raw: bytes) -> str:
    """UTF-8, what is not UTF-8 as `\\xd0`."""
    return raw.decode("utf-8", "backslashreplace")


class Door:
    """Tells who asks, without a hint to those who guess, and counts how often."""

    def __init__(self, live: Live, settings: IntakeSettings, clock: Callable[[], float]) -> None:
        self._live = live
        self._settings = settings
        self._tokens = RateLimiter(clock)
        self._failures = RateLimiter(clock)

    def dealer_of(self, request: Request) -> Dealer:
        """The dealer whose token the request carries, as Bearer or in the address. Raises Refused 403 and 429."""
        token = bearer_of(request) or request.query("token")
        name = text_of(request.headers.get(b"dealer", b"")).strip()
        inventory = self._live.current
        dealer = None
        if len(token) <= MAX_TOKEN_CHARACTERS:
            dealer = dealer_of_token(inventory, name, token) if name else _dealer_of_bare_token(inventory, token)
        if dealer is None or not token:
            raise self._failure(request, name)
        settings = self._settings
        clients = sum(len(branch.clients) for branch in inventory.branches if branch.dealer == dealer.name)
        key = (dealer.name, hash_of(token))
        wait = self._tokens.wait_seconds(key, settings.requests_per_second, max(settings.requests_burst, 4 * clients))
        if wait:
            raise too_many("слишком много запросов с этим токеном", wait)
        return dealer

    def knows(self, dealer: Dealer, client: str) -> bool:
        """Does the dealer's inventory list the client?"""
        return self._live.current.find(dealer.name, client) is not None

    def _failure(self, request: Request, name: str) -> Refused:
        """The same whether the dealer exists or not. One agent with an old token must not lock out others that come
        from the same address, so only the failures themselves are limited.
        """
        settings = self._settings
        wait = self._failures.wait_seconds(request.address, settings.failures_per_second, settings.failures_burst)
        if wait:
            return too_many("слишком много запросов с неверным токеном", wait)
        logger.warning("Wrong token from %s, dealer %s", request.address, shown(name))
        return Refused(403, "wrong-token", "токен не подходит: проверьте заголовок dealer и токен")


def bearer_of(request: Request) -> str:
    """The token of `Authorization: Bearer T`, empty when there is none."""
    scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
    return text_of(token.strip()) if scheme.lower() == b"bearer" else ""


def hash_of(token: str) -> str:
    """Lower-case hex of SHA-256, as the inventory keeps tokens."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def too_many(text: str, wait: float) -> Refused:
    """429 that says when to come again."""
    seconds = math.ceil(wait)
    return Refused(
        429, "too-many-requests", f"{text}, повторите через {seconds} с", ((b"retry-after", str(seconds).encode()),)
    )


def _dealer_of_bare_token(inventory: Inventory, token: str) -> Dealer | None:
    """The dealer a token belongs to when the request names none. Every hash is compared, whichever fits."""
    given = hash_of(token)
    found = None
    for dealer in inventory.dealers.values():
        for known in dealer.token_sha256:
            if hmac.compare_digest(known, given):
                found = dealer
    return found
