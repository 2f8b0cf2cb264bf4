"""What one exchange leaves behind, and the way from the transport to the runner's loop."""

from __future__ import annotations

import contextlib
import zlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar

import httpx2

from gapbench.clock import now
from gapbench.errors import RunnerError
from gapbench.transport.error_mapping import ERROR_CHARS, redact_and_truncate, translate_errors
from gapbench.transport.sse import Event, EventParser, is_single_data_event

MAX_BODY_BYTES = 256 * 2**20


class StampedStream(httpx2.AsyncByteStream):
    """A body whose pieces know when they arrived."""

    @abstractmethod
    def stamped_batches(self) -> AsyncIterator[list[tuple[float, bytes]]]:
        """Yield what has come since the last time, with its instants on :data:`gapbench.transport.now`."""

    @property
    @abstractmethod
    def ended_s(self) -> float | None:
        """When the body was whole. None: it is not."""

    @abstractmethod
    def wake_reader(self) -> bool:
        """Hand on at once what has come; say whether there is anything."""


class ExchangeRecord:
    """What one exchange leaves behind: instants, status, headers, and the reply's events.

    Attributes:
        sent_s: When the request's first byte went to the socket. None: it never did.
        first_byte_s: When the reply's status line arrived. None: it never did.
        ended_s: When the reply's last byte arrived. None: it did not, or its transport does not say.
        status: HTTP status. None: no reply.
        headers: The reply's headers, lower-case names.
        transport: Which code moved the bytes.
        captured_requests: Requests that a vendor's client built while nothing was to be sent. None: it is to be sent.
        active_stream: The reply under way, from the moment its request is sent. None: its transport does not say.
        error_response: A reply that has already come, for the client to turn into its error. None: there is none.
    """

    def __init__(self) -> None:
        """Start empty; the transport fills it."""
        self.captured_requests: list[httpx2.Request] | None = None
        self.error_response: httpx2.Response | None = None
        self.active_stream: StampedStream | None = None
        self.sent_s: float | None = None
        self.first_byte_s: float | None = None
        self.ended_s: float | None = None
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.transport: str | None = None
        self._body: httpx2.AsyncByteStream | None = None

    def set_response(self, status: int, headers: Mapping[str, str], body: httpx2.AsyncByteStream) -> None:
        """Keep a successful reply, for :meth:`events`."""
        self.status, self.headers, self._body = status, headers, body

    def detach_body(self, response: httpx2.Response) -> httpx2.Response:
        """Keep a successful reply's body and return the reply without it."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self.set_response(response.status_code, response.headers, response.stream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=EmptyStream(),
            extensions=response.extensions,
        )

    async def events(self) -> AsyncIterator[Event]:
        """Yield the reply's events, each stamped. See :meth:`event_batches`."""
        async for batch in self.event_batches():
            for event in batch:
                yield event

    async def event_batches(self) -> AsyncIterator[list[Event]]:
        """Yield the reply's events as they are handed on: all that have come since the last time.

        Raises:
            RunnerError: ``garbage`` when the reply is no event stream, ``cut_stream`` or ``timeout``
                when the connection ends badly.
        """
        body = self._body
        if body is None:
            raise RunnerError("garbage", "the provider's client returned without a reply to read")
        parser = EventParser()
        total = 0
        with translate_errors():
            try:
                if "text/event-stream" not in self.headers.get("content-type", ""):
                    await self._raise_not_event_stream(body)
                unpacked = _decompressor(self.headers.get("content-encoding"))
                pieces = body.stamped_batches() if isinstance(body, StampedStream) else _stamp_reads(body)
                async for piece in pieces:
                    events: list[Event] = []
                    try:
                        for received_s, packed in piece:
                            for read in (packed,) if unpacked is None else unpacked(packed):
                                total += len(read)
                                if total > MAX_BODY_BYTES:
                                    raise _too_large_error()
                                if parser.is_at_boundary and is_single_data_event(read):
                                    events.append(Event(received_s, "", read[6:-2]))
                                else:
                                    events += parser.feed(read, received_s)
                    except RunnerError:
                        # What came before the fault is kept.
                        yield events
                        raise
                    yield events
                if isinstance(body, StampedStream):
                    self.ended_s = body.ended_s
            finally:
                await self.aclose()

    def wake_reader(self) -> bool:
        """Ask that what has arrived be handed on now; say whether there is anything.

        A reply is handed on when it is whole or long. Whoever watches its progress nudges first.
        """
        return self.active_stream is not None and self.active_stream.wake_reader()

    async def aclose(self) -> None:
        """Let the reply go, read or not; its connection is free then."""
        body, self._body = self._body, None
        if body is not None:
            await body.aclose()

    async def _raise_not_event_stream(self, body: httpx2.AsyncByteStream) -> None:
        seen = b""
        async for read in body:
            seen += read
            if len(seen) > 8 * ERROR_CHARS:
                break
        kind = self.headers.get("content-type") or "no content type"
        start = redact_and_truncate(seen.decode("utf-8", "replace"))
        msg = f"expected an event stream, got {kind}: {start!r}"
        raise RunnerError("garbage", msg, http_status=self.status)


class EmptyStream(httpx2.AsyncByteStream):
    """The body that a vendor's client sees in place of the diverted one."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""

    async def aclose(self) -> None:
        """Nothing to close: the tape owns the connection now."""


async def _stamp_reads(body: httpx2.AsyncByteStream) -> AsyncIterator[list[tuple[float, bytes]]]:
    """Stamp the reads of a transport that does not."""
    async for read in body:
        yield [(now(), read)]


def _too_large_error() -> RunnerError:
    return RunnerError("garbage", f"reply larger than {MAX_BODY_BYTES} bytes")


def _decompressor(coding: str | None) -> Callable[[bytes], Iterator[bytes]] | None:
    """Return what undoes a compression that we asked not to get; None: there is none."""
    if coding is None or coding.lower() == "identity":
        return None
    if coding.lower() not in {"gzip", "deflate"}:
        raise RunnerError("garbage", f"the events are compressed with {coding!r}; asked for was identity")
    # 32 added to the window's size: zlib tells gzip and deflate apart by their heads.
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def unpacked(read: bytes) -> Iterator[bytes]:
        before = unpacker.copy()
        try:
            whole = unpacker.decompress(read, MAX_BODY_BYTES + 1)
        except zlib.error as exc:
            # What came before the fault is kept, however the reads were cut.
            with contextlib.suppress(zlib.error):
                for at in range(len(read)):
                    yield before.decompress(read[at : at + 1])
            raise RunnerError("garbage", f"the events are no {coding}: {exc}") from exc
        yield whole

    return unpacked


_CURRENT_RECORD: ContextVar[ExchangeRecord] = ContextVar("tape")


def current_record() -> ExchangeRecord:
    """Return the tape of the exchange under way in this task."""
    return _CURRENT_RECORD.get()


def current_record_or_none() -> ExchangeRecord | None:
    """Return the tape of the exchange under way in this task; None outside of one."""
    return _CURRENT_RECORD.get(None)


@contextlib.contextmanager
def record_exchange() -> Iterator[ExchangeRecord]:
    """Open a tape for one exchange; ``measure`` does this around every call of a runner."""
    opened = ExchangeRecord()
    token = _CURRENT_RECORD.set(opened)
    try:
        yield opened
    finally:
        _CURRENT_RECORD.reset(token)
