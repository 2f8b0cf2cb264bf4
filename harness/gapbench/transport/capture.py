"""Record one exchange: its instants, status, headers and events. The transport fills the record, the runner reads it."""

from __future__ import annotations

import contextlib
import zlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar, Token

import httpx2

from gapbench.clock import now
from gapbench.errors import RunnerError
from gapbench.transport.error_mapping import (
    ERROR_CHARS,
    TRANSPORT_ERRORS,
    redact_and_truncate,
    transport_failure,
)
from gapbench.transport.sse import Event, EventBatch, EventBlock, EventParser, looks_like_events

MAX_BODY_BYTES = 256 * 2**20


class StampedStream(httpx2.AsyncByteStream):
    """A response body whose pieces carry the time they arrived."""

    @abstractmethod
    def stamped_batches(self) -> AsyncIterator[list[tuple[float, bytes]]]:
        """Yield what arrived since the last batch: (seconds on :data:`gapbench.transport.now`, bytes)."""

    @property
    @abstractmethod
    def ended_s(self) -> float | None:
        """When the body was complete. None: it is not yet."""

    @abstractmethod
    def wake_reader(self) -> bool:
        """Deliver what has arrived now; return whether there is anything."""


class ExchangeRecord:
    """One exchange: instants, status, headers, and the response's events.

    Attributes:
        sent_s: When the request's first byte went to the socket. None: it never did.
        first_byte_s: When the response's status line arrived. None: it never did.
        ended_s: When the response's last byte arrived. None: it did not, or the transport does not report it.
        status: HTTP status. None: no response.
        headers: Response headers, lower-case names.
        transport: Which code moved the bytes: ``lean``, ``httpx2`` or ``in-process``.
        captured_requests: Collects the requests that an SDK builds, without sending them. None: requests are sent.
        active_stream: The response in progress, from the moment its request is sent. None: the transport does not
            report it.
        error_response: A response with an error status that the SDK will turn into its own error. None: there is none.
        stray_text: The start of the text that an event stream had outside of events. "": nothing.
        replica: Address of the replica that the request went to. None: the model has one address.
        others_answer: Whether other replicas are in use, at the end of the exchange.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.captured_requests: list[httpx2.Request] | None = None
        self.error_response: httpx2.Response | None = None
        self.active_stream: StampedStream | None = None
        self.sent_s: float | None = None
        self.first_byte_s: float | None = None
        self.ended_s: float | None = None
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.transport: str | None = None
        self.stray_text = ""
        self.replica: str | None = None
        self.others_answer = False
        self._body: httpx2.AsyncByteStream | None = None

    def set_response(self, status: int, headers: Mapping[str, str], body: httpx2.AsyncByteStream) -> None:
        """Store a successful response for :meth:`events`."""
        self.status, self.headers, self._body = status, headers, body

    def detach_body(self, response: httpx2.Response) -> httpx2.Response:
        """Store a successful response's body and return the response without it."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self.set_response(response.status_code, response.headers, response.stream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=EmptyStream(),
            extensions=response.extensions,
        )

    async def events(self) -> AsyncIterator[Event]:
        """Yield the response's events, each with its time. See :meth:`event_batches`."""
        async for batch in self.event_batches():
            for event in batch:
                yield event

    async def event_batches(self) -> AsyncIterator[EventBatch]:
        """Yield the response's events in batches: all that arrived since the last batch.

        Raises:
            RunnerError: ``garbage`` if the response is not an event stream, ``cut_stream`` or ``timeout``
                if the connection ends early.
        """
        body = self._body
        if body is None:
            raise RunnerError("garbage", "the provider's client returned without a response")
        parser = EventParser()
        total = 0
        received_s = 0.0
        try:
            try:
                decompress = _decompressor(self.headers.get("content-encoding"))
                batches = body.stamped_batches() if isinstance(body, StampedStream) else _stamp_reads(body)
                if "text/event-stream" not in self.headers.get("content-type", "").lower():
                    batches = self._event_batches_or_raise(batches)
                async for batch in batches:
                    parts: list[Event | EventBlock] = []
                    try:
                        for received_s, packed in batch:
                            for read in (packed,) if decompress is None else decompress(packed):
                                total += len(read)
                                if total > MAX_BODY_BYTES:
                                    raise _too_large_error()
                                block = parser.feed_block(read, received_s)
                                if block is None:
                                    parts += parser.feed(read, received_s)
                                else:
                                    parts.append(block)
                    except RunnerError:
                        # Events before the fault are kept.
                        yield EventBatch(parts)
                        raise
                    yield EventBatch(parts)
                if isinstance(body, StampedStream):
                    self.ended_s = body.ended_s
            finally:
                await self.aclose()
        except TRANSPORT_ERRORS as exc:
            # What the server said last may be why it hung up.
            if not parser.is_finished:
                yield self._last_events(parser, received_s)
            failure = transport_failure(exc)
            if not self.stray_text:
                raise failure from exc
            raise RunnerError(failure.kind, f"{failure}; the server wrote: {self.stray_text}") from exc
        if not parser.is_finished:
            yield self._last_events(parser, received_s)

    def _last_events(self, parser: EventParser, received_s: float) -> EventBatch:
        """Return the event that the end of the stream completes, if any, and keep text that was not an event."""
        last = parser.finish(received_s)
        self.stray_text = redact_and_truncate(parser.stray.decode("utf-8", "replace").strip())
        return EventBatch([] if last is None else [last])

    def wake_reader(self) -> bool:
        """Deliver what has arrived now; return whether there is anything.

        Normally a response is delivered when it is complete or long. A deadline that watches progress calls this first.
        """
        return self.active_stream is not None and self.active_stream.wake_reader()

    async def aclose(self) -> None:
        """Release the response and its connection, read or not."""
        body, self._body = self._body, None
        # Its timer knows this record: the cycle would stay until garbage is collected.
        self.active_stream = None
        if body is not None:
            await body.aclose()

    async def _event_batches_or_raise(
        self, batches: AsyncIterator[list[tuple[float, bytes]]]
    ) -> AsyncIterator[list[tuple[float, bytes]]]:
        """Yield the batches of a body with another content type if it is an event stream all the same.

        The vendors' clients read it too; they do not look at the content type.

        Raises:
            RunnerError: ``garbage`` if it is not an event stream.
        """
        seen = b""
        held: list[tuple[float, bytes]] = []
        async for batch in batches:
            held += batch
            seen += b"".join(read for _, read in batch)
            if looks_like_events(seen):
                yield held
                async for later in batches:
                    yield later
                return
            if len(seen) > 8 * ERROR_CHARS:
                break
        kind = self.headers.get("content-type") or "no content type"
        start = redact_and_truncate(seen.decode("utf-8", "replace"))
        msg = f"expected an event stream, got {kind}: {start!r}"
        raise RunnerError("garbage", msg, http_status=self.status)


class EmptyStream(httpx2.AsyncByteStream):
    """The empty body that the SDK sees instead of the real one."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""

    async def aclose(self) -> None:
        """Do nothing: the record owns the connection."""


async def _stamp_reads(body: httpx2.AsyncByteStream) -> AsyncIterator[list[tuple[float, bytes]]]:
    """Timestamp the reads of a transport that does not do so itself."""
    async for read in body:
        yield [(now(), read)]


def _too_large_error() -> RunnerError:
    return RunnerError("garbage", f"response larger than {MAX_BODY_BYTES} bytes")


def _decompressor(coding: str | None) -> Callable[[bytes], Iterator[bytes]] | None:
    """Return a decompressor for a response that is compressed although we asked for identity. None: it is not."""
    if coding is None or coding.lower() == "identity":
        return None
    if coding.lower() not in {"gzip", "deflate"}:
        raise RunnerError("garbage", f"the events are compressed with {coding!r}; identity was requested")
    # 32 added to the window size makes zlib detect gzip and deflate by their headers.
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decompress(read: bytes) -> Iterator[bytes]:
        before = decompressor.copy()
        try:
            whole = decompressor.decompress(read, MAX_BODY_BYTES + 1)
        except zlib.error as exc:
            # Keep what is before the fault, wherever the reads were split.
            with contextlib.suppress(zlib.error):
                for at in range(len(read)):
                    yield before.decompress(read[at : at + 1])
            raise RunnerError("garbage", f"the events are not valid {coding}: {exc}") from exc
        yield whole

    return decompress


_CURRENT_RECORD: ContextVar[ExchangeRecord] = ContextVar("exchange_record")


def current_record() -> ExchangeRecord:
    """Return the record of the exchange in progress in this task."""
    return _CURRENT_RECORD.get()


def current_record_or_none() -> ExchangeRecord | None:
    """Return the record of the exchange in progress in this task, or None outside of one."""
    return _CURRENT_RECORD.get(None)


class _Recording(contextlib.AbstractContextManager[ExchangeRecord]):
    """Makes a record the current one for the duration of a block."""

    _token: Token[ExchangeRecord]

    def __enter__(self) -> ExchangeRecord:
        record = ExchangeRecord()
        self._token = _CURRENT_RECORD.set(record)
        return record

    def __exit__(self, *_: object) -> None:
        _CURRENT_RECORD.reset(self._token)


def record_exchange() -> contextlib.AbstractContextManager[ExchangeRecord]:
    """Open a record for one exchange; ``measure`` does this around every call of a runner."""
    return _Recording()
