"""Map transport errors and HTTP statuses to failure kinds, without secrets in the messages."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from gapbench import credentials
from gapbench.errors import FailureKind, RunnerError

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


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Turn errors of the transport into :class:`RunnerError`; a :class:`RunnerError` passes through."""
    try:
        yield
    except RunnerError:
        raise
    except tuple(kind for kind, _ in TRANSPORT_FAILURES) as exc:
        raise transport_failure(exc) from exc


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
    status: int, message: str, headers: Mapping[str, str], quota_phrases: Collection[str] = ()
) -> RunnerError:
    """Return the :class:`RunnerError` for a response with an HTTP error status.

    Args:
        status: HTTP status of the reply.
        message: The provider's message.
        headers: Response headers, for ``retry-after-ms`` and ``retry-after``.
        quota_phrases: Lower-case phrases that mean "no credit left" in a 400, 403 or 429. A 402 always does.
    """
    kind: FailureKind
    words = message.lower()
    if status == 402 or (status in _MAY_MEAN_QUOTA and any(phrase in words for phrase in quota_phrases)):
        kind = "quota"
    elif status in _KIND_BY_STATUS:
        kind = _KIND_BY_STATUS[status]
    elif status >= 500:
        kind = "server"
    else:
        kind = "bad_request"
    return RunnerError(
        kind, redact_and_truncate(message), http_status=status, retry_after_s=retry_after_s(headers)
    )


_MAY_MEAN_QUOTA = frozenset({400, 403, 429})
_KIND_BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    529: "overloaded",
}


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait, or None if it has no valid value.

    RFC 9110, section 10.2.3: a number of seconds or a date. A date is relative to the
    response's own ``date`` header, so that a wrong local clock does not matter, or else to this machine's clock.
    """
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) * scale
            if math.isfinite(seconds):
                return max(0.0, seconds)
    until = _parse_http_date(headers.get("retry-after"))
    if until is None:
        return None
    since = _parse_http_date(headers.get("date")) or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _parse_http_date(value: str | None) -> datetime | None:
    """Return an HTTP date as an instant, or None if the value is not one."""
    if not value:
        return None
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


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
