"""Times as logs spell them: ISO texts with or without a zone, and numbers in seconds down to nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from gapbench.errors import InputError
from gapbench.traffic.amounts import is_null

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 2000, 2099
_FIRST_S = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp())
_PER_SECOND = (1, 1_000, 1_000_000, 1_000_000_000)
"""Units that logs use. The years 2000 to 2099 in one of them are never years of that span in another."""
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_MICROSECOND = timedelta(microseconds=1)


class TimeError(ValueError):
    """A time that cannot be read, or that no request can have; the message says why."""


def read_time(value: Any, zone: tzinfo) -> tuple[int | None, bool]:
    """Return a time as microseconds since 1970 UTC, and whether ``zone`` had to be assumed. None: unknown.

    Args:
        value: A number of seconds, milliseconds, microseconds or nanoseconds, an ISO 8601 text, or a datetime.
        zone: The zone of a time without one.

    Raises:
        TimeError: No such form, or a year before 2000 or after 2099.
    """
    if value is None:
        return None, False
    if isinstance(value, str):
        text = value.strip()
        if is_null(text):
            return None, False
        if _DIGITS.fullmatch(text):
            return _from_number(float(text) if "." in text else int(text)), False
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = _from_other_text(text)
    if isinstance(value, datetime):
        is_naive = value.tzinfo is None
        if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
            raise TimeError(
                f"the year {value.year} is impossible: milliseconds taken for seconds, or the reverse?"
            )
        return ((value.replace(tzinfo=zone) if is_naive else value) - _EPOCH) // _MICROSECOND, is_naive
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_number(value), False
    raise TimeError("is not a time")


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name.

    Raises:
        InputError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError) as exc:  # ZoneInfoNotFoundError is a KeyError
        raise InputError(
            f"--time-zone {name!r} is not a time zone; expected a name such as Europe/Berlin"
        ) from exc
    except KeyError as exc:
        raise InputError(
            f"--time-zone {name!r} is not a time zone; expected a name such as Europe/Berlin"
        ) from exc


def _from_number(value: float) -> int:
    for per_second in _PER_SECOND:
        if _FIRST_S * per_second <= value < _LAST_S * per_second:
            if isinstance(value, int):
                return value * 1_000_000 // per_second
            return round(value * (1_000_000 / per_second))
    raise TimeError(
        "a number that cannot be a time from 2000 to 2099 in seconds, milliseconds, microseconds or nanoseconds"
    )


_OTHER_FORMATS = (
    "%Y-%m-%d %H:%M:%S.%f %Z",
    "%Y-%m-%d %H:%M:%S %Z",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S.%f %z",
    "%Y-%m-%d %H:%M:%S %z UTC",
    "%Y-%m-%d %H:%M:%S.%f %z UTC",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %Z",
    "%d/%b/%Y:%H:%M:%S %z",
)
"""Beside ISO 8601: SQL clients and Go with a zone apart, slashes, RFC 2822 and access logs. All name the year or the month."""


def _from_other_text(text: str) -> datetime:
    for pattern in _OTHER_FORMATS:
        try:
            found = datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller gives it a zone
        except ValueError:
            continue
        return (
            found.replace(tzinfo=UTC) if pattern.endswith("%Z") and text.endswith(("UTC", "GMT")) else found
        )
    if re.match(r"[0-9]{5,}-", text):
        raise TimeError(f"the year {text.partition('-')[0]} is impossible: milliseconds taken for seconds?")
    raise TimeError("is not a time; expected ISO 8601 such as 2026-01-31T13:46:19Z, or a number")
