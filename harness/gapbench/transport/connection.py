"""One request and its reply on one connection.

The reply's body is not handed on read by read. It is kept with its stamps, and whoever waits for it is woken
when it is whole or ``BATCH_BYTES`` ahead: no task is woken for a chunk. A deadline that passes meanwhile
first hands on what came, then ends the reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

import httpx2

from gapbench.clock import now
from gapbench.transport.capture import StampedStream
from gapbench.transport.fair_wakeup import FairWakeQueue
from gapbench.transport.http_parser import ResponseParser
from gapbench.transport.sockets import ByteStream

READ_AHEAD_LIMIT_BYTES = 2**20
"""A body this far ahead of its reader is left in the kernel: the server then feels the back-pressure."""


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Exchange(StampedStream):
    """One request under way on one connection; as a stream, the reply's body.

    Attributes:
        response: What has come so far.
        error: How it ended badly. None: it has not.
    """

    def __init__(self, connection: Connection, read_timeout_s: float, *, eager: bool) -> None:
        """Wait for the reply.

        Args:
            connection: Where it comes.
            read_timeout_s: Longest silence.
            eager: Wake at the head; else when there is a body worth it.
        """
        self.response = ResponseParser()
        self.error: BaseException | None = None
        self._connection: Connection | None = connection
        self._eager = eager
        self._is_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._loop = connection.loop
        self._wake_queue = connection.wake_queue
        self._read_timeout_s = read_timeout_s
        self._last_read_s = now()
        self._timer = self._loop.call_later(read_timeout_s, self._check_read_timeout)

    def data_received(self, data: bytes, at_s: float) -> None:
        """Take one read."""
        self._last_read_s = at_s
        reply = self.response
        try:
            news = reply.feed(data, at_s)
        except httpx2.TransportError as exc:
            self.fail(exc)
            return
        if news or (self._eager and reply.status is not None):
            if (
                reply.unread_bytes >= READ_AHEAD_LIMIT_BYTES
                and not self._is_paused
                and self._connection is not None
            ):
                self._is_paused = True
                self._connection.stream.pause_reading()
            self._wake_waiter()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection."""
        try:
            whole = self.response.feed_eof(now())
        except httpx2.TransportError as broken:
            self.fail(broken)
            return
        if whole:
            self._wake_waiter()
        elif exc is not None:
            self.fail(httpx2.ReadError(str(exc)))
        elif self.response.has_started:
            self.fail(
                httpx2.RemoteProtocolError("peer closed connection without sending complete message body")
            )
        else:
            self.fail(httpx2.RemoteProtocolError("server disconnected without sending a response"))

    def fail(self, exc: BaseException) -> None:
        """End it badly; what came before stays readable."""
        if self.error is None and not self.response.is_complete:
            self.error = exc
        self._wake_waiter()

    @property
    def ended_s(self) -> float | None:
        """When the reply was whole."""
        return self.response.ended_s

    @property
    def is_stale(self) -> bool:
        """Whether a kept connection had died before the request reached anybody, so that another may be tried."""
        return (
            isinstance(self.error, (httpx2.ReadError, httpx2.RemoteProtocolError))
            and not self.response.has_started
            and self._connection is not None
            and self._connection.request_count > 1
        )

    async def wait_for_data(self) -> None:
        """Wait for the head or for more of the body, its end, or an error.

        A cancellation that finds part of a reply becomes its error: :meth:`stamped_batches` hands on what came first.
        """
        reply = self.response
        if reply.is_complete or self.error is not None or (self._eager and reply.status is not None):
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError as exc:
            if reply.status is None:
                raise
            self.fail(exc)
        finally:
            self._waiter = None

    def _wake_waiter(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._wake_queue.wake(self._waiter)

    def wake_reader(self) -> bool:
        """Wake whoever waits, if anything has come that it has not seen."""
        if self.response.status is None or not self.response.unread_bytes:
            return False
        self._wake_waiter()
        return True

    async def stamped_batches(self) -> AsyncIterator[list[tuple[float, bytes]]]:
        """Yield the body's pieces with their stamps, as many at a time as have come.

        Raises:
            httpx2.TransportError: The connection ended badly.
        """
        self._eager = False
        while True:
            piece = self.response.pop_payloads()
            if piece:
                yield piece
                # A fault of the reply's own is met before the connection's end: it came first.
                continue
            if self.response.is_complete:
                return
            if self.error is not None:
                raise self.error
            if self._is_paused and self._connection is not None:
                self._is_paused = False
                self._last_read_s = now()
                self._connection.stream.resume_reading()
            await self.wait_for_data()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body for whoever needs no stamps."""
        async for piece in self.stamped_batches():
            for _, payload in piece:
                yield payload

    async def aclose(self) -> None:
        """Let the connection go: back to the pool when the reply is whole, else closed."""
        self._timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.finish_exchange(
                reusable=self.response.is_complete and self.response.is_reusable and self.error is None
            )

    def _check_read_timeout(self) -> None:
        """Fail after too long a silence, unless it is we who do not listen."""
        silence_s = 0.0 if self._is_paused else now() - self._last_read_s
        if silence_s >= self._read_timeout_s:
            self.fail(httpx2.ReadTimeout(f"no byte for {self._read_timeout_s:g} s"))
        else:
            self._timer = self._loop.call_later(self._read_timeout_s - silence_s, self._check_read_timeout)


class ConnectionPool(Protocol):
    """What a connection needs of where it belongs."""

    def release(self, connection: Connection, *, reusable: bool) -> None:
        """Take a connection whose exchange is over."""

    def discard(self, connection: Connection) -> None:
        """Drop a connection that is closed."""


class Connection:
    """One connection, lent to one exchange at a time.

    Attributes:
        request_count: How many it has carried.
    """

    stream: ByteStream

    def __init__(
        self, pool: ConnectionPool, origin: Origin, loop: asyncio.AbstractEventLoop, wake_queue: FairWakeQueue
    ) -> None:
        """Belong to a pool; the line is set once it is connected."""
        self.loop = loop
        self.wake_queue = wake_queue
        self.origin = origin
        self.request_count = 0
        self._pool = pool
        self._exchange: Exchange | None = None

    def send_request(self, exchange: Exchange, data: bytes) -> float:
        """Send one request; return when its first byte was handed to the socket."""
        self.request_count += 1
        self._exchange = exchange
        sent_s = now()
        self.stream.write(data)
        return sent_s

    def data_received(self, data: bytes, at_s: float) -> None:
        """Hand a read to the exchange; what comes unasked ends the connection."""
        if self._exchange is not None:
            self._exchange.data_received(data, at_s)
        else:
            self.stream.close()
            self._pool.discard(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the exchange, and leave the pool."""
        self._pool.discard(self)
        if self._exchange is not None:
            self._exchange.connection_lost(exc)

    def finish_exchange(self, *, reusable: bool) -> None:
        """Go back to the pool, or close."""
        self._exchange = None
        if not reusable:
            self.stream.close()
        self._pool.release(self, reusable=reusable)
