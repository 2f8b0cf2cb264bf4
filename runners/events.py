"""What the vendors' streams have in common: events in JSON, and errors among them."""

from __future__ import annotations

from typing import Any

import orjson

from harness import wire
from harness.errors import RunnerError


def decoded(data: bytes) -> dict[str, Any]:
    """Return an event's JSON object.

    Raises:
        RunnerError: ``garbage`` when it is none.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        start = data[:80].decode("utf-8", "replace")
        raise RunnerError("garbage", f"an event is not JSON: {start!r}") from exc
    if not isinstance(body, dict):
        raise RunnerError("garbage", f"an event is no JSON object: {data[:80]!r}")
    return body


def error_event(error: Any) -> RunnerError:
    """Return the failure for an error sent within a stream; its words decide the kind."""
    said = error if isinstance(error, str) else str(error.get("message") or error)
    marks = "" if isinstance(error, str) else f"{error.get('type')} {error.get('code')}".lower()
    if "overloaded" in marks or "unavailable" in marks:
        return RunnerError("overloaded", said[: wire.ERROR_CHARS])
    if "insufficient_quota" in marks:
        return RunnerError("quota", said[: wire.ERROR_CHARS])
    if "rate_limit" in marks or "429" in marks or "exhausted" in marks:
        return RunnerError("rate_limit", said[: wire.ERROR_CHARS])
    return RunnerError("server", said[: wire.ERROR_CHARS])
