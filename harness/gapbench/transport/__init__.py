"""Bytes to stamped server-sent events: the one place where chunks meet the clock.

The vendors' clients build the request, hold the key and know the error classes. How the bytes travel is
ours: a transport below the clients sends them, stamps them where they leave and enter the socket, and lets
a successful reply's body by the client and onto a :class:`ExchangeRecord`. So the same few lines time every provider,
and the clients' per-chunk models, which cost most of the time, are never built.

A runner's ``stream`` is then::

    drafts = wire.Drafts(lambda body: client.chat.completions.create(**body))   # once
    await drafts.send(call)                          # the client's request, our bytes
    async for event in wire.tape().events():
        yield parse(event)

::

    clock     now; the kernel's receive stamps
    events    bytes to server-sent events
    failures  errors of the wire in the harness's words
    tape      what one exchange leaves behind
    reply     one HTTP/1.1 reply
    lines     plain sockets and TLS
    exchange  one request and its reply on one connection
    lean      the transport: a pool of connections
    endpoint  whether anybody listens at an address
    client    which transport, and the door to the tape
    drafts    a request built once and sent with other texts
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
from gapbench.transport.error_mapping import (
    ERROR_CHARS,
    redact_and_truncate,
    redact_secrets,
    retry_after_s,
    status_failure,
    translate_errors,
    transport_failure,
)
from gapbench.transport.reachability import check_reachable
from gapbench.transport.request_templates import RequestTemplates
from gapbench.transport.sse import MAX_EVENT_BYTES, Event, EventParser

__all__ = [
    "ERROR_CHARS",
    "MAX_BODY_BYTES",
    "MAX_EVENT_BYTES",
    "Event",
    "EventParser",
    "ExchangeRecord",
    "RequestTemplates",
    "StampedStream",
    "StampedTransport",
    "check_reachable",
    "current_record",
    "httpx_timeout",
    "new_client",
    "now",
    "proxy_for",
    "record_exchange",
    "redact_and_truncate",
    "redact_secrets",
    "retry_after_s",
    "status_failure",
    "translate_errors",
    "transport_failure",
]
