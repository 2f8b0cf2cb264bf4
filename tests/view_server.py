"""The app of `bench view` on a real port of loopback, for tests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from gapbench.view.app import ViewApp
from gapbench.view.cache import ViewCache
from gapbench.view.figures import write_figures
from gapbench.view.server import HOST, bound_socket, make_server

TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True)
class Reply:
    """An HTTP reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A served app."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/{TOKEN}/"

    def send(
        self,
        path: str,
        *,
        method: str = "GET",
        token: str = TOKEN,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send one request to a path below the token."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=300)
        try:
            connection.request(method, f"/{token}/{path}", body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(
                answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        reply = self.send(path)
        assert reply.status == 200, reply.body
        return reply.json()

    def post(self, path: str, value: Any, **headers: str) -> Reply:
        """Send JSON as the page does."""
        given = {"content-type": "application/json", "origin": f"http://{HOST}:{self.port}", **headers}
        return self.send(path, method="POST", headers=given, body=json.dumps(value).encode())


@contextmanager
def serve_view(
    places: Sequence[Path], cache_folder: Path, *, prepared: Sequence[Path] = (), title: str = "the tests"
) -> Iterator[Served]:
    """Serve the app over some folders until the block ends.

    Args:
        places: Results folders and run folders.
        cache_folder: Its cache.
        prepared: Runs whose figures are computed before, so that nothing is computed in the background.
        title: What the page calls the results.
    """
    cache = ViewCache(cache_folder)
    for run in prepared:
        write_figures(run, cache)
    app = ViewApp(places, cache, title)
    with bound_socket(0) as listener:
        server = make_server(app, TOKEN)
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield Served(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
            app.close()
