"""A period of time, as a suite writes it: ``2026-01-05``, ``2026-01-05T09:00/1h``, ``2026-01-05T09:00/2026-01-05T12:30``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

_LENGTH = re.compile(r"(?P<count>\d+(?:\.\d+)?)(?P<unit>s|min|m|h|d)")
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Period(NamedTuple):
    """From ``start``, which is part of it, to ``end``, which is not; both in UTC."""

    start: datetime
    end: datetime


def parse_period(text: str) -> Period:
    """Return a period: a day, a start with a length, or a start with an end. Times without a zone are UTC.

    Raises:
        ValueError: The text has another form, or the period is empty.
    """
    start_text, slash, rest = text.strip().partition("/")
    start = _parse_instant(start_text, text)
    if not slash:
        if not _DAY.fullmatch(start_text):
            raise ValueError(_describe(text))
        return Period(start, start + timedelta(days=1))
    length = _LENGTH.fullmatch(rest.strip())
    try:
        end = (
            _parse_instant(rest, text)
            if length is None
            else start + timedelta(seconds=float(length["count"]) * _UNIT_S[length["unit"]])
        )
    except OverflowError:
        raise ValueError(_describe(text)) from None
    if end <= start:
        raise ValueError(f"found {text!r}, which ends before it starts; write the start first")
    return Period(start, end)


def _parse_instant(text: str, whole: str) -> datetime:
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_describe(whole)) from None


def _describe(text: str) -> str:
    return (
        f"found {text!r}; expected a day (2026-01-05), a start with a length in s, min, h or d (2026-01-05T09:00/1h), or "
        "a start and an end (2026-01-05T09:00/2026-01-05T12:30)"
    )
