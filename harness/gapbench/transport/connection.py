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
from gapbench.transport.fair_wakeup import Turns
from gapbench.transport.http_parser import Reply
from gapbench.transport.sockets import Line

PAUSE_BYTES = 2**20
"""A body this far ahead of its reader is left in the kernel: the server then feels the back-pressure."""


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Exchange(StampedStream):
    """One request under way on one connection; as a stream, the reply's body.

    Attributes:
        reply: What has come so far.
        error: How it ended badly. None: it has not.
    """

    def __init__(self, connection: Connection, read_timeout_s: float, *, eager: bool) -> None:
        """Wait for the reply.

        Args:
            connection: Where it comes.
            read_timeout_s: Longest silence.
            eager: Wake at the head; else when there is a body worth it.
        """
        self.reply = Reply()
        self.error: BaseException | None = None
        self._connection: Connection | None = connection
        self._eager = eager
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._loop = connection.loop
        self._turns = connection.turns
        self._read_timeout_s = read_timeout_s
        self._heard_s = now()
        self._timer = self._loop.call_later(read_timeout_s, self._silent)

    def received(self, data: bytes, at_s: float) -> None:
        """Take one read."""
        self._heard_s = at_s
        reply = self.reply
        try:
            news = reply.push(data, at_s)
        except httpx2.TransportError as exc:
            self.fail(exc)
            return
        if news or (self._eager and reply.status is not None):
            if reply.ahead >= PAUSE_BYTES and not self._paused and self._connection is not None:
                self._paused = True
                self._connection.line.pause()
            self._wake()

    def lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection."""
        try:
            whole = self.reply.close(now())
        except httpx2.TransportError as broken:
            self.fail(broken)
            return
        if whole:
            self._wake()
        elif exc is not None:
            self.fail(httpx2.ReadError(str(exc)))
        elif self.reply.begun:
            self.fail(
                httpx2.RemoteProtocolError("peer closed connection without sending complete message body")
            )
        else:
            self.fail(httpx2.RemoteProtocolError("server disconnected without sending a response"))

    def fail(self, exc: BaseException) -> None:
        """End it badly; what came before stays readable."""
        if self.error is None and not self.reply.ended:
            self.error = exc
        self._wake()

    @property
    def ended_s(self) -> float | None:
        """When the reply was whole."""
        return self.reply.ended_s

    @property
    def stale(self) -> bool:
        """Whether a kept connection had died before the request reached anybody, so that another may be tried."""
        return (
            isinstance(self.error, (httpx2.ReadError, httpx2.RemoteProtocolError))
            and not self.reply.begun
            and self._connection is not None
            and self._connection.requests > 1
        )

    async def news(self) -> None:
        """Wait for the head or for more of the body, its end, or an error.

        A cancellation that finds part of a reply becomes its error: :meth:`pieces` hands on what came first.
        """
        reply = self.reply
        if reply.ended or self.error is not None or (self._eager and reply.status is not None):
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

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._turns.wake(self._waiter)

    def nudge(self) -> bool:
        """Wake whoever waits, if anything has come that it has not seen."""
        if self.reply.status is None or not self.reply.ahead:
            return False
        self._wake()
        return True

    async def pieces(self) -> AsyncIterator[list[tuple[float, bytes]]]:
        """Yield the body's pieces with their stamps, as many at a time as have come.

        Raises:
            httpx2.TransportError: The connection ended badly.
        """
        self._eager = False
        while True:
            piece = self.reply.take()
            if piece:
                yield piece
                # A fault of the reply's own is met before the connection's end: it came first.
                continue
            if self.reply.ended:
                return
            if self.error is not None:
                raise self.error
            if self._paused and self._connection is not None:
                self._paused = False
                self._heard_s = now()
                self._connection.line.resume()
            await self.news()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body for whoever needs no stamps."""
        async for piece in self.pieces():
            for _, payload in piece:
                yield payload

    async def aclose(self) -> None:
        """Let the connection go: back to the pool when the reply is whole, else closed."""
        self._timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end(reusable=self.reply.ended and self.reply.reusable and self.error is None)

    def _silent(self) -> None:
        """Fail after too long a silence, unless it is we who do not listen."""
        silence_s = 0.0 if self._paused else now() - self._heard_s
        if silence_s >= self._read_timeout_s:
            self.fail(httpx2.ReadTimeout(f"no byte for {self._read_timeout_s:g} s"))
        else:
            self._timer = self._loop.call_later(self._read_timeout_s - silence_s, self._silent)


class Pool(Protocol):
    """What a connection needs of where it belongs."""

    def give_back(self, connection: Connection, *, reusable: bool) -> None:
        """Take a connection whose exchange is over."""

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is closed."""


class Connection:
    """One connection, lent to one exchange at a time.

    Attributes:
        requests: How many it has carried.
    """

    line: Line

    def __init__(self, pool: Pool, origin: Origin, loop: asyncio.AbstractEventLoop, turns: Turns) -> None:
        """Belong to a pool; the line is set once it is connected."""
        self.loop = loop
        self.turns = turns
        self.origin = origin
        self.requests = 0
        self._pool = pool
        self._exchange: Exchange | None = None

    def begin(self, exchange: Exchange, data: bytes) -> float:
        """Send one request; return when its first byte was handed to the socket."""
        self.requests += 1
        self._exchange = exchange
        sent_s = now()
        self.line.write(data)
        return sent_s

    def received(self, data: bytes, at_s: float) -> None:
        """Hand a read to the exchange; what comes unasked ends the connection."""
        if self._exchange is not None:
            self._exchange.received(data, at_s)
        else:
            self.line.close()
            self._pool.forget(self)

    def lost(self, exc: BaseException | None) -> None:
        """Tell the exchange, and leave the pool."""
        self._pool.forget(self)
        if self._exchange is not None:
            self._exchange.lost(exc)

    def end(self, *, reusable: bool) -> None:
        """Go back to the pool, or close."""
        self._exchange = None
        if not reusable:
            self.line.close()
        self._pool.give_back(self, reusable=reusable)
