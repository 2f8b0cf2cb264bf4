"""Accepts connections over TLS. The number of peers that are not authenticated is bounded, and so is their time."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

from gapbench.execution.machines.frames import READ_BUFFER_BYTES
from gapbench.execution.machines.handshake import HANDSHAKE_S

MAX_UNKNOWN_PEERS = 64
"""Connections that may be open at once without being let in."""
CLOSE_S = 5.0
"""A peer that is refused has so long to read why."""
BACKLOG = 1024
"""Connections that the kernel keeps until there is a place for them; many workers connect at once."""
GOODBYE_S = 1.0
"""The connections of peers that were let in have so long to end when listening does; then they are cut."""
ACCEPT_RETRY_S = 1.0
_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}

LetIn = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
"""Gets a peer's connection; returns whether it is kept. If not, and after an exception, it is closed."""


class PeerListener:
    """Listens, and lets peers in.

    From its first byte, TLS included, until it is let in or its connection has ended, a peer takes one of
    :data:`MAX_UNKNOWN_PEERS` places. Without a free place no connection is accepted.

    Args:
        context: TLS settings.
        let_in: See :data:`LetIn`.

    Attributes:
        unknown_peers: Places that are taken now.
    """

    def __init__(self, context: ssl.SSLContext, let_in: LetIn) -> None:
        self.unknown_peers = 0
        self._context = context
        self._let_in = let_in
        self._places = asyncio.Semaphore(MAX_UNKNOWN_PEERS)
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._kept: list[asyncio.StreamWriter] = []

    async def open(self, host: str, port: int) -> int:
        """Listen at every address of a host, and return the port.

        Args:
            host: The host.
            port: The port. 0: any free one.

        Raises:
            OSError: It cannot listen there.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        missing: OSError | None = None
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                listener = socket.create_server(address, family=family, backlog=BACKLOG)
            except OSError as exc:
                if exc.errno not in _NO_SUCH_ADDRESS:
                    await self.close()
                    raise
                missing = exc  # such as ::1 of localhost where there is no IPv6
                continue
            listener.setblocking(False)
            self._listeners.append(listener)
        if not self._listeners:
            raise missing or OSError(errno.EADDRNOTAVAIL, "the host has no address")
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in self._listeners]
        bound: int = self._listeners[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening, end the connections that are not let in, and wait until the others have ended."""
        tasks = [*self._accepting, *self._serving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        # Over TLS a connection ends only when the other end has agreed.
        endings = [asyncio.create_task(_wait_until_closed(writer)) for writer in self._kept]
        if endings:
            await asyncio.wait(endings, timeout=GOODBYE_S)
            for writer in self._kept:
                writer.transport.abort()
            _, left = await asyncio.wait(endings, timeout=GOODBYE_S)
            for ending in left:
                ending.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:
                # The peer has gone, or this process has too many open files.
                self._places.release()
                await asyncio.sleep(ACCEPT_RETRY_S)
                continue
            self.unknown_peers += 1
            # A short message that waits for the next one would look like a slow network to the clocks.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.create_task(self._serve(connection))
            self._serving.add(task)
            task.add_done_callback(partial(self._end, connection))

    def _end(self, connection: socket.socket, done: asyncio.Task[None]) -> None:
        self._serving.discard(done)
        self.unknown_peers -= 1
        self._places.release()
        if done.cancelled():
            connection.close()  # a task that is cancelled before it starts does not close it

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BUFFER_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
            )
        except OSError:  # it does not speak TLS, is too slow, or has gone
            return
        is_kept = False
        try:
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            is_kept = await self._let_in(reader, writer)
            if is_kept:
                self._kept.append(writer)
            else:
                writer.close()
                with contextlib.suppress(OSError):
                    await asyncio.wait_for(writer.wait_closed(), CLOSE_S)
        finally:
            if not is_kept:
                transport.abort()


async def _wait_until_closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.wait_closed()
