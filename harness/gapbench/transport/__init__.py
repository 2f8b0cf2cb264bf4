"""HTTP with exact times: from bytes on a socket to timestamped server-sent events.

A vendor's SDK builds each request, holds the key and knows the vendor's error classes. This package moves the bytes:
its httpx2 transport below the SDK timestamps them where they leave and enter the socket. It passes the body of a
successful response not to the SDK but to an :class:`ExchangeRecord`. So every provider is timed by the same code, and the
SDK's objects for each chunk, which cost most of the time, are never built.

What a runner uses:

- :func:`new_client` makes the HTTP client for the SDK; :func:`httpx_timeout` and :func:`proxy_for` go with it.
- :class:`RequestTemplates` sends a call and yields its events; :func:`current_record` is the exchange in progress.
- :func:`status_failure` and :func:`transport_failure` turn errors into :class:`gapbench.errors.RunnerError`;
  :func:`retry_after_s` reads how long to wait;
  :func:`redact_secrets` and :func:`redact_and_truncate` clean what a provider sent, up to :data:`ERROR_CHARS`.

What the engine uses: :func:`record_exchange`, :func:`check_reachable` and :func:`now`; a recording also
:func:`connect_socket`, with an :class:`Origin`.

Modules, from the socket up::

    sockets             plain sockets and TLS
    http_parser         one HTTP/1.1 response
    connection          one request and its response on one connection
    connection_pool     the transport: a pool of connections
    sse                 bytes to server-sent events
    capture             what one exchange records
    client              the httpx2 client for an SDK, and which transport it uses
    request_templates   a request that the SDK builds once and that is sent with other texts
    retry_after         how long a failed response asks to wait
    error_mapping       errors of transport and status as failure kinds
    reachability        whether a server accepts connections
"""

from gapbench.clock import now
from gapbench.transport.capture import (
    MAX_BODY_BYTES,
    ExchangeRecord,
    StampedStream,
    current_record,
    record_exchange,
)
from gapbench.transport.client import StampedTransport, httpx_timeout, new_client, proxy_for
from gapbench.transport.connection import Origin
from gapbench.transport.connection_pool import connect_socket
from gapbench.transport.error_mapping import (
    ERROR_CHARS,
    redact_and_truncate,
    redact_secrets,
    status_failure,
    transport_failure,
)
from gapbench.transport.reachability import check_reachable
from gapbench.transport.request_templates import RequestTemplates
from gapbench.transport.retry_after import retry_after_s
from gapbench.transport.sse import (
    MAX_EVENT_BYTES,
    Event,
    EventBatch,
    EventBlock,
    EventParser,
    decode_event,
)

__all__ = [
    "ERROR_CHARS",
    "MAX_BODY_BYTES",
    "MAX_EVENT_BYTES",
    "Event",
    "EventBatch",
    "EventBlock",
    "EventParser",
    "ExchangeRecord",
    "Origin",
    "RequestTemplates",
    "StampedStream",
    "StampedTransport",
    "check_reachable",
    "connect_socket",
    "current_record",
    "decode_event",
    "httpx_timeout",
    "new_client",
    "now",
    "proxy_for",
    "record_exchange",
    "redact_and_truncate",
    "redact_secrets",
    "retry_after_s",
    "status_failure",
    "transport_failure",
]
