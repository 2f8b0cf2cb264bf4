"""One request on its way to its upstream, and the answer on its way back: passed on piece by piece, and recorded.

The end of an answer waits until its line is in the file, so a client that has a whole answer can rely on its line, even if this
process is killed next. What comes before the end does not wait.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from gapbench.clock import now
from gapbench.traffic.recording.exchange import Exchange
from gapbench.traffic.recording.http_messages import (
    BodyReader,
    Framing,
    Head,
    MessageError,
    frame,
    read_answer_head,
    split_head,
)
from gapbench.traffic.recording.upstream_connection import (
    UpstreamConnection,
    UpstreamPool,
    authority,
    reason_of,
)
from gapbench.traffic.recording.writer import RecordWriter
from gapbench.transport import Origin

LABEL_PREFIX = b"x-gapbench-"
_NOT_SENT = frozenset({b"host", b"expect"})
"""The host is the upstream's, and the client has had its 100 Continue."""
_SIMULATED_SERVER = "gapbench-sim"
_MAX_HOLD_S = 1.0
"""How long the end of an answer waits for its line to be in the file."""
_MAX_UNSENT_BYTES = 2**20
"""Of a request whose upstream is not connected yet."""
_DONE = b"[DONE]"
_EVENT_DATA = b"data:"


class Client(Protocol):
    """What a passage needs of the client's connection."""

    is_slow: bool

    def write(self, data: bytes) -> None:
        """Write now."""

    def read_on(self, *, is_wanted: bool) -> None:
        """Read, or leave the bytes where they are."""

    def passage_ended(self, passage: Passage, *, keeps_alive: bool) -> None:
        """Turn to the next request, or close the connection."""

    def cut(self) -> None:
        """Close the connection in the middle of an answer."""


class Passage:
    """A request and its answer.

    Args:
        client: Who asked.
        pool: Where the connection to the upstream comes from.
        writer: Takes the exchange at its end.
        head: The head of the request.
        origin: The upstream.
        target: Path and query to ask there.
        exchange: What is recorded. None: nothing is.
    """

    def __init__(
        self,
        client: Client,
        pool: UpstreamPool,
        writer: RecordWriter,
        head: Head,
        origin: Origin,
        target: str,
        exchange: Exchange | None,
    ) -> None:
        self._client = client
        self._pool = pool
        self._writer = writer
        self._head = head
        self._origin = origin
        self._target = target
        self._exchange = exchange
        self._body = BodyReader(head.framing, head.length)
        self._upstream: UpstreamConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._answer_start = b""
        self._answer_head: Head | None = None
        self._answer: BodyReader | None = None
        self._framing = Framing.NONE  # of the answer to the client
        self._keeps_alive = head.keeps_alive
        self._held: list[bytes] | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        self._has_answered = False
        self._has_ended = False

    # --- the request ---

    def start(self, data: bytes) -> bytes:
        """Send the request, as far as it has come; return what follows it on the connection.

        Raises:
            MessageError: Its body cannot be read.
        """
        payload, rest = self._read_body(data)
        if self._head.text(b"expect").lower() == "100-continue" and not self._body.is_complete:
            self._client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        first = frame(payload, self._head.framing, is_end=self._body.is_complete)
        connection = self._pool.take(self._origin)
        if connection is None:
            self._keep_unsent(first)
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        else:
            self._attach(connection, first)
        return rest

    def feed(self, data: bytes) -> bytes:
        """Pass on more of the request's body; return what follows it on the connection.

        Raises:
            MessageError: It cannot be read.
        """
        if self._body.is_complete:
            return data
        payload, rest = self._read_body(data)
        if self._has_answered:  # the upstream did not want all of it
            self._end_if_complete()
            return rest
        piece = frame(payload, self._head.framing, is_end=self._body.is_complete)
        if self._upstream is not None:
            self._upstream.write(piece)
        elif piece:
            self._keep_unsent(piece)
        return rest

    @property
    def wants_body(self) -> bool:
        """Whether more of the request is to come."""
        return not self._body.is_complete

    def _read_body(self, data: bytes) -> tuple[bytes, bytes]:
        payload, rest = self._body.feed(data)
        exchange = self._exchange
        if exchange is not None and payload and not self._has_answered:
            exchange.request.add(now(), payload)
        return payload, rest

    def _keep_unsent(self, piece: bytes) -> None:
        self._unsent.append(piece)
        self._unsent_bytes += len(piece)
        if self._unsent_bytes > _MAX_UNSENT_BYTES:
            self._client.read_on(is_wanted=False)

    async def _connect(self) -> None:
        try:
            connection = await self._pool.open(self._origin)
        except (OSError, ValueError) as exc:  # ValueError: a host that is no name
            self._connecting = None
            self._fail(f"cannot connect: {reason_of(exc)}")
            return
        self._connecting = None
        if self._has_ended:
            self._pool.keep(connection)
            return
        unsent, self._unsent = b"".join(self._unsent), []
        self._attach(connection, unsent)
        self._client.read_on(is_wanted=not self._upstream_is_slow)

    def _attach(self, connection: UpstreamConnection, first: bytes) -> None:
        self._upstream = connection
        connection.reader = self
        connection.write(self._head_to_send(connection) + first)

    def _head_to_send(self, connection: UpstreamConnection) -> bytes:
        target = self._target
        if connection.proxy_head is not None:
            target = f"{self._origin.scheme}://{authority(self._origin)}{target}"
        lines = [
            f"{self._head.method} {target} HTTP/1.1".encode("latin-1"),
            b"Host: " + authority(self._origin).encode(),
        ]
        lines += [
            field.line
            for field in self._head.end_to_end()
            if field.name not in _NOT_SENT and not field.name.startswith(LABEL_PREFIX)
        ]
        if self._head.framing is Framing.CHUNKED:
            lines.append(b"Transfer-Encoding: chunked")
        return b"\r\n".join(lines) + b"\r\n" + (connection.proxy_head or b"") + b"\r\n"

    # --- the answer ---

    def answer_received(self, data: bytes) -> None:
        """Pass on what came from the upstream."""
        try:
            head = b""
            if self._answer is None:
                data = self._answer_start + data
                found = self._read_head(data)
                if found is None:
                    return
                head, data = found
            assert self._answer is not None
            payload, rest = self._answer.feed(data)
        except MessageError as exc:
            self._fail(f"the answer is not HTTP/1.1: {exc}")
            return
        if rest and self._upstream is not None:
            self._upstream.abort()  # bytes after the answer's end
        self._pass_on(head, payload)

    def _read_head(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head for the client, and what follows the upstream's. None: it is not there yet."""
        while (found := split_head(data)) is not None:
            head = read_answer_head(found[0], self._head.method)
            if head.status == 101:
                raise MessageError("another protocol, which the request did not ask for")
            if head.status >= 200:
                self._answer_start = b""
                self._answer_head = head
                self._answer = BodyReader(head.framing, head.length)
                if self._exchange is not None:
                    _note_head(self._exchange, head)
                return self._head_for_client(head), found[1]
            data = found[1]  # such as 100 Continue, which the client has had, or 103 Early Hints
        self._answer_start = data
        return None

    def _head_for_client(self, head: Head) -> bytes:
        is_new = self._head.minor_version > 0
        self._framing = head.framing
        if head.framing in {Framing.CHUNKED, Framing.CLOSE}:
            self._framing = Framing.CHUNKED if is_new else Framing.CLOSE
        self._keeps_alive = self._keeps_alive and self._framing is not Framing.CLOSE
        lines = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
        lines += [field.line for field in head.end_to_end()]
        if self._framing is Framing.CHUNKED:
            lines.append(b"Transfer-Encoding: chunked")
        if not self._keeps_alive:
            lines.append(b"Connection: close")
        elif not is_new:
            lines.append(b"Connection: keep-alive")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _pass_on(self, head: bytes, payload: bytes) -> None:
        """Pass on a piece of the answer; hold its end until it is recorded."""
        assert self._answer is not None
        exchange, is_end = self._exchange, self._answer.is_complete
        if exchange is None:
            self._client.write(head + frame(payload, self._framing, is_end=is_end))
            if is_end:
                self._end_answer()
            return
        if self._held is not None:
            self._held.append(frame(payload, self._framing, is_end=is_end))
        elif exchange.ended_s is not None:  # what comes after the mark, once it is recorded
            self._client.write(frame(payload, self._framing, is_end=is_end))
            if is_end:
                self._end_answer()
        elif is_end or payload[-16:].rstrip().endswith(
            _DONE
        ):  # clients of Chat Completions leave at this mark
            at_s = now()
            at = payload.rfind(_EVENT_DATA) if exchange.reading is not None else -1
            if at > 0:  # only the last event waits
                self._client.write(head + frame(payload[:at], self._framing, is_end=False))
                head = b""
            self._held = [head, frame(payload[max(at, 0) :], self._framing, is_end=is_end)]
            exchange.add_reply(at_s, payload)
            self._record(exchange, at_s)
        else:
            at_s = now()
            self._client.write(head + frame(payload, self._framing, is_end=False))
            exchange.add_reply(at_s, payload)

    def _record(self, exchange: Exchange, at_s: float) -> None:
        exchange.ended_s = at_s
        self._hold_timer = asyncio.get_running_loop().call_later(_MAX_HOLD_S, self._release)
        self._writer.submit(exchange, self._release)

    def _release(self) -> None:
        """Pass on what waited for the line."""
        held, self._held = self._held, None
        if held is None or self._has_ended:
            return
        assert self._answer is not None
        assert self._hold_timer is not None
        self._hold_timer.cancel()
        self._client.write(b"".join(held))
        if self._answer.is_complete:
            self._end_answer()

    def _end_answer(self) -> None:
        """Keep or close the upstream's connection, then turn to the next request."""
        self._has_answered = True
        upstream, self._upstream = self._upstream, None
        assert self._answer_head is not None
        if upstream is not None:
            upstream.reader = None
            if self._body.is_complete and self._answer_head.keeps_alive and upstream.is_open:
                self._pool.keep(upstream)
            else:
                upstream.abort()
        self._client.read_on(is_wanted=True)
        self._end_if_complete()

    def _end_if_complete(self) -> None:
        if self._body.is_complete and not self._has_ended:
            self._has_ended = True
            self._client.passage_ended(self, keeps_alive=self._keeps_alive)

    # --- what goes wrong, and who is slow ---

    def upstream_lost(self, exc: Exception | None) -> None:
        """Pass on the end of an answer without a length; else close the client's connection, as the upstream's was."""
        self._upstream = None
        if self._answer is not None and self._answer.is_complete:
            return  # its end is held, and the connection was to end after it
        if self._answer is not None and exc is None and self._answer.end():
            self._pass_on(b"", b"")
            return
        when = "before the answer" if self._answer is None else "before the end of the answer"
        how = "closed" if exc is None else reason_of(exc)
        self._fail(f"{how} {when}" if exc is None else f"{how}, {when}")

    def _fail(self, why: str) -> None:
        """End the client's connection, so that the client sees the same error and tries again in the same way."""
        if self._has_ended:
            return
        if self._exchange is not None and self._exchange.ended_s is None:
            self._exchange.error = f"connection: {why}"
        self._give_up()
        self._client.cut()

    def refuse(self, exc: MessageError) -> bool:
        """End a request whose rest cannot be read; return whether the client can be told so."""
        if self._exchange is not None and self._exchange.ended_s is None:
            self._exchange.error = f"the request is not HTTP/1.1: {exc}"
        can_tell = self._answer is None and not self._has_ended
        self._give_up()
        return can_tell

    def client_left(self) -> None:
        """End the request, whose client is gone."""
        if self._has_ended:
            return
        if self._exchange is not None and self._exchange.ended_s is None:
            self._exchange.is_cancelled = True
        self._give_up()

    def _give_up(self) -> None:
        self._has_ended = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.reader = None
            self._upstream.abort()
            self._upstream = None
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        exchange = self._exchange
        if exchange is not None and exchange.ended_s is None:
            exchange.ended_s = now()
            self._writer.submit(exchange)

    @property
    def _upstream_is_slow(self) -> bool:
        return self._upstream is not None and self._upstream.is_slow

    def upstream_speed_changed(self) -> None:
        """Read less from the client while the upstream is slow."""
        if not self._body.is_complete:
            self._client.read_on(is_wanted=not self._upstream_is_slow)

    def client_speed_changed(self) -> None:
        """Read less from the upstream while the client is slow."""
        if self._upstream is not None:
            self._upstream.read_on(is_wanted=not self._client.is_slow)


def _note_head(exchange: Exchange, head: Head) -> None:
    exchange.status = head.status
    exchange.content_type = head.text(b"content-type").lower()
    exchange.reply.encoding = head.text(b"content-encoding").lower()
    exchange.is_simulated = head.text(b"server") == _SIMULATED_SERVER
    exchange.start_reading()
