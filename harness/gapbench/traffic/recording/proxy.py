"""The proxy: every request is passed on as it came, every answer as it comes; what asks for a reply is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import HttpVersion11, web
from yarl import URL

from gapbench.clock import now
from gapbench.credentials import is_placeholder_key
from gapbench.errors import SetupError
from gapbench.traffic.recording.exchange import Exchange
from gapbench.traffic.recording.protocols import Call, Upstream, default_upstream, find_call
from gapbench.traffic.recording.writer import RecordWriter
from gapbench.transport import proxy_for

_LABEL_PREFIX = "x-gapbench-"
_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers about one connection (RFC 9110, section 7.6.1)."""
_NOT_SENT = _HOP_BY_HOP | {"host", "expect"}
"""The host is the upstream's, and the client has had its 100 Continue."""
_ADDED_BY_SERVER = ("Server", "Date", "Content-Type")
"""Headers that aiohttp adds to an answer without them."""
_KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_KEY_PARAMETERS = frozenset(
    {"key", "api_key", "api-key", "apikey", "access_token", "token", "subscription-key", "sig"}
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SIMULATED_SERVER = "gapbench-sim"
_SMALL_BODY_BYTES = 2**20
_MAX_HEADER_BYTES = 256 * 2**10
_MAX_LABEL_CHARS = 300
_CONNECT_TIMEOUT_S = 5.0
"""As the clients of OpenAI and Anthropic wait, which see a connection to this proxy at once."""
_IDLE_UPSTREAM_S = 4.5
"""Below the 5 s after which uvicorn closes an idle connection, and those clients too."""
_MAX_HOLD_S = 1.0
"""How long the end of an answer waits for its line to be in the file."""
STOP_WAIT_S = 10.0
"""How long requests in progress may take to end after the proxy is told to stop."""
_DONE = b"[DONE]"
_BACKLOG = 4_096


class RecordingProxy:
    """Serves on one address; an object serves once, in the event loop that called :meth:`start`.

    Args:
        writer: Takes what is recorded.
        upstream: Where all requests go. None: to the vendor whose path they have.

    Attributes:
        passed: Requests that were passed on and are not of the kind that is recorded.
    """

    def __init__(self, writer: RecordWriter, upstream: Upstream | None = None) -> None:
        self._writer = writer
        self._upstream = upstream
        self._proxies: dict[str, str | None] = {}
        self._runner: web.ServerRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self.passed = 0

    async def start(self, host: str, port: int) -> str:
        """Listen; return the address.

        Raises:
            SetupError: The address cannot be listened on.
        """
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=ssl.create_default_context(), keepalive_timeout=_IDLE_UPSTREAM_S
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        # Its errors quote the bytes of requests, which have keys.
        quiet = logging.getLogger("gapbench.record")
        quiet.addHandler(logging.NullHandler())
        quiet.propagate = False
        # A server without routes: an application takes 50 µs more for each request.
        server = web.Server(
            self._handle,
            access_log=None,
            logger=quiet,
            handler_cancellation=True,
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_WAIT_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, backlog=_BACKLOG).start()
        except OSError as exc:
            await self.stop()
            raise SetupError(
                f"cannot listen on {host}:{port}: {os.strerror(exc.errno) if exc.errno else exc}; choose another with --listen"
            ) from exc
        bound = self._runner.addresses[0][1]
        return f"http://{f'[{host}]' if ':' in host else host}:{bound}"

    async def stop(self) -> None:
        """Stop listening, end what is in progress, and close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path
        path = target.partition("?")[0]
        # Clients that only offer another protocol, as Java's does, get plain HTTP; a web socket is nothing else.
        is_web_socket = request.headers.get("upgrade", "").strip().lower() == "websocket"
        if not target.startswith("/") or is_web_socket:
            return _refuse(501, "bench record passes on plain HTTP requests only")
        upstream = self._upstream or default_upstream(path, request.headers)
        if upstream is None:
            return _refuse(404, f"bench record does not know whose path {path[:200]} is; give it --upstream")
        call = find_call(request.method, path)
        if call is None:
            self.passed += 1
            return await self._pass_on(request, upstream.url_of(target), None)
        exchange = _begin(request, call, upstream)
        try:
            return await self._pass_on(request, upstream.url_of(target), exchange)
        except asyncio.CancelledError:
            exchange.is_cancelled = True
            raise
        finally:
            if exchange.ended_s is None:  # it did not come to its end
                exchange.ended_s = now()
                self._writer.submit(exchange)

    async def _pass_on(
        self, request: web.BaseRequest, url: str, exchange: Exchange | None
    ) -> web.StreamResponse:
        """Send a request to its upstream, and the answer to its client.

        Raises:
            ConnectionResetError: The upstream failed; the client's connection is closed, as the upstream's was, so that
                the client sees the same error and retries in the same way.
        """
        assert self._client is not None
        try:
            async with self._client.request(
                request.method,
                URL(url, encoded=True),
                headers=_headers_to_send(request.headers.items()),
                data=await _body_of(request, exchange),
                allow_redirects=False,
                proxy=self._proxy_of(url),
            ) as reply:
                response = _Answer(status=reply.status, reason=reply.reason)
                for name, value in reply.headers.items():
                    if name.lower() not in _HOP_BY_HOP:
                        response.headers.add(name, value)
                response.sent = reply.headers
                if exchange is not None:
                    _note_head(exchange, reply)
                with _ClientWrites():
                    await response.prepare(request)
                await self._pass_answer(reply.content, response, exchange)
                return response
        except _ClientLeftError:
            if exchange is not None:
                exchange.is_cancelled = True
            raise ConnectionResetError from None
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            if exchange is not None:
                exchange.error = f"connection: {type(exc).__name__}: {_reason_of(exc)}"
            if request.transport is not None:
                request.transport.close()
            raise ConnectionResetError from exc

    async def _pass_answer(
        self, content: aiohttp.StreamReader, response: web.StreamResponse, exchange: Exchange | None
    ) -> None:
        """Pass on the body of an answer. Its last piece waits until its line is in the file.

        So whoever has an answer whole can rely on its line, even if this process is killed next.
        """
        while piece := await content.readany():
            if exchange is None or exchange.ended_s is not None:
                with _ClientWrites():
                    await response.write(piece)
                continue
            at_s, reading = now(), exchange.reading
            if reading is None:
                exchange.reply.add(at_s, piece)
            else:
                exchange.reply.count(piece)
            # Clients of Chat Completions leave at this mark.
            is_last = content.at_eof() or piece[-16:].rstrip().endswith(_DONE)
            if is_last:
                if reading is not None:
                    reading.feed(at_s, piece)
                await self._record(exchange)
            try:
                with _ClientWrites():
                    await response.write(piece)
            finally:
                if not is_last and reading is not None and exchange.reply.is_whole:
                    reading.feed(at_s, piece)
        if exchange is not None and exchange.ended_s is None:
            await self._record(exchange)
        with _ClientWrites():
            await response.write_eof()

    async def _record(self, exchange: Exchange) -> None:
        exchange.ended_s = now()
        await self._writer.write(exchange, _MAX_HOLD_S)

    def _proxy_of(self, url: str) -> str | None:
        """Return the proxy of this machine's environment for an address, looked up once for each host."""
        parts = urlsplit(url)
        key = f"{parts.scheme}://{parts.netloc}"
        if key not in self._proxies:
            self._proxies[key] = proxy_for(key)
        return self._proxies[key]


class _Answer(web.StreamResponse):
    """An answer that is passed on.

    Attributes:
        sent: The headers that its upstream sent.
    """

    sent: Mapping[str, str] = MappingProxyType({})

    async def _prepare_headers(self) -> None:
        """Leave the answer without the headers that aiohttp adds; only applications have a public hook for it."""
        await super()._prepare_headers()
        for name in _ADDED_BY_SERVER:
            if name not in self.sent:
                self.headers.popall(name, None)


class _ClientLeftError(Exception):
    """The client closed its connection."""


class _ClientWrites(contextlib.AbstractContextManager[None]):
    """Tells an error of the client's connection from one of the upstream's."""

    def __exit__(self, kind: object, exc: BaseException | None, traceback: object) -> None:
        if isinstance(exc, (ConnectionError, RuntimeError)):
            raise _ClientLeftError from exc


def _begin(request: web.BaseRequest, call: Call, upstream: Upstream) -> Exchange:
    headers = request.headers
    labels = {
        name: headers[f"{_LABEL_PREFIX}{name}"][:_MAX_LABEL_CHARS]
        for name in ("route", "user", "session")
        if f"{_LABEL_PREFIX}{name}" in headers
    }
    exchange = Exchange(call, upstream.provider, datetime.now(UTC), now(), labels, tuple(_keys_in(request)))
    exchange.request.encoding = headers.get("content-encoding", "").strip().lower()
    return exchange


def _keys_in(request: web.BaseRequest) -> Iterable[str]:
    """Yield the keys that a request carries."""
    for name in _KEY_HEADERS:
        for value in request.headers.getall(name, ()):
            if not is_placeholder_key(value.split()[-1] if value.split() else ""):
                yield from {value.strip(), *value.split()[1:]}  # with the scheme, such as Bearer, and without
    if request.query_string:
        for name, value in parse_qsl(request.query_string):
            if name.lower() in _KEY_PARAMETERS and not is_placeholder_key(value):
                yield value


def _reason_of(exc: Exception) -> str:
    """Return what an error says, without the address, which may have a key or the password of a proxy."""
    if isinstance(exc, aiohttp.ClientResponseError):
        return f"{exc.status} {exc.message}".strip()
    return "" if isinstance(exc, aiohttp.InvalidURL) else str(exc)


def _note_head(exchange: Exchange, reply: aiohttp.ClientResponse) -> None:
    headers = reply.headers
    exchange.status = reply.status
    exchange.content_type = headers.get("content-type", "").strip().lower()
    exchange.reply.encoding = headers.get("content-encoding", "").strip().lower()
    exchange.is_simulated = headers.get("server") == _SIMULATED_SERVER
    exchange.start_reading()


def _headers_to_send(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    given = [(name, value, name.lower()) for name, value in headers]
    about_connection = {
        token.strip().lower()
        for _, value, lowered in given
        if lowered == "connection"
        for token in value.split(",")
    }
    left_out = _NOT_SENT | about_connection
    return [
        (name, value)
        for name, value, lowered in given
        if lowered not in left_out and not lowered.startswith(_LABEL_PREFIX)
    ]


async def _body_of(
    request: web.BaseRequest, exchange: Exchange | None
) -> bytes | AsyncIterator[bytes] | None:
    """Return the body of a request: a small one whole, so that it leaves in one write; a large one as it comes."""
    if not request.body_exists:
        return None
    if request.headers.get("expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        assert request.transport is not None
        request.transport.write(_CONTINUE)  # only applications answer this by themselves
    length = request.content_length
    if length is None or length > _SMALL_BODY_BYTES:
        return _pieces_of(request, exchange)
    body = await request.content.read()
    if exchange is not None:
        exchange.request.add(exchange.started_s, body)
    return body


async def _pieces_of(request: web.BaseRequest, exchange: Exchange | None) -> AsyncIterator[bytes]:
    while piece := await request.content.readany():
        if exchange is not None:
            exchange.request.add(now(), piece)
        yield piece


def _refuse(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"type": "gapbench_record", "message": message}}, status=status)
