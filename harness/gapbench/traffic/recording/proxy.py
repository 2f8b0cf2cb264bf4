"""The proxy: every request is passed on as it came, every answer as it comes; what asks for a reply is recorded."""

from __future__ import annotations

import asyncio
import os
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import unquote, unquote_plus

from gapbench.clock import now
from gapbench.credentials import is_placeholder_key
from gapbench.errors import SetupError
from gapbench.traffic.recording.client_connection import ClientConnection
from gapbench.traffic.recording.exchange import Body, Exchange
from gapbench.traffic.recording.http_messages import Head, MessageError
from gapbench.traffic.recording.passage import LABEL_PREFIX, Passage
from gapbench.traffic.recording.protocols import Call, Upstream, default_upstream, find_call
from gapbench.traffic.recording.upstream_connection import UpstreamPool, origin_of
from gapbench.traffic.recording.writer import RecordWriter

_KEY_NAME = re.compile(
    r"auth|key|token|secret|passw|credential|cookie|signature|jwt|^sig$|^code$", re.IGNORECASE
)
"""In the name of a header or a parameter that carries a key: those of the vendors, of gateways before them, and of their own."""
_KEY_HEADERS = frozenset(
    {b"authorization", b"proxy-authorization", b"x-api-key", b"x-goog-api-key", b"api-key"}
)
_DIGIT = re.compile(r"[0-9]")
_PARTS = re.compile(r"[\s;,=]+")
_LABELS = ("route", "user", "session")
_MAX_LABEL_CHARS = 300
STOP_WAIT_S = 10.0
"""How long requests in progress may take to end after the proxy is told to stop."""
_BACKLOG = 4_096


class RecordingProxy:
    """Serves on one address; an object serves once, in the event loop that called :meth:`start`.

    Args:
        writer: Takes what is recorded.
        upstream: Where all requests go. None: to the vendor whose path they have.

    Attributes:
        passed: Requests that were passed on and are not of the kind that is recorded.
        is_stopping: Whether each connection ends after the request in progress.
    """

    def __init__(self, writer: RecordWriter, upstream: Upstream | None = None) -> None:
        self._writer = writer
        self._upstream = upstream
        self._pool = UpstreamPool()
        self._server: asyncio.Server | None = None
        self._clients: set[ClientConnection] = set()
        self.is_stopping = False
        self._all_gone = asyncio.Event()
        self.passed = 0

    async def start(self, host: str, port: int) -> str:
        """Listen; return the address.

        Raises:
            SetupError: The address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: ClientConnection(self), host, port, backlog=_BACKLOG
            )
        except OSError as exc:
            raise SetupError(
                f"cannot listen on {host}:{port}: {os.strerror(exc.errno) if exc.errno else exc}; choose another with --listen"
            ) from exc
        bound = self._server.sockets[0].getsockname()[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{bound}"

    async def stop(self) -> None:
        """Stop listening, let what is in progress end within :data:`STOP_WAIT_S`, and close all connections."""
        self.is_stopping = True
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            if client.is_idle:
                client.cut()
        if self._clients:
            try:
                async with asyncio.timeout(STOP_WAIT_S):
                    await self._all_gone.wait()
            except TimeoutError:
                for client in list(self._clients):
                    client.abort()
                    client.connection_lost(None)
        self._pool.close()

    def connection_opened(self, client: ClientConnection) -> None:
        """Note a connection, to close it at the end."""
        self._clients.add(client)

    def connection_ended(self, client: ClientConnection) -> None:
        """Forget a connection."""
        self._clients.discard(client)
        if self.is_stopping and not self._clients:
            self._all_gone.set()

    def new_passage(self, client: ClientConnection, head: Head) -> Passage:
        """Return the way of a request.

        Raises:
            MessageError: It is not passed on.
        """
        target = head.target
        path = target.partition("?")[0]
        # Clients that only offer another protocol, as Java's does, get plain HTTP; a web socket is nothing else.
        if not target.startswith("/") or b"websocket" in head.tokens(b"upgrade"):
            raise MessageError("it is not a plain HTTP request", 501)
        upstream = self._upstream or default_upstream(
            path, {field.name.decode(): "" for field in head.fields}
        )
        if upstream is None:
            raise MessageError(f"it is not known whose path {path[:200]} is; start it with --upstream", 404)
        call = find_call(head.method, path)
        exchange = None
        if call is None:
            self.passed += 1
        else:
            exchange = self._begin(head, call, upstream)
        origin, sent_target = origin_of(upstream.root), upstream.target_of(target)
        return Passage(client, self._pool, self._writer, head, origin, sent_target, exchange)

    def _begin(self, head: Head, call: Call, upstream: Upstream) -> Exchange:
        labels = {}
        for name in _LABELS:
            value = head.text(LABEL_PREFIX + name.encode())
            if value:
                labels[name] = value[:_MAX_LABEL_CHARS]
        memory = self._writer.memory
        return Exchange(
            call, upstream.provider, datetime.now(UTC), now(), labels, tuple(_keys_in(head)),
            Body(memory, encoding=head.text(b"content-encoding").lower()), Body(memory),
        )  # fmt: skip


def _keys_in(head: Head) -> Iterator[str]:
    """Yield the keys that a request carries."""
    for field in head.fields:
        if _KEY_NAME.search(field.name.decode()):
            yield from _keys_of(field.name, field.value.decode("utf-8", "replace"))
    for pair in head.target.partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        if value and _KEY_NAME.search(name):
            yield from {
                one for one in (value, unquote_plus(value), unquote(value)) if not is_placeholder_key(one)
            }


def _keys_of(name: bytes, value: str) -> Iterator[str]:
    """Yield the value of a header with a key, and its parts: after a scheme such as Bearer, of cookies, of a user and password.

    Of headers that vendors do not have, and of more than two words, only what has a digit: prompts may have the words.
    """
    words = value.split()
    if not words or is_placeholder_key(words[-1]):
        return
    if name in _KEY_HEADERS:
        yield from {value, *(words[1:] if len(words) == 2 else ())}
        if words[0].lower() == "basic":
            with suppress(ValueError):
                yield b64decode(words[-1]).decode("utf-8", "replace").partition(":")[2]
    yield from {part for part in (value, *_PARTS.split(value)) if _DIGIT.search(part)}
