"""A real SMTP server that keeps letters instead of carrying them on."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session


class SmtpFault(StrEnum):
    """How the server fails."""

    NONE = "none"
    TEMPORARY = "temporary"  # 451 after the letter: to be tried again
    REFUSE = "refuse"  # 550 for every recipient
    SLOW = "slow"  # answers after `slow_seconds`


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as received."""

    sender: str  # as the header says
    to: tuple[str, ...]  # recipients of the envelope: who gets it
    subject: str
    text: str  # plain part, empty when there is none
    html: str
    received: float  # unix seconds
    message: EmailMessage


class SmtpSink:
    """Takes letters on a free port; `faults` (a count of deliveries and a fault) come first. Use with `with`."""

    def __init__(
        self,
        *,
        port: int = 0,
        slow_seconds: float = 2.0,
        on_letter: Callable[[Letter], None] | None = None,
    ) -> None:
        self.letters: list[Letter] = []
        self.arrived = Condition()
        self.slow_seconds = slow_seconds
        self.on_letter = on_letter
        self.failed = 0  # deliveries that a fault spoiled
        self._faults: list[SmtpFault] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        """HOST:PORT, as Alertmanager's `smtp_smarthost` wants it."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def fail_next(self, count: int, fault: SmtpFault) -> None:
        """The next `count` deliveries meet this fault."""
        with self.arrived:
            self._faults.extend([fault] * count)

    # The names of the next two are aiosmtpd's.

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        with self.arrived:
            if self._faults and self._faults[0] is SmtpFault.REFUSE:
                self._faults.pop(0)
                self.failed += 1
                return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        with self.arrived:
            fault = self._faults.pop(0) if self._faults else SmtpFault.NONE
        if fault is SmtpFault.TEMPORARY:
            with self.arrived:
                self.failed += 1
            return "451 4.3.0 try again later"
        if fault is SmtpFault.SLOW:
            await asyncio.sleep(self.slow_seconds)
        content = envelope.content or b""
        self._keep(read_letter(content.encode() if isinstance(content, str) else content, envelope.rcpt_tos))
        return "250 OK"

    def _keep(self, letter: Letter) -> None:
        with self.arrived:
            self.letters.append(letter)
            self.arrived.notify_all()
        if self.on_letter is not None:
            self.on_letter(letter)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._protocol, sock=self._listener))
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _protocol(self) -> SMTP:
        return SMTP(self, hostname="localhost", ident="SMART stand-in", enable_SMTPUTF8=True, loop=self._loop)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def read_letter(content: bytes, recipients: list[Any]) -> Letter:
    """A letter's headers decoded and its parts told apart."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    texts = {kind: str(part.get_content()).strip() if part is not None else "" for kind, part in parts.items()}
    return Letter(
        sender=str(message["From"] or ""),
        to=tuple(map(str, recipients)),
        subject=str(message["Subject"] or ""),
        text=texts["plain"],
        html=texts["html"],
        received=time.time(),
        message=message,
    )
