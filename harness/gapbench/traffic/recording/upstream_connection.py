"""Connections to upstreams: opened, directly or by the machine's proxy, and kept for the next request."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import ssl
from base64 import b64encode
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote, urlsplit

from gapbench.clock import now
from gapbench.traffic.recording.http_messages import MessageError, read_answer_head, split_head
from gapbench.traffic.recording.peer import Peer
from gapbench.transport import Origin, connect_socket, proxy_for

CONNECT_TIMEOUT_S = 10.0
"""For name, connection and TLS together; the clients of OpenAI and Anthropic wait 5 s for each."""
_IDLE_S = 4.5
"""Below the 5 s after which uvicorn closes an idle connection, and those clients too."""
_HTTPS_PORT, _HTTP_PORT = 443, 80


class AnswerReader(Protocol):
    """What an upstream's answer goes to."""

    def answer_received(self, data: bytes) -> None:
        """Take bytes that came."""

    def upstream_lost(self, exc: Exception | None) -> None:
        """Take note that the connection ended. None: the upstream closed it."""

    def upstream_speed_changed(self) -> None:
        """Take note that the upstream takes bytes more slowly than they come, or no longer does."""


class UpstreamConnection(Peer):
    """A connection to an upstream, for one request at a time.

    Args:
        pool: Where it is kept between requests.
        origin: The upstream.
        proxy_head: Lines that each request by a proxy has.

    Attributes:
        reader: Of the request in progress. None: it is idle.
        idle_since_s: When its last request ended.
    """

    def __init__(self, pool: UpstreamPool, origin: Origin, proxy_head: bytes | None = None) -> None:
        super().__init__()
        self.origin = origin
        self.proxy_head = proxy_head
        self.reader: AnswerReader | None = None
        self.idle_since_s = 0.0
        self._pool = pool

    def data_received(self, data: bytes) -> None:
        """Pass on what came; bytes outside an answer end the connection."""
        if self.reader is not None:
            self.reader.answer_received(data)
        else:
            self._pool.forget(self)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        self._transport, self._descriptor = None, -1
        self._pool.forget(self)
        if self.reader is not None:
            self.reader.upstream_lost(exc)

    def pause_writing(self) -> None:
        """Tell the request in progress to send less."""
        super().pause_writing()
        if self.reader is not None:
            self.reader.upstream_speed_changed()

    def resume_writing(self) -> None:
        """Tell the request in progress to send on."""
        super().resume_writing()
        if self.reader is not None:
            self.reader.upstream_speed_changed()

    def is_usable(self) -> bool:
        """Return whether an idle connection can carry a request: nothing has come, and the upstream has not closed it."""
        if self._transport is None or self._transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)


class UpstreamPool:
    """Connections to upstreams. The one used last is used first: it is the least likely to be closed."""

    def __init__(self) -> None:
        self._idle: dict[Origin, list[UpstreamConnection]] = {}
        self._proxies: dict[Origin, str | None] = {}
        self._tls: ssl.SSLContext | None = None
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> UpstreamConnection | None:
        """Return a connection that is open already. None: there is none."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if now() - connection.idle_since_s < _IDLE_S and connection.is_usable():
                return connection
            connection.abort()
        return None

    def keep(self, connection: UpstreamConnection) -> None:
        """Keep a connection whose request has ended, for a few seconds."""
        connection.reader = None
        connection.idle_since_s = now()
        connection.read_on(is_wanted=True)
        self._idle.setdefault(connection.origin, []).append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_IDLE_S, self._close_idle)

    def forget(self, connection: UpstreamConnection) -> None:
        """Forget a connection that has ended."""
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)

    def close(self) -> None:
        """Close what is kept."""
        if self._sweep is not None:
            self._sweep.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    def _close_idle(self) -> None:
        self._sweep = None
        oldest_s = now() - _IDLE_S
        for origin, idle in list(self._idle.items()):
            for connection in [one for one in idle if one.idle_since_s <= oldest_s]:
                idle.remove(connection)
                connection.abort()
            if not idle:
                del self._idle[origin]
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(_IDLE_S / 4, self._close_idle)

    async def open(self, origin: Origin) -> UpstreamConnection:
        """Return a new connection.

        Raises:
            OSError: There is none: no address, refused, no TLS, or not within :data:`CONNECT_TIMEOUT_S`.
        """
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            proxy = self._proxy_of(origin)
            if proxy is None:
                return await self._start(await self._connect(origin), origin, None)
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            if parts.scheme != "http" or parts.hostname is None:
                raise OSError("the proxy of this machine's environment is not an http:// address")
            head = _proxy_head(parts.username, parts.password)
            sock = await self._connect(Origin("http", parts.hostname, parts.port or _HTTP_PORT))
            if origin.scheme == "http":
                return await self._start(sock, origin, head)
            try:
                await _open_tunnel(sock, origin, head)
            except BaseException:
                sock.close()
                raise
            return await self._start(sock, origin, None)

    async def _connect(self, origin: Origin) -> socket.socket:
        sock = await connect_socket(asyncio.get_running_loop(), origin)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    async def _start(
        self, sock: socket.socket, origin: Origin, proxy_head: bytes | None
    ) -> UpstreamConnection:
        connection = UpstreamConnection(self, origin, proxy_head)
        tls = self._tls_context() if origin.scheme == "https" else None
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                sock=sock,
                ssl=tls,
                server_hostname=None if tls is None else origin.host,
            )
        except BaseException:
            sock.close()
            raise
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _proxy_of(self, origin: Origin) -> str | None:
        """Return the proxy of this machine's environment for an upstream, looked up once."""
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(f"{origin.scheme}://{authority(origin)}")
        return self._proxies[origin]


@lru_cache(maxsize=16)
def origin_of(root: str) -> Origin:
    """Return the server of an address, which has a host."""
    parts = urlsplit(root)
    host = parts.hostname
    assert host is not None
    if not host.isascii():
        host = host.encode("idna").decode()
    port = parts.port or (_HTTPS_PORT if parts.scheme == "https" else _HTTP_PORT)
    return Origin(parts.scheme, host, port)


def authority(origin: Origin) -> str:
    """Return host and port as in the header ``Host``: without the port that its scheme has anyway."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    usual = _HTTPS_PORT if origin.scheme == "https" else _HTTP_PORT
    return host if origin.port == usual else f"{host}:{origin.port}"


def _proxy_head(user: str | None, password: str | None) -> bytes:
    if user is None:
        return b""
    given = f"{unquote(user)}:{unquote(password or '')}".encode()
    return b"Proxy-Authorization: Basic " + b64encode(given) + b"\r\n"


async def _open_tunnel(sock: socket.socket, origin: Origin, head: bytes) -> None:
    """Have a proxy connect a socket to an upstream.

    Raises:
        OSError: It does not.
    """
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}".encode()
    await loop.sock_sendall(sock, b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (target, target, head))
    data = b""
    try:
        while (found := split_head(data)) is None:
            piece = await loop.sock_recv(sock, 2**16)
            if not piece:
                raise OSError("the proxy closed the connection")
            data += piece
        answer = read_answer_head(found[0], "CONNECT")
    except MessageError as exc:
        raise OSError(f"the proxy's answer: {exc}") from None
    if not 200 <= answer.status < 300:
        raise OSError(f"the proxy refused to connect: HTTP {answer.status}")


def reason_of(exc: Exception) -> str:
    """Return what an error of the network says, without an address, which may have a key or a password."""
    if isinstance(exc, TimeoutError) and exc.errno is None:
        return "no answer in time"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"TLS: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {exc.reason or type(exc).__name__}"
    if isinstance(exc, socket.gaierror):
        return exc.strerror or "the name has no address"
    if isinstance(exc, OSError):
        return os.strerror(exc.errno) if exc.errno else str(exc)
    return type(exc).__name__
