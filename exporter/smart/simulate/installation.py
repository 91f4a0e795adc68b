"""Stand-in installations: a real HTTP server that makes reports on request, or fails in the ways installations fail."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from threading import Event
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from smart.simulate.local_http import Handler, LocalServer
from smart.simulate.report import ReportSpec, write_report, zip_report
from smart.simulate.status import metrics_text

REPORT_PATH = "/sysinfo/si_save_request"
METRICS_PATH = "/sysmon/metrics"
ERROR_PAGE = "<HTML><HEAD><TITLE>Ошибка</TITLE></HEAD><BODY><H1>Внутренняя ошибка сервера</H1></BODY></HTML>"
LOGIN_PAGE = "<HTML><HEAD><TITLE>Техэксперт</TITLE></HEAD><BODY><FORM>Введите имя и пароль</FORM></BODY></HTML>"


class Fault(StrEnum):
    """How an installation fails to give its report."""

    NONE = "none"
    ERROR_500 = "error-500"
    HANGING = "hanging"  # takes the request and never answers
    HALF = "half-a-body"  # the connection breaks in the middle of the report
    HTML = "html"  # 200 with a page instead of a report


@dataclass(slots=True)
class Installation:
    """One stand-in installation; its fields may be changed while it serves."""

    spec: ReportSpec
    seed: object
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Moscow"))
    zips: bool = True  # False: an older version that answers type=zip with bare XML
    fault: Fault = Fault.NONE
    login: str = "smartlogin"
    password: str = ""  # of the service user; empty: metrics are given to anybody

    def report(self, now: float) -> bytes:
        """The report as of `now` (unix seconds), in the form this version answers."""
        local = datetime.fromtimestamp(int(now), self.zone).replace(tzinfo=None)
        buffer = io.BytesIO()
        make = zip_report if self.zips else write_report
        make(self.spec.at(local), self.seed, buffer)
        return buffer.getvalue()


class Installations:
    """Serves any number of stand-in installations under `ADDRESS/CLIENT`; use with `with`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clients: dict[str, Installation] = {}
        self.clock = clock
        self._over = Event()
        owner = self

        class Answers(_Answers):
            installations = owner

        self._server = LocalServer(Answers)

    def address(self, client: str) -> str:
        """What an agent is given as http://HOST:PORT of that client."""
        return f"{self._server.url}/{client}"

    def hold(self) -> None:
        """Keep a request hanging until the server ends."""
        self._over.wait()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.stop()


class _Answers(Handler):
    installations: Installations
    server_version = "WWW-Kodeks/6.4"
    sys_version = ""

    def do_POST(self) -> None:  # noqa: N802  # named by http.server
        form = parse_qs(self.body().decode("utf-8", "replace"))
        installation = self._installation(REPORT_PATH)
        if installation is None:
            self._page(404, LOGIN_PAGE)
        elif installation.fault is Fault.ERROR_500:
            self._page(500, ERROR_PAGE)
        elif installation.fault is Fault.HTML:
            self._page(200, LOGIN_PAGE)
        elif installation.fault is Fault.HANGING:
            self.installations.hold()
        else:
            self._report(installation, zipped=installation.zips and form.get("type") == ["zip"])

    def do_GET(self) -> None:  # noqa: N802  # named by http.server
        installation = self._installation(METRICS_PATH)
        if installation is None:
            self._page(404, LOGIN_PAGE)
        elif installation.password and not self._knows(installation):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="Kodeks"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            moment = datetime.fromtimestamp(int(self.installations.clock()), UTC)
            text = metrics_text(installation.seed, moment)
            self.answer(200, text.encode(), "text/plain; charset=utf-8")

    def _report(self, installation: Installation, zipped: bool) -> None:
        content = installation.report(self.installations.clock())
        kind = "application/zip" if zipped else "text/xml"
        if installation.fault is not Fault.HALF:
            self.answer(200, content, kind)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def _installation(self, path: str) -> Installation | None:
        client, _, rest = self.path.removeprefix("/").partition("/")
        return self.installations.clients.get(client) if f"/{rest}" == path else None

    def _knows(self, installation: Installation) -> bool:
        wanted = base64.b64encode(f"{installation.login}:{installation.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _page(self, code: int, text: str) -> None:
        self.answer(code, text.encode("windows-1251"), "text/html; charset=windows-1251")
