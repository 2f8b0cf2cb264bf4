"""What went wrong with one request of a batch, in each vendor's words, as the kinds of failure of a live request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench import transport
from gapbench.errors import FailureKind, RunnerError
from gapbench_runners.support.stream_errors import error_from_event, error_text, status_error

# Words in a code or a type that is no HTTP status; the first match wins. OpenAI: batch_expired, batch_cancelled.
_KIND_BY_WORD: tuple[tuple[str, FailureKind], ...] = (
    ("expired", "timeout"),
    ("cancel", "cancelled"),
    ("timeout", "timeout"),
    ("authentication", "auth"),
    ("permission", "auth"),
    ("not_found", "not_found"),
    ("invalid", "bad_request"),
    ("bad_request", "bad_request"),
    ("badrequest", "bad_request"),
    ("context_length_exceeded", "bad_request"),
    ("unsupported", "bad_request"),
    ("too_large", "bad_request"),
)
# docs.claude.com/en/api/errors
_ANTHROPIC_STATUS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# google.rpc.Code: a line of a batch has these in place of HTTP statuses.
_GRPC_STATUS: Mapping[int, int] = {
    2: 500,
    3: 400,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
_GRPC_CANCELLED, _GRPC_DEADLINE = 1, 4


def expired_error(message: str = "the batch ended before it was answered") -> RunnerError:
    """Return the failure of a request for which the batch had no time."""
    return RunnerError("timeout", f"expired: {message}")


def cancelled_error() -> RunnerError:
    """Return the failure of a request that was not answered before its batch was cancelled."""
    return RunnerError("cancelled", "the batch was cancelled before it was answered")


def openai_line_error(status: int | None, body: Any, error: Any) -> RunnerError:
    """Return the failure of a line in OpenAI's form.

    Args:
        status: The line's ``status_code``. None: it has none.
        body: The body of its response. None: there is none; vLLM leaves it out.
        error: The line's ``error``: an object with a code that is a word, or vLLM's, which may be a text or another object
            with ``error`` in it.
    """
    inner = body.get("error") if isinstance(body, Mapping) else None
    found = inner or error or body
    if isinstance(found, Mapping) and isinstance(found.get("error"), Mapping):
        found = found["error"]
    known = found if isinstance(found, Mapping) else {}
    code = str(known.get("code") or known.get("type") or "")
    message = error_text(found) if found else f"HTTP {status} without a reason"
    if status is not None and status >= 300:
        # The code first, as in a live request: it names a filtered prompt.
        return status_error(status, f"{code} {message}".strip(), {}, found)
    words = f"{code} {known.get('type') or ''}".lower()
    kind = next((kind for word, kind in _KIND_BY_WORD if word in words), None)
    if kind is None:
        return error_from_event(found)
    return RunnerError(kind, transport.redact_and_truncate(f"{code}: {message}" if code else message))


def anthropic_line_error(error: Any) -> RunnerError:
    """Return the failure of an ``errored`` line; ``error`` is the whole response of a failed request, or its inside."""
    inner = error.get("error") if isinstance(error, Mapping) else None
    found = inner if isinstance(inner, Mapping) else error
    kind = found.get("type") if isinstance(found, Mapping) else None
    status = _ANTHROPIC_STATUS.get(str(kind))
    if status is None:
        return error_from_event(found)
    return status_error(status, error_text(found), {}, found)


def google_line_error(error: Any) -> RunnerError:
    """Return the failure of a line with a ``google.rpc.Status``, or with the error of a live request."""
    known = error if isinstance(error, Mapping) else {}
    code, message = known.get("code"), error_text(error)
    if not isinstance(code, int) or isinstance(code, bool):
        return error_from_event(error)
    if code == _GRPC_CANCELLED:
        return cancelled_error()
    if code == _GRPC_DEADLINE:
        return expired_error(transport.redact_and_truncate(message))
    status = _GRPC_STATUS.get(code, code)
    return status_error(status, message, {}, error) if 300 <= status <= 599 else error_from_event(error)
