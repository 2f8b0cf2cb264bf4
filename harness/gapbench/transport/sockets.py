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
from gapbench.transport.kernel_timestamps import CONTROL_MESSAGE_BYTES, KernelClock

READ_BYTES = 64 * 2**10
# socket(7); Python's socket module has no name for it. The same on every Linux but parisc and sparc.
_SO_TIMESTAMPNS = 35

KERNEL_CLOCK = KernelClock()


class ByteStreamOwner(Protocol):
    """What a line tells of."""

    def data_received(self, data: bytes, at_s: float) -> None:
        """Bytes came."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The line ended; None: the peer closed it."""


class ByteStream(Protocol):
    """What a connection needs of the way its bytes go."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket; what it does not take now follows."""

    def pause_reading(self) -> None:
        """Read no more until :meth:`resume_reading`."""

    def resume_reading(self) -> None:
        """Read on."""

    def close(self) -> None:
        """End the line; its owner is not told."""


class SocketStream:
    """A connected plain socket, read by ourselves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, owner: ByteStreamOwner) -> None:
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
        self._is_open = True
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop.add_reader(sock, self._on_readable)

    def _on_readable(self) -> None:
        try:
            data, notes, _, _ = self._recvmsg(READ_BYTES, CONTROL_MESSAGE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._close_and_notify(exc)
            return
        at_s = now()
        if not data:
            self._close_and_notify(None)
            return
        if notes:
            at_s = KERNEL_CLOCK.to_monotonic_s(notes[0][2], self._earliest_s, at_s)
        self._owner.data_received(data, at_s)

    def write(self, data: bytes) -> None:
        """See :class:`ByteStream`."""
        KERNEL_CLOCK.recalibrate_if_stepped()
        self._earliest_s = now()
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._loop.call_soon(self._close_and_notify, exc)
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self._loop.add_writer(self._sock, self._on_writable)

    def _on_writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._close_and_notify(exc)
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def pause_reading(self) -> None:
        """See :class:`ByteStream`."""
        if self._is_open:
            self._loop.remove_reader(self._sock)

    def resume_reading(self) -> None:
        """See :class:`ByteStream`."""
        if self._is_open:
            self._loop.add_reader(self._sock, self._on_readable)

    def close(self) -> None:
        """See :class:`ByteStream`."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _close_and_notify(self, exc: BaseException | None) -> None:
        if self._is_open:
            self.close()
            self._owner.connection_lost(exc)


class TlsStream(asyncio.Protocol):
    """A TLS connection, encrypted by the event loop."""

    def __init__(self, owner: ByteStreamOwner) -> None:
        """Wait for the handshake."""
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._is_open = True

    @classmethod
    async def connect(
        cls,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        owner: ByteStreamOwner,
        tls: ssl.SSLContext,
        host: str,
    ) -> TlsStream:
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
        if self._is_open:
            self._owner.data_received(bytes(data), at_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        if self._is_open:
            self._is_open = False
            self._owner.connection_lost(exc)

    def write(self, data: bytes) -> None:
        """See :class:`ByteStream`."""
        if self._transport is not None:
            self._transport.write(data)

    def pause_reading(self) -> None:
        """See :class:`ByteStream`."""
        if self._transport is not None and self._is_open:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See :class:`ByteStream`."""
        if self._transport is not None and self._is_open:
            self._transport.resume_reading()

    def close(self) -> None:
        """See :class:`ByteStream`."""
        if self._is_open and self._transport is not None:
            self._is_open = False
            # A reply that nobody wants any more must not hold the handshake's goodbye up.
            self._transport.abort()
