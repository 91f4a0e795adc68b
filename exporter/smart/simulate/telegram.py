"""A stand-in for Telegram's Bot API: real HTTP, the same checks, errors and limits as far as a sender meets them."""

from __future__ import annotations

import hmac
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Condition
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from smart.simulate.local_http import Handler, LocalServer
from smart.simulate.telegram_html import EntityError, plain_text

LONGEST = 4096  # characters after entities are parsed
GROUP_MESSAGES, GROUP_SECONDS = 20, 60.0


@dataclass(frozen=True, slots=True)
class TelegramMessage:
    """One message as delivered to a chat."""

    chat: int
    text: str  # as a person reads it
    source: str  # as it was sent, with tags
    links: tuple[str, ...]
    silent: bool
    received: float  # unix seconds


class ApiError(Exception):
    """An answer other than ok, in Telegram's words."""

    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        self.code, self.description, self.retry_after = code, description, retry_after
        super().__init__(description)

    def answer(self) -> dict[str, object]:
        answer: dict[str, object] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is not None:
            answer["parameters"] = {"retry_after": self.retry_after}
        return answer


class TelegramStandIn:
    """Takes messages for `chats` from the bot with `token`; records what Telegram would have delivered.

    `limited` switches Telegram's limits on: one message to a chat each `chat_seconds`, 20 a minute to a group.
    `fail_next` makes the next calls fail with a given code. `refused` holds what was answered instead of ok.
    """

    def __init__(
        self,
        token: str,
        chats: Collection[int],
        *,
        limited: bool = False,
        chat_seconds: float = 1.0,
        on_message: Callable[[TelegramMessage], None] | None = None,
        port: int = 0,
    ) -> None:
        self.token, self.chats, self.limited, self.on_message = token, frozenset(chats), limited, on_message
        self._chat_seconds = chat_seconds
        self.messages: list[TelegramMessage] = []
        self.refused: list[ApiError] = []
        self.arrived = Condition()
        self._failures: deque[ApiError] = deque()
        self._times: dict[int, deque[float]] = defaultdict(deque)
        owner = self

        class Answers(_Answers):
            telegram = owner

        self._server = LocalServer(Answers, port=port)

    @property
    def url(self) -> str:
        """The address a sender is given as `api_url`."""
        return self._server.url

    def fail_next(
        self, count: int, code: int = 502, description: str = "Bad Gateway", retry_after: int | None = None
    ) -> None:
        with self.arrived:
            self._failures.extend(ApiError(code, description, retry_after) for _ in range(count))

    def call(self, path: str, arguments: Mapping[str, object]) -> object:
        """Result of one method call; raises ApiError."""
        token, _, method = path.removeprefix("/bot").partition("/")
        if not path.startswith("/bot") or not hmac.compare_digest(token.encode(), self.token.encode()):
            raise ApiError(401, "Unauthorized")
        with self.arrived:
            if self._failures:
                raise self._failures.popleft()
        if method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "SMART", "username": "smart_stand_in_bot"}
        if method == "sendMessage":
            return self._send(arguments)
        raise ApiError(404, "Not Found")

    def _send(self, arguments: Mapping[str, object]) -> object:
        chat = self._chat(arguments.get("chat_id"))
        source = str(arguments.get("text") or "")
        mode = str(arguments.get("parse_mode") or "")
        if mode.lower() not in {"", "html"}:
            raise ApiError(400, "Bad Request: unsupported parse_mode")
        try:
            text, links = plain_text(source) if mode else (source, ())
        except EntityError as error:
            raise ApiError(400, f"Bad Request: can't parse entities: {error}") from error
        if not text.strip():
            raise ApiError(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            raise ApiError(400, "Bad Request: message is too long")
        silent = str(arguments.get("disable_notification", "")).lower() == "true"
        with self.arrived:
            if self.limited:
                self._count(chat)
            message = TelegramMessage(chat, text.strip(), source, links, silent, time.time())
            self.messages.append(message)
            self.arrived.notify_all()
            number = len(self.messages)
        if self.on_message is not None:
            self.on_message(message)
        kind = "supergroup" if chat < 0 else "private"
        return {"message_id": number, "chat": {"id": chat, "type": kind}, "date": int(message.received), "text": text}

    def _chat(self, value: object) -> int:
        try:
            chat = int(str(value))
        except ValueError:
            chat = 0
        if value in (None, ""):
            raise ApiError(400, "Bad Request: chat_id is empty")
        if chat not in self.chats:
            raise ApiError(400, "Bad Request: chat not found")
        return chat

    def _count(self, chat: int) -> None:
        """Refuse a message that comes too early; only delivered ones count."""
        now = time.monotonic()
        times = self._times[chat]
        while times and times[0] <= now - GROUP_SECONDS:
            times.popleft()
        wait = times[-1] + self._chat_seconds - now if times else 0.0
        if chat < 0 and len(times) >= GROUP_MESSAGES:
            wait = max(wait, times[-GROUP_MESSAGES] + GROUP_SECONDS - now)
        if wait > 0:
            seconds = int(wait) + 1
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", seconds)
        times.append(now)

    def refuse(self, error: ApiError) -> None:
        with self.arrived:
            self.refused.append(error)
            self.arrived.notify_all()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()


class _Answers(Handler):
    telegram: TelegramStandIn
    server_version = "nginx"
    sys_version = ""

    def do_GET(self) -> None:  # noqa: N802  # named by http.server
        self._call({})

    def do_POST(self) -> None:  # noqa: N802  # named by http.server
        body = self.body()
        try:
            if "json" in (self.headers.get("Content-Type") or ""):
                arguments = json.loads(body)
            else:
                arguments = dict(parse_qsl(body.decode()))
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            self._call(arguments)
        else:
            self.answer_json(400, ApiError(400, "Bad Request: object expected as parameters").answer())

    def _call(self, arguments: Mapping[str, object]) -> None:
        path, _, query = self.path.partition("?")
        try:
            result = self.telegram.call(path, {**dict(parse_qsl(query)), **arguments})
        except ApiError as error:
            self.telegram.refuse(error)
            self.answer_json(error.code, error.answer())
        else:
            self.answer_json(200, {"ok": True, "result": result})
