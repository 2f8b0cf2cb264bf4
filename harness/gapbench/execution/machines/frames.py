"""Frames on a connection: four bytes of length, then one message as plain data."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from gapbench import transport
from gapbench.execution.machines.wire import Codec, WireError

_LENGTH_PREFIX_BYTES = 4
MAX_FIRST_FRAME_BYTES = 2**16
"""Frames of a peer that has not proved that it knows the token."""
MAX_FRAME_BYTES = 2**28
"""Frames of a peer that has: a task's samples are one frame."""
READ_BUFFER_BYTES = 2**20
MAX_UNREAD_BYTES = 2**24
"""Bytes that may wait for a slow peer before its senders wait too."""


class FrameChannel:
    """One end of a connection.

    Args:
        reader: The connection's reader.
        writer: The connection's writer.
        incoming: Reads what arrives.
        outgoing: Writes what is sent.

    Attributes:
        received_s: When the last message had arrived, on :data:`gapbench.transport.now`.
        problem: Why the connection ended. None: the other end closed it, or it is open.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        incoming: Codec,
        outgoing: Codec,
        max_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self.received_s = transport.now()
        self.problem: str | None = None
        self._reader = reader
        self._writer = writer
        self._incoming = incoming
        self._outgoing = outgoing
        self._max_bytes = max_bytes
        writer.transport.set_write_buffer_limits(MAX_UNREAD_BYTES)

    def with_codecs(self, incoming: Codec, outgoing: Codec) -> FrameChannel:
        """Return the same connection for other messages, of any size that a known peer may send."""
        return FrameChannel(self._reader, self._writer, incoming, outgoing)

    def send(self, message: object) -> None:
        """Send a message; if the other end has gone, reading says so."""
        body = self._outgoing.encode(message)
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._writer.write(len(body).to_bytes(_LENGTH_PREFIX_BYTES) + body)

    async def drain(self) -> None:
        """Wait while too much waits to be sent."""
        await self._writer.drain()

    async def read(self) -> Any:
        """Return the next message. None: the connection has ended; see ``problem``."""
        try:
            size = int.from_bytes(await self._reader.readexactly(_LENGTH_PREFIX_BYTES))
            self._check_size(size)
            body = await self._reader.readexactly(size)
            self.received_s = transport.now()
            return self._incoming.decode(body)
        except WireError as exc:
            self.problem = f"it sent what gapbench does not: {exc}"
            self.abort()
        except (asyncio.IncompleteReadError, OSError) as exc:
            if not isinstance(exc, asyncio.IncompleteReadError):
                self.problem = str(exc) or type(exc).__name__
        return None

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise WireError(f"a message of {size} bytes; {self._max_bytes} are allowed")

    def close(self) -> None:
        """Close the connection after what was sent."""
        with contextlib.suppress(Exception):
            self._writer.close()

    def abort(self) -> None:
        """End the connection at once; what waits to be sent is dropped."""
        self._writer.transport.abort()
