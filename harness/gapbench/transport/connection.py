"""Send one request and receive its response on one connection.

The body is not delivered read by read. It is stored with its timestamps, and the reading task wakes when the body is
complete or ``BATCH_BYTES`` ahead, so that no task wakes for a single chunk. If a deadline passes in between, what has
arrived is delivered first; then the response ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

import httpx2

from gapbench.clock import now
from gapbench.transport.capture import StampedStream
from gapbench.transport.http_parser import ResponseParser
from gapbench.transport.sockets import ByteStream

READ_AHEAD_LIMIT_BYTES = 2**20
"""When a body is this far ahead of its reader, the rest stays in the kernel and slows the server down."""


RESET_CHECK_INTERVAL_S = 0.5
"""A connection that waits for a response is checked this often for a reset that the event loop did not report, see ``find_reset``."""


class Origin(NamedTuple):
    """Scheme, host and port of a server."""

    scheme: str
    host: str
    port: int


class FairWakeQueue:
    """A queue of tasks to wake, one per turn of the event loop.

    Parsing a response and sending the next request takes about 0.4 ms. If many responses end together, a loop that handles
    them in a row reads no sockets in between, and two tokens that wait in the kernel become one read with one timestamp.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """Queue a waiter; it is woken in its turn. The loop polls its sockets between two turns."""
        self._queue.append(waiter)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._wake_next)

    def _wake_next(self) -> None:
        waiter = self._queue.popleft()
        if not waiter.done():
            waiter.set_result(None)
        self._is_scheduled = bool(self._queue)
        if self._is_scheduled:
            self._loop.call_soon(self._wake_next)


class Exchange(StampedStream):
    """One request in progress on one connection; as a stream, the response's body.

    Attributes:
        response: What has arrived so far.
        error: Why it ended early. None: it did not.
    """

    def __init__(self, connection: Connection, read_timeout_s: float, *, eager: bool) -> None:
        """Wait for the response.

        Args:
            connection: The connection.
            read_timeout_s: Longest time without a byte.
            eager: Wake at the head; else when the body is complete or long.
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
        self._timer = self._loop.call_later(min(read_timeout_s, RESET_CHECK_INTERVAL_S), self._check_silence)

    def data_received(self, data: bytes, at_s: float) -> None:
        """Process one read."""
        self._last_read_s = at_s
        response = self.response
        try:
            should_wake = response.feed(data, at_s)
        except httpx2.TransportError as exc:
            self.fail(exc)
            return
        if should_wake or (self._eager and response.status is not None):
            if (
                response.unread_bytes >= READ_AHEAD_LIMIT_BYTES
                and not self._is_paused
                and self._connection is not None
            ):
                self._is_paused = True
                self._connection.stream.pause_reading()
            self._wake_waiter()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Process the end of the connection."""
        try:
            is_complete = self.response.feed_eof(now())
        except httpx2.TransportError as broken:
            self.fail(broken)
            return
        if is_complete:
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
        """End the exchange with an error; what arrived before stays readable."""
        if self.error is None and not self.response.is_complete:
            self.error = exc
        self._wake_waiter()

    @property
    def ended_s(self) -> float | None:
        """When the response was complete."""
        return self.response.ended_s

    @property
    def was_never_sent(self) -> bool:
        """Whether a kept connection broke before a byte of the request left, so that the server cannot have received it.

        Once a byte has left, the server may have started to work on the request. Then it must not be sent again without
        a separate row. Go's net/http draws the same line (``nothingWrittenError`` in transport.go).
        """
        return (
            isinstance(self.error, (httpx2.ReadError, httpx2.RemoteProtocolError))
            and self._connection is not None
            and self._connection.request_count > 1
            and not self._connection.stream.has_sent
        )

    async def wait_for_data(self) -> None:
        """Wait for the head, more of the body, its end, or an error.

        If the task is cancelled in the middle of a response, the cancellation becomes its error, and
        :meth:`stamped_batches` delivers what arrived first.
        """
        response = self.response
        if response.is_complete or self.error is not None or (self._eager and response.status is not None):
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError as exc:
            if response.status is None:
                raise
            self.fail(exc)
        finally:
            self._waiter = None

    def _wake_waiter(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._wake_queue.wake(self._waiter)

    def wake_reader(self) -> bool:
        """Wake the reading task if there is unread data; return whether there is."""
        if self.response.status is None or not self.response.unread_bytes:
            return False
        self._wake_waiter()
        return True

    def stamped_batches(self) -> AsyncIterator[list[tuple[float, bytes]]]:
        """Yield the body in batches of (arrival time, bytes), each with all that has arrived.

        Raises:
            httpx2.TransportError: The connection ended early.
        """
        self._eager = False
        return _Batches(self)

    async def next_batch(self) -> list[tuple[float, bytes]]:
        """Return the next of :meth:`stamped_batches`. []: the body has ended."""
        while True:
            batch = self.response.pop_payloads()
            if batch:
                # Look for an error in the response before the end of the connection: it came first.
                return batch
            if self.response.is_complete:
                return []
            if self.error is not None:
                raise self.error
            if self._is_paused and self._connection is not None:
                self._is_paused = False
                self._last_read_s = now()
                self._connection.stream.resume_reading()
            await self.wait_for_data()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body without timestamps."""
        async for batch in self.stamped_batches():
            for _, payload in batch:
                yield payload

    async def aclose(self) -> None:
        """Return the connection to the pool if the response is complete, else close it."""
        self._timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.finish_exchange(
                reusable=self.response.is_complete and self.response.is_reusable and self.error is None
            )

    def _check_silence(self) -> None:
        """Fail after too long a silence, unless reading is paused, or if the connection turns out to be reset."""
        silence_s = 0.0 if self._is_paused else now() - self._last_read_s
        if silence_s >= self._read_timeout_s:
            self.fail(httpx2.ReadTimeout(f"no byte for {self._read_timeout_s:g} s"))
            return
        if not self._is_paused and self._connection is not None:
            self._connection.stream.find_reset()
        if self.error is None and not self.response.is_complete:
            wait_s = min(self._read_timeout_s - silence_s, RESET_CHECK_INTERVAL_S)
            self._timer = self._loop.call_later(wait_s, self._check_silence)


class _Batches(AsyncIterator[list[tuple[float, bytes]]]):
    """The batches of one body. Not an async generator, because the event loop has to register and remove each of those."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __anext__(self) -> list[tuple[float, bytes]]:
        batch = await self._exchange.next_batch()
        if not batch:
            raise StopAsyncIteration
        return batch


class ConnectionPool(Protocol):
    """What a connection needs from its pool. A protocol, because the pool imports this module."""

    def release(self, connection: Connection, *, reusable: bool) -> None:
        """Take back a connection after its exchange."""

    def discard(self, connection: Connection) -> None:
        """Forget a closed connection."""


class Connection:
    """One connection; it serves one exchange at a time.

    Attributes:
        stream: Its socket; set once it is connected.
        request_count: Requests sent so far.
    """

    stream: ByteStream

    def __init__(
        self, pool: ConnectionPool, origin: Origin, loop: asyncio.AbstractEventLoop, wake_queue: FairWakeQueue
    ) -> None:
        self.loop = loop
        self.wake_queue = wake_queue
        self.origin = origin
        self.request_count = 0
        self._pool = pool
        self._exchange: Exchange | None = None

    def send_request(self, exchange: Exchange, data: bytes) -> float:
        """Send one request; return the time at which its first byte was passed to the socket."""
        self.request_count += 1
        self._exchange = exchange
        sent_s = now()
        self.stream.write(data)
        return sent_s

    def data_received(self, data: bytes, at_s: float) -> None:
        """Pass a read to the exchange; data without an exchange closes the connection."""
        if self._exchange is not None:
            self._exchange.data_received(data, at_s)
        else:
            self.stream.close()
            self._pool.discard(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Notify the exchange, and leave the pool."""
        self._pool.discard(self)
        if self._exchange is not None:
            self._exchange.connection_lost(exc)

    def finish_exchange(self, *, reusable: bool) -> None:
        """Return to the pool, or close."""
        self._exchange = None
        if not reusable:
            self.stream.close()
        self._pool.release(self, reusable=reusable)
