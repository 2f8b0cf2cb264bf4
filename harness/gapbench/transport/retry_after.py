"""Read from a failed response how long the provider asks to wait: from its headers, or from its body."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_UNIT_S = {"ms": 1e-3, "mi": 60.0, "m": 60.0, "s": 1.0, "h": 3600.0, "d": 86_400.0}
_AMOUNT = r"\d+(?:\.\d+)?\s*(?:milliseconds?|msecs?|ms|minutes?|mins?|m|seconds?|secs?|s|hours?|hrs?|h|days?|d)(?![a-z])"
_ONE_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
_DURATION = re.compile(rf"(?:{_AMOUNT}[\s,]*(?:and\s+)?)+", re.IGNORECASE)
# OpenAI: "Please try again in 6.2s"; Azure: "Please retry after 26 seconds"; Google: "Please retry in 6.0s".
_WORDS = re.compile(
    rf"(?:try(?:ing)?(?:\s+(?:again|(?:your|the|this)\s+request))?\s+(?:in|after)|wait(?:\s+for)?)\s+"
    rf"(?:about\s+|at\s+least\s+)?(?P<wait>{_DURATION.pattern}|\d+(?:\.\d+)?)"
    # Django REST framework: "Expected available in 15 seconds". A number alone could count something else.
    rf"|(?:available|resets?)(?:\s+again)?\s+(?:in|after)\s+(?P<reset>{_DURATION.pattern})",
    re.IGNORECASE,
)
# google.rpc.RetryInfo within a text: as JSON that a gateway quotes, or in protobuf's text form.
_QUOTED_DELAY = re.compile(
    rf"retry[-_]?(?:delay|after)\W{{1,6}}(?:seconds\W{{1,4}})?(?P<wait>{_DURATION.pattern}|\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
# The structured fields ``RateLimit: "default";r=0;t=30`` and, of earlier drafts, ``limit=100, remaining=0, reset=30``.
_STRUCTURED_RESET = re.compile(r"\b(?:t|reset)\s*=\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_DELAY_KEYS = frozenset(
    {"retrydelay", "retryafter", "retryafters", "retryaftersecs", "retryafterseconds", "retryin"}
)
_DELAY_MS_KEYS = frozenset({"retryafterms", "retrydelayms", "retryaftermilliseconds"})
_MAX_DEPTH = 6
_MAX_CHARS = 20_000
_EPOCH_S = 1e9
_EPOCH_MS = 1e12


def retry_after_s(headers: Mapping[str, str], body: Any = None, *, status: int | None = None) -> float | None:
    """Return the seconds that a response asks to wait, or None if it does not ask.

    The most exact source wins: ``retry-after-ms``; ``Retry-After`` (RFC 9110, section 10.2.3: seconds or a date; gateways
    also write a duration, an instant of Unix time, or several of them, of which the longest wait counts); a
    ``google.rpc.RetryInfo`` or a similar field in the body; the words of its message, such as ``try again in 6.2s``; and for a 429 the
    reset of a rate limit that is used up (``x-ratelimit-reset-requests``). A date counts from the response's own
    ``date`` header, so that a wrong local clock does not matter, or else from this machine's clock.

    Args:
        headers: Response headers.
        body: The response's body, parsed or as text. None: unknown.
        status: HTTP status. None: unknown.
    """
    found = _from_retry_headers(headers)
    if found is None and body is not None:
        found = _from_body(body)
    if found is None and status == 429:
        found = _from_reset_headers(headers)
    return found


def _from_retry_headers(headers: Mapping[str, str]) -> float | None:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        seconds = _wait_s(headers.get(name), headers, scale=1e-3)
        if seconds is not None:
            return seconds
    for name in ("retry-after", "x-retry-after"):
        seconds = _wait_s(headers.get(name), headers)
        if seconds is not None:
            return seconds
    return None


def _wait_s(value: Any, headers: Mapping[str, str], scale: float = 1.0) -> float | None:
    """Return the seconds that a value asks to wait, in any form that servers write, or None if it asks for no wait.

    Args:
        value: A number, a duration, an instant of Unix time, a date, or several of them in a list or after commas.
        headers: Response headers; a date counts from their ``date``.
        scale: Seconds in the unit of a plain number.
    """
    if isinstance(value, Mapping):
        return _delay_s(value)
    if isinstance(value, list):
        waits = [wait_s for item in value[:100] if (wait_s := _wait_s(item, headers, scale)) is not None]
        return max(waits, default=None)
    number = _number(value, negative=True)
    if number is not None:
        return _reset_s(str(number), headers) if number >= _EPOCH_S else max(0.0, number) * scale
    if not isinstance(value, str):
        return None
    text = value.strip()
    found = _reset_s(text[2:] if text[:2].upper() == "PT" else text, headers)
    return found if found is not None or "," not in text else _wait_s(text.split(","), headers, scale)


def _seconds_until(until: datetime | None, headers: Mapping[str, str]) -> float | None:
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


def _from_body(body: Any) -> float | None:
    texts: list[str] = []
    for key, value in _walk(body, "", 0):
        name = key.replace("_", "").replace("-", "")
        seconds: float | None = None
        if name in _DELAY_KEYS:
            seconds = _wait_s(value, {})
        elif name in _DELAY_MS_KEYS:
            seconds = _wait_s(value, {}, scale=1e-3)
        elif name == "headers" and isinstance(value, Mapping):
            # OpenRouter passes on the limits in the body.
            inner = {str(header).lower(): str(text) for header, text in value.items()}
            seconds = retry_after_s(inner, status=429)
        if seconds is not None:
            return seconds
        if isinstance(value, str):
            texts.append(value)
    text = "\n".join(texts)[:_MAX_CHARS]
    quoted = _QUOTED_DELAY.search(text)
    if quoted is not None:
        return _duration_s(quoted["wait"])
    words = _WORDS.search(text)
    return None if words is None else _duration_s(words["wait"] or words["reset"])


def _walk(value: Any, key: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield every value of a JSON value, with its key in lower case."""
    yield key, value
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                yield from _walk(inner, str(name).lower(), depth + 1)
        elif isinstance(value, list):
            for inner in value[:100]:
                yield from _walk(inner, "", depth + 1)


def _delay_s(value: Any) -> float | None:
    """Return a protobuf Duration in seconds: ``"6.5s"``, ``{"seconds": 6, "nanos": 500000000}`` or a number."""
    if isinstance(value, Mapping):
        parts = [_number(value.get(name, 0)) for name in ("seconds", "nanos")]
        return None if parts[0] is None or parts[1] is None else parts[0] + parts[1] / 1e9
    return _duration_s(value) if isinstance(value, str) else _number(value)


def _duration_s(text: str) -> float | None:
    """Return a duration such as ``6.2s``, ``1m30s``, ``20ms``, ``26 seconds`` or ``6`` in seconds, or None."""
    if _DURATION.fullmatch(text.strip()) is None:
        return _number(text)
    total_s = 0.0
    for amount, unit in _ONE_AMOUNT.findall(text):
        name = unit.lower()
        scale = _UNIT_S["ms"] if name.startswith(("ms", "milli")) else _UNIT_S[name[0]]
        total_s += float(amount) * scale
    return total_s


def _number(value: Any, *, negative: bool = False) -> float | None:
    """Return a number, also in a text, that is finite and, unless it may be, not negative; or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and (negative or number >= 0) else None


def _from_reset_headers(headers: Mapping[str, str]) -> float | None:
    """Return when the limits that are used up are free again; if none is marked so, when the first limit is."""
    waits: list[float] = []
    used_up: list[float] = []
    for name in headers:
        lower = name.lower()
        if lower == "ratelimit":
            waits += [float(seconds) for seconds in _STRUCTURED_RESET.findall(headers[name])]
        if "ratelimit" not in lower or "reset" not in lower:
            continue
        wait_s = _reset_s(headers[name], headers)
        if wait_s is None:
            continue
        waits.append(wait_s)
        if _number(headers.get(lower.replace("reset", "remaining"))) in {0.0, None}:
            used_up.append(wait_s)
    return max(used_up) if used_up else min(waits, default=None)


def _reset_s(value: str, headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a reset that is given as a duration, seconds, an instant of Unix time, or a date."""
    seconds = _duration_s(value)
    if seconds is None:
        try:
            until = datetime.fromisoformat(value.strip())
        except ValueError:
            return _seconds_until(_parse_http_date(value), headers)
        return _seconds_until(until.replace(tzinfo=UTC) if until.tzinfo is None else until, headers)
    if seconds < _EPOCH_S:
        return seconds
    instant_s = seconds / 1e3 if seconds >= _EPOCH_MS else seconds
    try:
        return _seconds_until(datetime.fromtimestamp(instant_s, UTC), headers)
    except (ValueError, OverflowError, OSError):
        return None
