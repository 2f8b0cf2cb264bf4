"""Make the HTTP client for a vendor's SDK: choose the transport, and record its exchanges."""

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
    """An httpx2 transport that timestamps each exchange into the current :class:`ExchangeRecord`.

    The body of a 200 response goes to the record. A response with any other status goes to the SDK, which raises its own
    error class. Outside an exchange (health checks, model lists) this is a plain transport.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        """Wrap the transport that owns the connections."""
        self._inner = inner

    @property
    def lean(self) -> LeanTransport | None:
        """The inner transport if it is ours, else None."""
        return self._inner if isinstance(self._inner, LeanTransport) else None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; see the class."""
        record = current_record_or_none()
        if record is None:
            return await self._inner.handle_async_request(request)
        # Compressed events would get the time of decompression, not of arrival.
        request.headers["accept-encoding"] = "identity"
        if record.captured_requests is not None:
            request.extensions = {**request.extensions, "transport": self}
            record.captured_requests.append(request)
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=EmptyStream())
        if self.lean is not None and record.error_response is None:
            await self.send_serialized(
                origin_of(request.url), await serialize_request(request), record, eager=True
            )
            if record.error_response is None:
                return httpx2.Response(httpx2.codes.OK, headers=record.headers, stream=EmptyStream())
        if record.error_response is not None:
            response, record.error_response = record.error_response, None
            return response
        response = await self._send_traced(request, record)
        return record.detach_body(response) if response.status_code == httpx2.codes.OK else response

    async def send_serialized(
        self, origin: Origin, data: bytes, record: ExchangeRecord, *, eager: bool
    ) -> None:
        """Send the bytes of a request over our own transport.

        A 200 response goes to the record; any other response is stored in ``record.error_response``.

        Args:
            origin: Where to.
            data: Head and body.
            record: Gets times, status and body.
            eager: Return at the response's head; else when the response is complete or long.

        Raises:
            httpx2.TransportError: No connection, or no response.
        """
        assert self.lean is not None, "only our own transport sends bytes"
        record.transport = "lean"
        exchange = await self.lean.send(origin, data, record, eager=eager)
        response = exchange.response
        assert response.status is not None, "send returns after the head"
        record.first_byte_s = response.first_byte_s
        if response.status == httpx2.codes.OK:
            record.set_response(response.status, response.headers, exchange)
        else:
            record.status, record.headers = response.status, response.headers
            record.error_response = to_httpx_response(exchange)

    async def _send_traced(self, request: httpx2.Request, record: ExchangeRecord) -> httpx2.Response:
        """Send over httpx2's transport, with times from its trace events."""

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

    TLS roots come from SSL_CERT_FILE or SSL_CERT_DIR if set. Behind a proxy, or with ``transport: httpx2``, httpx2's
    own transport moves the bytes; the column ``transport`` records which one did.
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
    """Return the deadlines of one exchange. The pool has none, because loads bound what is in flight."""
    return httpx2.Timeout(
        connect=session.connect_timeout_s,
        read=session.read_timeout_s,
        write=session.read_timeout_s,
        pool=None,
    )
