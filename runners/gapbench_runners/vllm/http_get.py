"""One plain HTTP request to a model's server, for what it tells beside the protocol: metrics, versions, tokens."""

from __future__ import annotations

import http.client
import urllib.request

MAX_REPLY_BYTES = 16 * 2**20
"""More is no list of metrics or tokens; a reply without an end must not fill the memory."""


def fetch_bytes(request: urllib.request.Request | str, timeout_s: float) -> bytes:
    """Return the body of a reply.

    Raises:
        OSError: No connection, an HTTP error, or a reply that is none or has no end.
    """
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:  # noqa: S310 - the suite's own address
            body: bytes = reply.read(MAX_REPLY_BYTES + 1)
            # A read with a bound says nothing of a body that broke off, and half a number is a number.
            missing = len(body) <= MAX_REPLY_BYTES and reply.length
    except (http.client.HTTPException, ValueError) as exc:
        # The standard library lets its own complaints about a reply through unwrapped.
        raise OSError(f"no HTTP reply: {type(exc).__name__}: {exc}") from exc
    if len(body) > MAX_REPLY_BYTES:
        raise OSError(f"a reply larger than {MAX_REPLY_BYTES} bytes")
    if missing:
        raise OSError(f"HTTP reply cut short: {missing} bytes missing")
    return body
