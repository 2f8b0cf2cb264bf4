"""Map transport errors and HTTP statuses to failure kinds, without secrets in the messages."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from typing import Any

import httpx2

from gapbench import credentials
from gapbench.errors import FailureKind, RunnerError
from gapbench.transport.retry_after import retry_after_s

ERROR_CHARS = 500

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


TRANSPORT_ERRORS = tuple(error for error, _ in TRANSPORT_FAILURES)
"""Every exception class that :func:`transport_failure` maps to a failure kind."""


def transport_failure(exc: BaseException) -> RunnerError:
    """Return the :class:`RunnerError` for an error of the transport, or for an SDK error caused by one."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, RunnerError):
            return cause
        for error, kind in TRANSPORT_FAILURES:
            if isinstance(cause, error):
                message = str(cause) or type(cause).__name__
                return RunnerError(kind, redact_and_truncate(f"{type(cause).__name__}: {message}"))
        cause = cause.__cause__ or cause.__context__
    return RunnerError("runner", redact_and_truncate(f"{type(exc).__name__}: {exc}"))


def status_failure(
    status: int,
    message: str,
    headers: Mapping[str, str],
    quota_phrases: Collection[str] = (),
    body: Any = None,
) -> RunnerError:
    """Return the :class:`RunnerError` for a response with an HTTP error status.

    Args:
        status: HTTP status of the reply.
        message: The provider's message.
        headers: Response headers.
        quota_phrases: Lower-case phrases that mean "no credit left" in a 400, 403 or 429. A 402 always does.
        body: The reply's body, parsed or as text; it may say how long to wait. None: only the message may.
    """
    kind: FailureKind
    words = message.lower()
    if status == 402 or (status in _MAY_MEAN_QUOTA and any(phrase in words for phrase in quota_phrases)):
        kind = "quota"
    elif status in _KIND_BY_STATUS:
        kind = _KIND_BY_STATUS[status]
    elif status >= 500:
        kind = "server"
    elif status < 300:
        kind = "garbage"
    elif status < 400:
        # The request was not sent on: a redirect of a POST is a wrong address, such as http:// for https://.
        kind = "not_found"
        message = f"redirected to {headers.get('location')}; set that as the address. {message}"
    else:
        kind = "bad_request"
    return RunnerError(
        kind,
        redact_and_truncate(message),
        http_status=status,
        retry_after_s=retry_after_s(headers, [body, message], status=status),
    )


_MAY_MEAN_QUOTA = frozenset({400, 403, 429})
_KIND_BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    # The vendors' own clients repeat these: a lock was not free in time, and an early request of a connection.
    409: "server",
    425: "server",
    429: "rate_limit",
    503: "overloaded",
    529: "overloaded",
}


def redact_and_truncate(text: str) -> str:
    """Return a provider's message without keys, cut to :data:`ERROR_CHARS`.

    Keys are removed first, because a cut could leave half a key. Half a surrogate pair, which some JSON readers accept,
    becomes a question mark, because no file can store it.
    """
    return credentials.redact(text)[:ERROR_CHARS].encode("utf-8", "replace").decode()


def redact_secrets(text: str, *secrets: str | None) -> str:
    """Return ``text`` with each secret replaced, for messages that repeat what was sent."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, credentials.REDACTED)
    return credentials.redact(text)
