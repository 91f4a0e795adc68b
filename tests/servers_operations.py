"""Runs an ASGI application on a real listener of a free port, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any

from smart.web.server import build_server, run_servers


@contextlib.contextmanager
def serving(app: Any, ssl_context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port the application answers on; the server ends with the block."""
    server = build_server(app, "127.0.0.1", 0, ssl_context=ssl_context)
    port = server.bind()  # from here on connections wait until they are served
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run_servers([server], stop)))
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive()
        loop.close()
