"""One plain HTTP request to a model's server, for metrics, versions and tokens."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

MAX_REPLY_BYTES = 16 * 2**20
"""A larger response is not a list of metrics or tokens; an endless one must not fill the memory."""


def fetch_bytes(request: urllib.request.Request | str, timeout_s: float) -> bytes:
    """Return the body of a response.

    Raises:
        OSError: No connection, an HTTP error, or a response that is not valid HTTP, too large or cut short.
    """
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:  # noqa: S310 - the suite's own address
            body: bytes = reply.read(MAX_REPLY_BYTES + 1)
            # A bounded read does not report a body that was cut short, and half a number is still a number.
            missing = len(body) <= MAX_REPLY_BYTES and reply.length
    except urllib.error.HTTPError as exc:
        exc.close()  # it holds the response open, and Python 3.14 warns about that
        raise
    except (http.client.HTTPException, ValueError) as exc:
        # The standard library does not wrap these errors.
        raise OSError(f"no HTTP reply: {type(exc).__name__}: {exc}") from exc
    if len(body) > MAX_REPLY_BYTES:
        raise OSError(f"a reply larger than {MAX_REPLY_BYTES} bytes")
    if missing:
        raise OSError(f"HTTP reply cut short: {missing} bytes missing")
    return body
