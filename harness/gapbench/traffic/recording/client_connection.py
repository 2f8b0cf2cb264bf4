"""A client's connection to the proxy: one request after the other."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

import orjson

from gapbench.traffic.recording.http_messages import Head, MessageError, read_request_head, split_head
from gapbench.traffic.recording.passage import Passage
from gapbench.traffic.recording.peer import Peer

_MAX_AHEAD_BYTES = 64 * 2**10
"""Of requests that a client sends before the answer to the one before them."""
_REASONS = {
    400: b"Bad Request",
    404: b"Not Found",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
}


class Switchboard(Protocol):
    """What a connection asks for each request.

    Attributes:
        is_stopping: Whether each connection ends after the request in progress.
    """

    is_stopping: bool

    def new_passage(self, client: ClientConnection, head: Head) -> Passage:
        """Return the way of a request; a :class:`MessageError` refuses it."""

    def connection_opened(self, client: ClientConnection) -> None:
        """Take note of a connection."""

    def connection_ended(self, client: ClientConnection) -> None:
        """Take note that it is no more."""


class ClientConnection(Peer):
    """A client's connection.

    Args:
        switchboard: Says where each request goes.
    """

    def __init__(self, switchboard: Switchboard) -> None:
        super().__init__()
        self._switchboard = switchboard
        self._passage: Passage | None = None
        self._buffer = b""
        self._is_closing = False

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress."""
        return self._passage is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._switchboard.connection_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a client that leaves is no error here
        """End the request in progress."""
        self._transport, self._descriptor, self._buffer = None, -1, b""
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.client_left()
        self._switchboard.connection_ended(self)

    def data_received(self, data: bytes) -> None:
        """Start a request, or go on with the one in progress."""
        if self._is_closing:
            return
        passage = self._passage
        if passage is None:
            self._buffer += data
            self._start_next()
        elif passage.wants_body:
            try:
                self._buffer += passage.feed(data)
            except MessageError as exc:
                self._passage = None
                if passage.refuse(exc):
                    self._refuse(exc)
                else:
                    self.cut()
                return
            if self._buffer:  # its rest may have been all that an answered request waited for
                self._start_waiting()
        else:
            self._buffer += data
            if len(self._buffer) > _MAX_AHEAD_BYTES:
                self.read_on(is_wanted=False)

    def pause_writing(self) -> None:
        """Read less from the upstream."""
        super().pause_writing()
        if self._passage is not None:
            self._passage.client_speed_changed()

    def resume_writing(self) -> None:
        """Read on from the upstream."""
        super().resume_writing()
        if self._passage is not None:
            self._passage.client_speed_changed()

    def _start_next(self) -> None:
        """Start the request whose head is in the buffer, if it is whole."""
        try:
            if self._buffer.startswith(b"\r\n"):  # RFC 9112, section 2.2
                self._buffer = self._buffer.lstrip(b"\r\n")
            found = split_head(self._buffer)
            if found is None:
                return
            head = read_request_head(found[0])
            passage = self._passage = self._switchboard.new_passage(self, head)
        except MessageError as exc:
            self._refuse(exc)
            return
        self._buffer = b""
        try:
            rest = passage.start(found[1])
        except MessageError as exc:
            self._passage = None
            passage.refuse(exc)
            self._refuse(exc)
            return
        self._buffer = rest + self._buffer

    def passage_ended(self, passage: Passage, *, keeps_alive: bool) -> None:
        """Turn to the next request, or close the connection."""
        if passage is not self._passage:
            return
        self._passage = None
        if not keeps_alive or self._switchboard.is_stopping:
            self.cut()
        elif self._buffer:
            asyncio.get_running_loop().call_soon(self._start_waiting)

    def _start_waiting(self) -> None:
        if self._passage is None and self.is_open and not self._is_closing:
            self._start_next()

    def cut(self) -> None:
        """Close the connection once what was written has left."""
        self._is_closing = True
        self._passage = None
        self.close()

    def _refuse(self, exc: MessageError) -> None:
        """Answer a request that goes nowhere, and close: where it ends is not known, or it may have a long body."""
        body = orjson.dumps(
            {"error": {"type": "gapbench_record", "message": f"bench record cannot pass this on: {exc}"}}
        )
        head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        self.write(head % (exc.status, _REASONS.get(exc.status, b"Error"), len(body)) + body)
        self.cut()
