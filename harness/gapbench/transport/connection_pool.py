"""Our httpx2 transport: HTTP/1.1 over a bounded pool of connections, with times taken at the socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from http import HTTPStatus

import httpx2

from gapbench.transport.capture import ExchangeRecord
from gapbench.transport.connection import Connection, Exchange, FairWakeQueue, Origin
from gapbench.transport.sockets import ByteStream, SocketStream, TlsStream
from gapbench.values import Session

ADDRESS_TIMEOUT_S = 2.0
"""Time for one of several addresses of a host before the next is tried."""


class LeanTransport(httpx2.AsyncBaseTransport):
    """Sends requests over its own pool of plain or TLS connections. It does not support proxies.

    Args:
        session: Number of connections and deadlines.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._idle: dict[Origin, list[Connection]] = {}
        self._open_connections: set[Connection] = set()
        self._max_connections = session.connections
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._tls: ssl.SSLContext | None = None
        self._wake_queue: FairWakeQueue | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return its response as soon as the head has arrived."""
        if request.method == "HEAD":
            raise httpx2.LocalProtocolError(
                "the lean transport cannot send HEAD: it expects a body in every response"
            )
        exchange = await self.send(
            origin_of(request.url), await serialize_request(request), ExchangeRecord(), eager=True
        )
        return to_httpx_response(exchange)

    async def send(self, origin: Origin, data: bytes, record: ExchangeRecord, *, eager: bool) -> Exchange:
        """Send one request; return the exchange once its response has started.

        A request whose first byte may have left this machine is never sent again: if the connection then breaks, that
        is the result, also on a kept connection. Idle connections that the peer has closed are not used.

        Args:
            origin: Where to.
            data: Head and body.
            record: Gets the time at which the first byte was passed to the socket.
            eager: Return at the response's head; else when the response is complete or long.

        Raises:
            httpx2.TransportError: No connection, or no response.
        """
        while True:
            connection = self._pop_idle(origin) or await self._open_connection(origin)
            exchange = Exchange(connection, self._session.read_timeout_s, eager=eager)
            record.active_stream = exchange
            record.sent_s = connection.send_request(exchange, data)
            try:
                await exchange.wait_for_data()
                was_never_sent = exchange.was_never_sent
                if exchange.response.status is not None:
                    return exchange
            except BaseException:
                await exchange.aclose()
                raise
            await exchange.aclose()
            if not was_never_sent:
                assert exchange.error is not None, "woken without a head only by an error"
                raise exchange.error

    async def send_recorded(
        self, origin: Origin, data: bytes, record: ExchangeRecord, *, eager: bool
    ) -> None:
        """Send one request and put its response into a record.

        A 200 response goes to the record; any other response is stored in ``record.error_response``.

        Args:
            origin: Where to.
            data: Head and body.
            record: Gets times, status and body.
            eager: Return at the response's head; else when the response is complete or long.

        Raises:
            httpx2.TransportError: No connection, or no response.
        """
        record.transport = "lean"
        exchange = await self.send(origin, data, record, eager=eager)
        response = exchange.response
        assert response.status is not None, "send returns after the head"
        record.first_byte_s = response.first_byte_s
        if response.status == HTTPStatus.OK:
            record.set_response(response.status, response.headers, exchange)
        else:
            record.status, record.headers = response.status, response.headers
            record.error_response = to_httpx_response(exchange)

    def _pop_idle(self, origin: Origin) -> Connection | None:
        """Return a kept connection that is still open. None: there is none."""
        idle = self._idle.get(origin, [])
        while idle:
            # The one used last is the least likely to be closed by the server.
            connection = idle.pop()
            if connection.stream.is_usable():
                return connection
            connection.stream.close()
            self.discard(connection)
        return None

    async def _open_connection(self, origin: Origin) -> Connection:
        await self._acquire_slot()
        loop = asyncio.get_running_loop()
        if self._wake_queue is None:
            self._wake_queue = FairWakeQueue(loop)
        connection = Connection(self, origin, loop, self._wake_queue)
        self._open_connections.add(connection)
        try:
            async with asyncio.timeout(self._session.connect_timeout_s):
                connection.stream = await self._open_stream(origin, connection)
        except TimeoutError as exc:
            self.discard(connection)
            where = f"{origin.host}:{origin.port}"
            raise httpx2.ConnectTimeout(
                f"no connection to {where} within {self._session.connect_timeout_s:g} s"
            ) from exc
        except OSError as exc:
            self.discard(connection)
            raise httpx2.ConnectError(f"{origin.host}:{origin.port}: {exc}") from exc
        except BaseException:
            self.discard(connection)
            raise
        return connection

    async def _acquire_slot(self) -> None:
        """Wait until another connection may be opened; close an idle one to another host to make room."""
        while len(self._open_connections) >= self._max_connections:
            idle = next((connections for connections in self._idle.values() if connections), None)
            if idle:
                connection = idle.pop(0)
                connection.stream.close()
                self.discard(connection)
                return
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake_next_waiter()
                raise

    async def _open_stream(self, origin: Origin, connection: Connection) -> ByteStream:
        loop = asyncio.get_running_loop()
        sock = await connect_socket(loop, origin)
        try:
            if origin.scheme == "http":
                return SocketStream(loop, sock, connection)
            if self._tls is None:
                # httpx2's context: SSL_CERT_FILE and SSL_CERT_DIR, else the roots that it ships with.
                self._tls = httpx2.create_ssl_context()
                self._tls.set_alpn_protocols(["http/1.1"])
            return await TlsStream.connect(loop, sock, connection, self._tls, origin.host)
        except BaseException:
            sock.close()
            raise

    def release(self, connection: Connection, *, reusable: bool) -> None:
        """Take back a connection after its exchange."""
        if reusable and connection in self._open_connections:
            self._idle.setdefault(connection.origin, []).append(connection)
            self._wake_next_waiter()
        else:
            self.discard(connection)

    def discard(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self._open_connections.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)
        self._wake_next_waiter()

    def _wake_next_waiter(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in list(self._open_connections):
            with contextlib.suppress(AttributeError):  # a connection that is still being made has no stream
                connection.stream.close()
        self._open_connections.clear()
        self._idle.clear()


def origin_of(url: httpx2.URL) -> Origin:
    """Return the server that a URL names.

    Raises:
        httpx2.UnsupportedProtocol: The scheme is neither http nor https.
    """
    if url.scheme not in {"http", "https"}:
        raise httpx2.UnsupportedProtocol(f"found {url.scheme!r}; expected http:// or https://")
    return Origin(url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))


async def serialize_request(request: httpx2.Request) -> bytes:
    """Return a request as bytes, with its content length."""
    body = await request.aread()
    return serialize_head(request, len(body)) + body


def serialize_head(request: httpx2.Request, length: int) -> bytes:
    """Return a request's head for a body of ``length`` bytes.

    Raises:
        httpx2.LocalProtocolError: A header or the path contains a line break.
    """
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [
        b"%s: %s" % (name, value)
        for name, value in request.headers.raw
        if name.lower() not in {b"content-length", b"transfer-encoding"}
    ]
    if length or request.method not in {"GET", "HEAD"}:
        lines.append(b"Content-Length: %d" % length)
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines):
        raise httpx2.LocalProtocolError("a header or the path contains a line break")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def to_httpx_response(exchange: Exchange) -> httpx2.Response:
    """Return a response that has started, as httpx2's type."""
    response = exchange.response
    assert response.status is not None, "the head has arrived"
    return httpx2.Response(
        response.status, headers=response.headers, stream=exchange, extensions={"http_version": b"HTTP/1.1"}
    )


async def connect_socket(loop: asyncio.AbstractEventLoop, origin: Origin) -> socket.socket:
    """Return a connected socket; tries the host's addresses in the resolver's order."""
    addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    refused: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(None if number == len(addresses) else ADDRESS_TIMEOUT_S):
                await loop.sock_connect(sock, address)
        except OSError as exc:  # TimeoutError is one
            refused = exc
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise refused or OSError(f"{origin.host} has no address")
