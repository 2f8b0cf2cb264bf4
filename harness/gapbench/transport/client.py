"""The HTTP client that the vendors' SDKs are given: which transport, and how its exchanges reach the tape."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gapbench.clock import now
from gapbench.transport.capture import EmptyStream, ExchangeRecord, current_record_or_none
from gapbench.transport.connection import Origin
from gapbench.transport.connection_pool import LeanTransport, origin_of, serialize_request, to_httpx_response
from gapbench.values import Session


class StampedTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport that stamps an exchange onto the current tape.

    Replies of 200 are diverted to the tape; any other status goes back to the vendor's client, which
    raises its own error class with the body in it. Outside an exchange (health checks, model lists)
    it is a plain transport.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        """Wrap the transport that owns the connections."""
        self._inner = inner

    @property
    def lean(self) -> LeanTransport | None:
        """The transport below where it is our own; None: another's."""
        return self._inner if isinstance(self._inner, LeanTransport) else None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; see the class."""
        tape = current_record_or_none()
        if tape is None:
            return await self._inner.handle_async_request(request)
        # Compressed events would be stamped when the decompressor lets them go, not when they came.
        request.headers["accept-encoding"] = "identity"
        if tape.captured_requests is not None:
            request.extensions = {**request.extensions, "transport": self}
            tape.captured_requests.append(request)
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=EmptyStream())
        if self.lean is not None and tape.error_response is None:
            await self.send_serialized(
                origin_of(request.url), await serialize_request(request), tape, eager=True
            )
            if tape.error_response is None:
                return httpx2.Response(httpx2.codes.OK, headers=tape.headers, stream=EmptyStream())
        if tape.error_response is not None:
            response, tape.error_response = tape.error_response, None
            return response
        response = await self._send_traced(request, tape)
        return tape.detach_body(response) if response.status_code == httpx2.codes.OK else response

    async def send_serialized(
        self, origin: Origin, data: bytes, record: ExchangeRecord, *, eager: bool
    ) -> None:
        """Send a rendered request over the lean transport: 200 goes to the tape, else ``tape.replayed`` is set.

        Args:
            origin: To whom.
            data: Head and body.
            record: Where it is stamped.
            eager: Return at the reply's head; else when it is whole, or much of it has come.

        Raises:
            httpx2.TransportError: No connection, or no reply.
        """
        assert self.lean is not None, "asked only of our own"
        record.transport = "lean"
        exchange = await self.lean.send(origin, data, record, eager=eager)
        reply = exchange.response
        assert reply.status is not None, "sent means that the head is there"
        record.first_byte_s = reply.first_byte_s
        if reply.status == httpx2.codes.OK:
            record.set_response(reply.status, reply.headers, exchange)
        else:
            record.status, record.headers = reply.status, reply.headers
            record.error_response = to_httpx_response(exchange)

    async def _send_traced(self, request: httpx2.Request, record: ExchangeRecord) -> httpx2.Response:
        """Send over httpx2's own transport, stamped by its trace of events."""

        async def stamp(event: str, _info: Mapping[str, Any]) -> None:
            if event.endswith(".send_request_headers.started"):
                record.sent_s = now()
            elif event.endswith(".receive_response_headers.complete"):
                record.first_byte_s = now()

        request.extensions = {**request.extensions, "trace": stamp}
        record.transport = "httpx2"
        response = await self._inner.handle_async_request(request)
        record.status, record.headers = response.status_code, response.headers
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


def new_client(base_url: str, session: Session) -> httpx2.AsyncClient:
    """Return the HTTP client to hand to a vendor's SDK for ``base_url``.

    TLS roots come from SSL_CERT_FILE or SSL_CERT_DIR where they are set. Behind a proxy, or where the session
    asks for it, httpx2's own transport moves the bytes; each row says which did.
    """
    return httpx2.AsyncClient(
        transport=StampedTransport(_transport(base_url, session)), timeout=httpx_timeout(session)
    )


def _transport(base_url: str, session: Session) -> httpx2.AsyncBaseTransport:
    if session.transport_factory is not None:
        made: httpx2.AsyncBaseTransport = session.transport_factory(base_url)
        return made
    proxy = proxy_for(base_url)
    if proxy is None and session.transport == "lean":
        return LeanTransport(session)
    limits = httpx2.Limits(max_connections=session.connections, max_keepalive_connections=session.connections)
    verify: ssl.SSLContext | bool = urlsplit(base_url).scheme == "https"
    return httpx2.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy)


def httpx_timeout(session: Session) -> httpx2.Timeout:
    """Return the deadlines of one exchange; the pool never waits, since loads bound what is in flight."""
    return httpx2.Timeout(
        connect=session.connect_timeout_s,
        read=session.read_timeout_s,
        write=session.read_timeout_s,
        pool=None,
    )
