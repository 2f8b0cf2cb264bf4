"""The two ways that bytes move: our own reads on a plain socket, and the loop's TLS.

A plain socket is read with ``recvmsg``, which brings the kernel's receive stamp along: a loop that is busy
for a millisecond then reads late but does not stamp late. Where the kernel gives no stamp (macOS, the first
packet after start, TLS) the stamp is the instant at which the loop handed us the bytes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from typing import Protocol, cast

from gapbench.clock import now
from gapbench.transport.kernel_timestamps import NOTE_BYTES, KernelClock

READ_BYTES = 64 * 2**10
# socket(7); Python's socket module has no name for it. The same on every Linux but parisc and sparc.
_SO_TIMESTAMPNS = 35

CLOCK = KernelClock()


class Owner(Protocol):
    """What a line tells of."""

    def received(self, data: bytes, at_s: float) -> None:
        """Bytes came."""

    def lost(self, exc: BaseException | None) -> None:
        """The line ended; None: the peer closed it."""


class Line(Protocol):
    """What a connection needs of the way its bytes go."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket; what it does not take now follows."""

    def pause(self) -> None:
        """Read no more until :meth:`resume`."""

    def resume(self) -> None:
        """Read on."""

    def close(self) -> None:
        """End the line; its owner is not told."""


class SocketLine:
    """A connected plain socket, read by ourselves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, owner: Owner) -> None:
        """Start reading.

        Args:
            loop: The running loop.
            sock: Connected and non-blocking; the line closes it.
            owner: Told of what comes.
        """
        self._loop = loop
        self._sock = sock
        self._recvmsg = sock.recvmsg
        self._owner = owner
        self._earliest_s = now()
        self._unsent = b""
        self._open = True
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop.add_reader(sock, self._readable)

    def _readable(self) -> None:
        try:
            data, notes, _, _ = self._recvmsg(READ_BYTES, NOTE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._end(exc)
            return
        at_s = now()
        if not data:
            self._end(None)
            return
        if notes:
            at_s = CLOCK.instant_s(notes[0][2], self._earliest_s, at_s)
        self._owner.received(data, at_s)

    def write(self, data: bytes) -> None:
        """See :class:`Line`."""
        CLOCK.check()
        self._earliest_s = now()
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._loop.call_soon(self._end, exc)
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._end(exc)
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def pause(self) -> None:
        """See :class:`Line`."""
        if self._open:
            self._loop.remove_reader(self._sock)

    def resume(self) -> None:
        """See :class:`Line`."""
        if self._open:
            self._loop.add_reader(self._sock, self._readable)

    def close(self) -> None:
        """See :class:`Line`."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _end(self, exc: BaseException | None) -> None:
        if self._open:
            self.close()
            self._owner.lost(exc)


class TlsLine(asyncio.Protocol):
    """A TLS connection, encrypted by the event loop."""

    def __init__(self, owner: Owner) -> None:
        """Wait for the handshake."""
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._open = True

    @classmethod
    async def started(
        cls,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        owner: Owner,
        tls: ssl.SSLContext,
        host: str,
    ) -> TlsLine:
        """Return a line over ``sock`` once the handshake is done.

        Raises:
            ssl.SSLError: No common ground, or a certificate that is not trusted.
        """
        _, line = await loop.create_connection(lambda: cls(owner), sock=sock, ssl=tls, server_hostname=host)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Stamp what was decrypted."""
        at_s = now()
        if self._open:
            self._owner.received(bytes(data), at_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        if self._open:
            self._open = False
            self._owner.lost(exc)

    def write(self, data: bytes) -> None:
        """See :class:`Line`."""
        if self._transport is not None:
            self._transport.write(data)

    def pause(self) -> None:
        """See :class:`Line`."""
        if self._transport is not None and self._open:
            self._transport.pause_reading()

    def resume(self) -> None:
        """See :class:`Line`."""
        if self._transport is not None and self._open:
            self._transport.resume_reading()

    def close(self) -> None:
        """See :class:`Line`."""
        if self._open and self._transport is not None:
            self._open = False
            # A reply that nobody wants any more must not hold the handshake's goodbye up.
            self._transport.abort()
