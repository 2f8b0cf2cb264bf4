"""Bytes to stamped server-sent events: the one place where chunks meet the clock.

The vendors' clients build the request, hold the key and know the error classes. Their transport is
ours: :class:`StampedTransport` lets the reply's body by the client and onto a :class:`Tape`, each
network read stamped as it leaves the socket and before anything is parsed. So the same few lines time
every provider, and the clients' per-chunk models, which cost most of the time, are never built.

A runner's ``stream`` is then::

    await client.chat.completions.create(**call.body, stream=True)   # the client sends, we divert
    async for event in wire.tape().events():
        yield parse(event)
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from harness import credentials
from harness.errors import FailureKind, RunnerError
from harness.values import Session

now = time.perf_counter
"""The clock of every stamp: monotonic, and on Linux the same for all processes of a machine."""

MAX_EVENT_BYTES = 16 * 2**20
MAX_BODY_BYTES = 256 * 2**20
ERROR_CHARS = 500


class Event(NamedTuple):
    """One server-sent event.

    Attributes:
        received_s: When the read that completed it left the socket, on :data:`now`.
        name: The ``event:`` field; "" when there was none.
        data: The ``data:`` lines joined by newlines, undecoded.
    """

    received_s: float
    name: str
    data: bytes


class EventParser:
    """Incremental reader of the event-stream format (WHATWG HTML, section 9.2), any line ending.

    Feed it reads as they come; it returns the events that each read completed.
    """

    def __init__(self) -> None:
        """Start with nothing buffered."""
        self._rest = b""
        self._parts: list[bytes] = []
        self._pending = 0
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, read: bytes, received_s: float) -> list[Event]:
        """Return the events that ``read`` completes.

        Raises:
            RunnerError: ``garbage`` when one event grows past ``MAX_EVENT_BYTES``.
        """
        if b"\n" not in read and b"\r" not in read and not self._rest.endswith(b"\r"):
            # Joined once the line ends: joining at each read would make a long line's cost its square.
            self._parts.append(read)
            self._pending += len(read)
            self._bound()
            return []
        buffer = b"".join((self._rest, *self._parts, read)) if self._parts else self._rest + read
        self._parts, self._pending = [], 0
        if b"\r" in buffer:
            # A lone CR at the end may be half of a CRLF: keep it for the next read.
            held = b"\r" if buffer.endswith(b"\r") else b""
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            held = b""
        lines = buffer.split(b"\n")
        self._rest = lines.pop() + held
        events: list[Event] = []
        for line in lines:
            if line.startswith(b"data:"):
                value = line[6:] if line[5:6] == b" " else line[5:]
                self._data.append(value)
                self._size += len(value)
            elif not line:
                if self._data:
                    events.append(Event(received_s, self._name, b"\n".join(self._data)))
                self._name, self._data, self._size = "", [], 0
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
        self._bound()
        return events

    def _bound(self) -> None:
        if self._size + len(self._rest) + self._pending > MAX_EVENT_BYTES:
            msg = f"one event of the stream is larger than {MAX_EVENT_BYTES} bytes"
            raise RunnerError("garbage", msg)


class Tape:
    """What one exchange leaves behind: instants, status, headers, and the reply's events.

    Attributes:
        sent_s: When the request's first byte went to the socket. None: it never did.
        first_byte_s: When the reply's status line arrived. None: it never did.
        status: HTTP status. None: no reply.
        headers: The reply's headers, lower-case names.
        transport: Which code moved the bytes.
    """

    def __init__(self) -> None:
        """Start empty; the transport fills it."""
        self.sent_s: float | None = None
        self.first_byte_s: float | None = None
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.transport: str | None = None
        self._body: httpx2.AsyncByteStream | None = None

    def divert(self, response: httpx2.Response) -> httpx2.Response:
        """Keep a successful reply's body and return the reply without it."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._body = response.stream
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=_Nothing(), extensions=response.extensions
        )

    async def events(self) -> AsyncIterator[Event]:
        """Yield the reply's events as they arrive, each stamped.

        Raises:
            RunnerError: ``garbage`` when the reply is no event stream, ``cut_stream`` or ``timeout``
                when the connection ends badly.
        """
        body, self._body = self._body, None
        if body is None:
            raise RunnerError("garbage", "the provider's client returned without a reply to read")
        parser = EventParser()
        total = 0
        with translated():
            try:
                if "text/event-stream" not in self.headers.get("content-type", ""):
                    await self._refuse(body)
                async for read in body:
                    received_s = now()
                    total += len(read)
                    if total > MAX_BODY_BYTES:
                        raise RunnerError("garbage", f"reply larger than {MAX_BODY_BYTES} bytes")
                    for event in parser.feed(read, received_s):
                        yield event
            finally:
                await body.aclose()

    async def _refuse(self, body: httpx2.AsyncByteStream) -> None:
        seen = b""
        async for read in body:
            seen += read
            if len(seen) > 8 * ERROR_CHARS:
                break
        kind = self.headers.get("content-type") or "no content type"
        start = shortened(seen.decode("utf-8", "replace"))
        msg = f"expected an event stream, got {kind}: {start!r}"
        raise RunnerError("garbage", msg, http_status=self.status)


class _Nothing(httpx2.AsyncByteStream):
    """The body that a vendor's client sees in place of the diverted one."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""

    async def aclose(self) -> None:
        """Nothing to close: the tape owns the connection now."""


_TAPE: ContextVar[Tape] = ContextVar("tape")


def tape() -> Tape:
    """Return the tape of the exchange under way in this task."""
    return _TAPE.get()


@contextlib.contextmanager
def exchange() -> Iterator[Tape]:
    """Open a tape for one exchange; ``measure`` does this around every call of a runner."""
    opened = Tape()
    token = _TAPE.set(opened)
    try:
        yield opened
    finally:
        _TAPE.reset(token)


class StampedTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport that stamps an exchange onto the current tape.

    Replies of 200 are diverted to the tape; any other status goes back to the vendor's client, which
    raises its own error class with the body in it. Outside an exchange (health checks, model lists)
    it is a plain transport.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        """Wrap the transport that owns the connections."""
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; see the class."""
        exchange_tape = _TAPE.get(None)
        if exchange_tape is None:
            return await self._inner.handle_async_request(request)

        async def stamp(event: str, _info: Mapping[str, Any]) -> None:
            if event.endswith(".send_request_headers.started"):
                exchange_tape.sent_s = now()
            elif event.endswith(".receive_response_headers.complete"):
                exchange_tape.first_byte_s = now()

        # Compressed events would be stamped when the decompressor lets them go, not when they came.
        request.headers["accept-encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": stamp}
        exchange_tape.transport = "httpx2"
        response = await self._inner.handle_async_request(request)
        exchange_tape.status = response.status_code
        exchange_tape.headers = response.headers
        if response.status_code == httpx2.codes.OK:
            return exchange_tape.divert(response)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def proxy_for(base_url: str) -> str | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for ``base_url``."""
    url = urlsplit(base_url)
    if urllib.request.proxy_bypass(url.netloc):
        return None
    return urllib.request.getproxies().get(url.scheme)


def client(base_url: str, session: Session) -> httpx2.AsyncClient:
    """Return the HTTP client to hand to a vendor's SDK for ``base_url``.

    TLS roots come from SSL_CERT_FILE or SSL_CERT_DIR where they are set.
    """
    limits = httpx2.Limits(max_connections=session.connections, max_keepalive_connections=session.connections)
    verify: ssl.SSLContext | bool = urlsplit(base_url).scheme == "https"
    inner = httpx2.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy_for(base_url))
    return httpx2.AsyncClient(transport=StampedTransport(inner), timeout=timeout(session))


def timeout(session: Session) -> httpx2.Timeout:
    """Return the deadlines of one exchange; the pool never waits, since loads bound what is in flight."""
    return httpx2.Timeout(
        connect=session.connect_timeout_s,
        read=session.read_timeout_s,
        write=session.read_timeout_s,
        pool=None,
    )


# Most specific first: the first match wins.
TRANSPORT_FAILURES: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (httpx2.TimeoutException, "timeout"),
    (httpx2.ConnectError, "connect"),
    (httpx2.ProxyError, "connect"),
    (httpx2.UnsupportedProtocol, "connect"),
    (httpx2.NetworkError, "cut_stream"),
    (httpx2.ProtocolError, "cut_stream"),
    (httpx2.DecodingError, "garbage"),
    (httpx2.TransportError, "connect"),
    (ssl.SSLError, "connect"),
    (asyncio.IncompleteReadError, "cut_stream"),
    (ConnectionRefusedError, "connect"),
    (OSError, "cut_stream"),
)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the transport's errors into :class:`RunnerError`, ours pass through."""
    try:
        yield
    except RunnerError:
        raise
    except tuple(kind for kind, _ in TRANSPORT_FAILURES) as exc:
        raise transport_failure(exc) from exc


def transport_failure(exc: BaseException) -> RunnerError:
    """Return the :class:`RunnerError` for an error of the transport, or for an SDK error around one."""
    seen: BaseException | None = exc
    while seen is not None:
        for error, kind in TRANSPORT_FAILURES:
            if isinstance(seen, error):
                said = str(seen) or type(seen).__name__
                return RunnerError(kind, shortened(f"{type(seen).__name__}: {said}"))
        seen = seen.__cause__ or seen.__context__
    return RunnerError("runner", shortened(f"{type(exc).__name__}: {exc}"))


def status_failure(status: int, message: str, headers: Mapping[str, str]) -> RunnerError:
    """Return the :class:`RunnerError` for a reply of ``status``, whoever sent it.

    Args:
        status: HTTP status of the reply.
        message: The provider's words.
        headers: The reply's headers, for ``retry-after-ms`` and ``retry-after``.
    """
    kind: FailureKind
    words = message.lower()
    if status == 402 or (status == 429 and any(word in words for word in _QUOTA_WORDS)):
        kind = "quota"
    elif status in _BY_STATUS:
        kind = _BY_STATUS[status]
    elif status >= 500:
        kind = "server"
    else:
        kind = "bad_request"
    return RunnerError(kind, shortened(message), http_status=status, retry_after_s=retry_after_s(headers))


# OpenAI's `insufficient_quota`; Anthropic's "credit balance is too low"; Google's per-day quota ids.
_QUOTA_WORDS = ("insufficient_quota", "credit balance", "perday", "billing")
_BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    529: "overloaded",
}


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a reply asks to wait. None: it does not say, or says nonsense.

    RFC 9110, section 10.2.3: a number of seconds or a date. A date is counted from the reply's own
    ``date``, so that a wrong clock here does not matter; without one, from this machine's.
    """
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) * scale
            if math.isfinite(seconds):
                return max(0.0, seconds)
    until = _date(headers.get("retry-after"))
    if until is None:
        return None
    since = _date(headers.get("date")) or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _date(value: str | None) -> datetime | None:
    """Return an HTTP date as an instant; None: it is none."""
    if not value:
        return None
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def shortened(text: str) -> str:
    """Return a provider's words without keys, cut to :data:`ERROR_CHARS`; cut first, half a key would stay."""
    return credentials.redact(text)[:ERROR_CHARS]


def redact(text: str, *secrets: str | None) -> str:
    """Return ``text`` with each secret replaced, for messages that echo what was sent."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, credentials.MARK)
    return credentials.redact(text)
