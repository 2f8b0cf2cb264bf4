"""Read and write plain sockets ourselves, and TLS through the event loop.

A plain socket is read with ``recvmsg``, which returns the kernel's receive timestamp. If the loop is busy for a
millisecond, it then reads late but the timestamp is right. Where the kernel gives no timestamp (macOS, the first packet
after the start, TLS), the time is when the loop gave us the bytes.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
import sys
import time
from typing import Protocol, cast

from gapbench.clock import now

READ_BYTES = 64 * 2**10
# socket(7); Python's socket module has no name for it. It is the same on every Linux except parisc and sparc.
_SO_TIMESTAMPNS = 35

CONTROL_MESSAGE_BYTES = 64
"""Room for one control message with a ``struct timespec``."""

_TIMESPEC = struct.Struct("@ll")
_TOLERANCE_S = 2e-6
_CALIBRATION_SAMPLES = 20


class KernelClock:
    """Converts the kernel's receive timestamps to instants on :data:`now`.

    The kernel uses CLOCK_REALTIME (socket(7), SO_TIMESTAMP). NTP slews that clock and the monotonic clock alike, so their
    difference changes only when the clock is stepped, which :meth:`recalibrate_if_stepped` detects.
    """

    def __init__(self) -> None:
        """Measure the difference."""
        self.offset_s = 0.0
        self._calibrate()

    def recalibrate_if_stepped(self) -> None:
        """Measure the difference again if it has changed; called once per request."""
        low_s, high_s = _offset_bounds()
        if not low_s - _TOLERANCE_S <= self.offset_s <= high_s + _TOLERANCE_S:
            self._calibrate()

    def _calibrate(self) -> None:
        # Preemption between the two clock reads widens the bounds; the narrowest of several is the most exact.
        best_low_s, best_high_s = _offset_bounds()
        for _ in range(_CALIBRATION_SAMPLES):
            low_s, high_s = _offset_bounds()
            if high_s - low_s < best_high_s - best_low_s:
                best_low_s, best_high_s = low_s, high_s
        self.offset_s = (best_low_s + best_high_s) / 2

    def to_monotonic_s(self, control_message: bytes, earliest_s: float, latest_s: float) -> float:
        """Return a receive timestamp as an instant on :data:`now`.

        Args:
            control_message: The control message: a ``struct timespec``.
            earliest_s: An earlier timestamp means that the clock was stepped; ``latest_s`` is returned instead.
            latest_s: When the read was made.
        """
        seconds, nanoseconds = _TIMESPEC.unpack(control_message)
        at_s: float = seconds - self.offset_s + nanoseconds * 1e-9
        return at_s if earliest_s <= at_s <= latest_s else latest_s


def _offset_bounds() -> tuple[float, float]:
    """Return the lowest and the highest possible value of realtime minus :data:`now`."""
    before_s = now()
    real_s = time.clock_gettime(time.CLOCK_REALTIME)
    after_s = now()
    return real_s - after_s, real_s - before_s


KERNEL_CLOCK = KernelClock()


class ByteStreamOwner(Protocol):
    """What a stream notifies."""

    def data_received(self, data: bytes, at_s: float) -> None:
        """Process bytes that arrived."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Process the end of the stream. None: the peer closed it."""


class ByteStream(Protocol):
    """What a connection needs from a socket, plain or TLS."""

    @property
    def has_sent(self) -> bool:
        """Whether any byte of the last :meth:`write` may have left this machine."""

    def is_usable(self) -> bool:
        """Return whether nothing has arrived and the peer has not closed; asked before an idle stream is used again."""

    def write(self, data: bytes) -> None:
        """Write bytes; what the socket does not take now is sent later."""

    def find_reset(self) -> None:
        """Notify the owner if the connection has been reset, in case the event loop did not report it."""

    def pause_reading(self) -> None:
        """Stop reading until :meth:`resume_reading`."""

    def resume_reading(self) -> None:
        """Continue reading."""

    def close(self) -> None:
        """Close the stream without notifying its owner."""


def _has_event(descriptor: int, events: int) -> bool:
    """Return whether a socket is in one of these states of ``poll``, or has an error or a hang-up, which always count."""
    poll = select.poll()
    poll.register(descriptor, events)
    return bool(poll.poll(0))


class SocketStream:
    """A connected plain socket that we read ourselves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, owner: ByteStreamOwner) -> None:
        """Start reading.

        Args:
            loop: The running loop.
            sock: Connected and non-blocking; the stream closes it.
            owner: Gets what arrives.
        """
        self._loop = loop
        self._sock = sock
        self._recvmsg = sock.recvmsg
        self._owner = owner
        self._earliest_s = now()
        self._unsent = b""
        self.has_sent = False
        self._is_open = True
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop.add_reader(sock, self._on_readable)

    def _on_readable(self) -> None:
        try:
            data, control_messages, _, _ = self._recvmsg(READ_BYTES, CONTROL_MESSAGE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._close_and_notify(exc)
            return
        at_s = now()
        if not data:
            self._close_and_notify(None)
            return
        if control_messages:
            at_s = KERNEL_CLOCK.to_monotonic_s(control_messages[0][2], self._earliest_s, at_s)
        self._owner.data_received(data, at_s)

    def is_usable(self) -> bool:
        """See :class:`ByteStream`."""
        return self._is_open and not _has_event(self._sock.fileno(), select.POLLIN)

    def write(self, data: bytes) -> None:
        """See :class:`ByteStream`."""
        KERNEL_CLOCK.recalibrate_if_stepped()
        self._earliest_s = now()
        if self._unsent:
            self._unsent += data
            return
        self.has_sent = False
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._loop.call_soon(self._close_and_notify, exc)
            return
        self.has_sent = sent > 0
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
        self.has_sent = self.has_sent or sent > 0
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def find_reset(self) -> None:
        """See :class:`ByteStream`.

        If data and a reset arrive together, uvloop 0.23 calls the reader once, for the data, and stops watching the
        socket: libuv's ``uv__poll_io`` stops on POLLERR.
        """
        if self._is_open and _has_event(self._sock.fileno(), 0):
            self._on_readable()

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
        self.has_sent = False
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
        """Return a stream over ``sock`` once the handshake is done.

        Raises:
            ssl.SSLError: No common protocol or cipher, or a certificate that is not trusted.
        """
        _, stream = await loop.create_connection(lambda: cls(owner), sock=sock, ssl=tls, server_hostname=host)
        return stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Timestamp decrypted bytes."""
        at_s = now()
        if self._is_open:
            self._owner.data_received(bytes(data), at_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the owner of the end."""
        if self._is_open:
            self._is_open = False
            self._owner.connection_lost(exc)

    def is_usable(self) -> bool:
        """See :class:`ByteStream`."""
        if self._transport is None or not self._is_open or self._transport.is_closing():
            return False
        return not _has_event(self._transport.get_extra_info("socket").fileno(), select.POLLIN)

    def write(self, data: bytes) -> None:
        """See :class:`ByteStream`."""
        if self._transport is not None:
            # The event loop does not say when encrypted bytes leave.
            self.has_sent = True
            self._transport.write(data)

    def find_reset(self) -> None:
        """See :class:`ByteStream`; the loop's own transports read until nothing is left and so find it."""

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
            # abort, not close: do not wait for the TLS shutdown of a response that is no longer needed.
            self._transport.abort()
