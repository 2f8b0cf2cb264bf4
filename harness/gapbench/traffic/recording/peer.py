"""One end of the proxy: a connection to a client or to an upstream, written to at once and held back where it is slow."""

from __future__ import annotations

import asyncio
import os
from typing import cast


class Peer(asyncio.Protocol):
    """A connection.

    Attributes:
        is_slow: Whether it takes bytes more slowly than they come.
    """

    def __init__(self) -> None:
        self.is_slow = False
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1  # of a plain socket
        self._is_buffering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("ssl_object") is None:
            self._descriptor = transport.get_extra_info("socket").fileno()

    @property
    def is_open(self) -> bool:
        """Whether bytes can be written."""
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write now: the transport would hold the bytes until its loop turns."""
        transport = self._transport
        if transport is None or not data or transport.is_closing():
            return
        if self._is_buffering:
            self._is_buffering = transport.get_write_buffer_size() > 0
        if self._descriptor >= 0 and not self._is_buffering:
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:
                written = 0
            except OSError:
                return  # the loop tells of the lost connection
            if written == len(data):
                return
            data = data[written:]
        self._is_buffering = True
        transport.write(data)

    def pause_writing(self) -> None:
        """Note that the other side takes bytes more slowly than they come."""
        self.is_slow = True

    def resume_writing(self) -> None:
        """Note that there is room again."""
        self.is_slow = False

    def read_on(self, *, is_wanted: bool) -> None:
        """Read, or leave the bytes where they are."""
        if self._transport is None or self._transport.is_closing():
            return
        if is_wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def close(self) -> None:
        """Close once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()
            self._descriptor = -1
