"""Shared by the stream readers: map errors to failure kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def error_from_event(error: Any) -> RunnerError:
    """Return the failure for an error sent within a stream; its type, code and message decide the kind."""
    message = str(error.get("message") or error) if isinstance(error, dict) else str(error)
    codes = f"{error.get('type')} {error.get('code')}".lower() if isinstance(error, dict) else ""
    message = transport.redact_and_truncate(message)
    if "overloaded" in codes or "unavailable" in codes:
        return RunnerError("overloaded", message)
    if "insufficient_quota" in codes or "billing_error" in codes:
        return RunnerError("quota", message)
    if "rate_limit" in codes or "429" in codes or "exhausted" in codes:
        return RunnerError("rate_limit", message)
    return RunnerError("server", message)


def duplicate_event_error(event: str) -> RunnerError:
    """Return the failure of a stream with an event repeated: its text is not the model's answer."""
    return RunnerError("garbage", f"the stream has {event} twice: a proxy repeated its chunks")
