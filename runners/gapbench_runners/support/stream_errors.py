"""What the readers of the four protocols share: an event's JSON, and the failures that a stream may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gapbench import transport
from gapbench.errors import RunnerError

# Codes and whole phrases: the word "billing" alone also appears in plain rate limits of OpenAI and Google.
# One list for all runners, because a gateway passes on the messages of other vendors. Anthropic reports an empty
# account with HTTP 400, the others with 429.
QUOTA_PHRASES = (
    "insufficient_quota",  # OpenAI
    "billing_hard_limit",  # OpenAI
    "billing_not_active",  # OpenAI
    "credit balance is too low",  # Anthropic
    "reached your specified api usage limits",  # Anthropic
    "credits are depleted",  # Google
    "perday",  # Google's ids of daily quotas
)


def status_error(status: int, message: str, headers: Mapping[str, str]) -> RunnerError:
    """Return the failure for a response with an HTTP error status, with every vendor's quota phrases."""
    return transport.status_failure(status, message, headers, QUOTA_PHRASES)


def decode_event(data: bytes) -> dict[str, Any]:
    """Return an event's JSON object.

    Raises:
        RunnerError: ``garbage`` when it is none.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise RunnerError("garbage", f"an event is not JSON: {_excerpt(data)!r}") from exc
    if not isinstance(body, dict):
        raise RunnerError("garbage", f"an event is no JSON object: {_excerpt(data)!r}")
    return body


def error_from_event(error: Any) -> RunnerError:
    """Return the failure for an error sent within a stream; its words decide the kind."""
    said = str(error.get("message") or error) if isinstance(error, dict) else str(error)
    marks = f"{error.get('type')} {error.get('code')}".lower() if isinstance(error, dict) else ""
    said = transport.redact_and_truncate(said)
    if "overloaded" in marks or "unavailable" in marks:
        return RunnerError("overloaded", said)
    if "insufficient_quota" in marks or "billing_error" in marks:
        return RunnerError("quota", said)
    if "rate_limit" in marks or "429" in marks or "exhausted" in marks:
        return RunnerError("rate_limit", said)
    return RunnerError("server", said)


def _excerpt(data: bytes) -> str:
    return transport.redact_and_truncate(data[:4_000].decode("utf-8", "replace"))[:80]


def duplicate_event_error(mark: str) -> RunnerError:
    """Return the failure of a stream that came twice: its text is no answer of the model's."""
    return RunnerError("garbage", f"the stream has {mark} twice: a proxy repeated its chunks")
