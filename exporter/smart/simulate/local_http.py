"""A real HTTP server on a free port of this machine, in threads of its own: what the stand-ins are built on."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


class Handler(BaseHTTPRequestHandler):
    """Answers quietly and keeps the connection open between requests, as a usual server does."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds a silent connection is kept

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are recorded by the stand-ins, not written to the terminal."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, code: int, content: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def answer_json(self, code: int, value: object) -> None:
        self.answer(code, json.dumps(value, ensure_ascii=False).encode(), "application/json")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a hanging request must not hold up the end
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that goes away in the middle is what some stand-ins are for."""


class LocalServer:
    """Serves from `start` (or `with`) to `stop`; the port is chosen by the system unless given."""

    def __init__(self, handler: type[Handler], host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = _Server((host, port), handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
