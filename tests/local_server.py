"""A small HTTP server on loopback that keeps what it was sent, for the tests of what gapbench posts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, str, Any], tuple[int, Any]]
"""Returns status and JSON for a method, a path and a body."""


@dataclass
class LocalServer:
    """A running server.

    Attributes:
        url: Its address.
        received: Method, path and JSON body of each request.
    """

    url: str
    received: list[tuple[str, str, Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        """The bodies alone."""
        return [body for _, _, body in self.received]


@contextmanager
def serve(answer: Answer) -> Iterator[LocalServer]:
    """Serve on a free port of loopback until the block ends."""
    running = LocalServer("")

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else None
            running.received.append((self.command, self.path, body))
            status, document = answer(self.command, self.path, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _respond  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
