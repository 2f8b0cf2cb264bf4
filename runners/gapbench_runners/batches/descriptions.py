"""What a provider says of a batch, read with care: a field may be missing or of another type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench_runners.support.stream_errors import error_text

CLOCK_SLACK = timedelta(minutes=15)
"""How far our clock may be from the provider's when batches since an instant are looked for."""
MAX_LISTED = 10_000
"""Batches that are looked at in a list; an account has fewer within the days that matter."""

_MAX_STATE_CHARS = 80
_MAX_COUNT = 10**12
"""No batch has so many requests; the journal's numbers have 64 bits."""
_UNREADABLE_ANSWERS = (TypeError, ValueError, KeyError, AttributeError)


def explain_sdk_error(exc: Exception, to_runner_error: Callable[[Exception], RunnerError]) -> RunnerError:
    """Return the failure of a call of the SDK about batches.

    The requests of a batch are built before, so an error of a type or a value is in what the provider answered.

    Args:
        exc: What the SDK raised.
        to_runner_error: The runner's translation of the SDK's errors.
    """
    if isinstance(exc, _UNREADABLE_ANSWERS):
        message = f"the answer about a batch cannot be read: {type(exc).__name__}: {exc}"
        return RunnerError("garbage", transport.redact_and_truncate(message))
    return to_runner_error(exc)


def require_id(given: Any, where: str) -> str:
    """Return an id that a provider gave.

    Raises:
        RunnerError: ``garbage``: it gave none.
    """
    if not isinstance(given, str) or not given or len(given) > 512 or _without_surrogates(given) != given:
        raise RunnerError("garbage", f"{where}: expected an id, found {ascii(given)[:80]}")
    return given


def text_or_none(given: Any) -> str | None:
    """Return a text that can be stored, or None for anything else."""
    return _without_surrogates(given) if isinstance(given, str) and given else None


def state_of(given: Any) -> str:
    """Return a provider's word for a state, whatever it is, as a text that can be stored and shown."""
    return _without_surrogates(str(given))[:_MAX_STATE_CHARS]


def _without_surrogates(text: str) -> str:
    """Return a text without halves of characters, which JSON can name and no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def count_or_none(given: Any) -> int | None:
    """Return a count, or None for anything else; Google writes counts as texts."""
    if isinstance(given, str) and given.isdecimal() and len(given) <= 12:
        given = int(given)
    is_count = isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= _MAX_COUNT
    return given if is_count else None


def instant_or_none(given: Any) -> datetime | None:
    """Return an instant given in seconds since 1970 or in RFC 3339, or None for anything else."""
    try:
        if isinstance(given, str):
            found = datetime.fromisoformat(given)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found
        if isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given):
            return datetime.fromtimestamp(given, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def end_listing(max_listed: int, *, has_match: bool) -> None:
    """End a search among the batches of an account before all of them were looked at.

    Args:
        max_listed: How many were looked at.
        has_match: Whether one of them has the label.

    Raises:
        RunnerError: ``server``: none has it, so the batch may be among the others.
    """
    if not has_match:
        raise RunnerError(
            "server",
            f"none of the {max_listed:,} batches that were looked at has the name, and the account lists more; the batch may be "
            "among the others",
        )


def is_before(created_at: datetime | None, since: datetime | None) -> bool:
    """Return whether a batch was surely created before an instant."""
    return since is not None and created_at is not None and created_at < since - CLOCK_SLACK


def join_errors(errors: Iterable[Any]) -> str | None:
    """Return several errors of a whole batch in one line: the first, and how many there are. None: there are none."""
    listed = [error for error in errors if error]
    if not listed:
        return None
    first = listed[0]
    text = error_text(first)
    if isinstance(first, Mapping) and first.get("code") is not None:
        text = f"{first['code']}: {text}"
    if isinstance(first, Mapping) and first.get("line") is not None:
        text = f"line {first['line']}: {text}"
    more = f" (and {len(listed) - 1} more)" if len(listed) > 1 else ""
    return transport.redact_and_truncate(" ".join(text.split()) + more)
