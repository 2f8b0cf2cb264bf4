"""How long a failed response asks to wait, in the forms that servers write."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.transport import retry_after_s

DATE = {"date": "Wed, 21 Oct 2015 07:28:00 GMT"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3.0), (" 3.5 ", 3.5), ("1e2", 100.0), ("0", 0.0), ("-5", 0.0),
        ("3s", 3.0), ("1m30s", 90.0), ("1m 30s", 90.0), ("1500ms", 1.5), ("3 seconds", 3.0), ("PT1M30S", 90.0),
        ("30, 60", 60.0), ("30,30", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0), ("Wednesday, 21-Oct-15 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2015", 30.0), ("2015-10-21T07:28:30Z", 30.0), ("2015-10-21T09:28:30+02:00", 30.0),
        ("1445412510", 30.0), ("1445412510000", 30.0), ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("", None), ("soon", None), ("inf", None), ("nan", None), (",", None),
    ],
)  # fmt: skip
def test_forms_of_the_header(value: str, expected: float | None) -> None:
    """Seconds, a duration, a date, an instant of Unix time, or several of them."""
    assert expected == retry_after_s({**DATE, "retry-after": value}, status=429)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "1500ms"}, 1.5),
        ({"x-ms-retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"x-retry-after": "7"}, 7.0),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0),
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30.0),
    ],
)
def test_other_headers(headers: dict[str, str], expected: float) -> None:
    """Azure's, and the drafts of RateLimit."""
    assert expected == retry_after_s(headers, status=429)


@pytest.mark.parametrize("key", ["retry_after", "retryAfter", "Retry-After", "retry_after_seconds", "retryAfterSeconds", "retry_after_s", "retryDelay"])  # fmt: skip
@pytest.mark.parametrize(
    ("value", "expected"), [(5, 5.0), ("5", 5.0), ("5s", 5.0), ("1m30s", 90.0), ([5], 5.0), ({"seconds": "5"}, 5.0), ("soon", None)]
)  # fmt: skip
def test_fields_of_the_body(key: str, value: Any, expected: float | None) -> None:
    """In any spelling, with or without a unit."""
    assert expected == retry_after_s({}, {"error": {"message": "slow down", key: value}})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"retry_after_ms": 1500}, 1.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"message": '{"retryDelay": "500ms"}'}, 0.5),
        ({"message": '{"retryDelay": "1m30s"}'}, 90.0),
        ({"message": "Retry-After: 7"}, 7.0),
        ({"message": "Expected available in 15 seconds."}, 15.0),
        ({"message": "The limit resets in 1m 5s"}, 65.0),
        ({"message": "connection reset after 3 attempts"}, None),
        ({"metadata": {"headers": {**DATE, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1445412510000"}}}, 30.0),
    ],
)  # fmt: skip
def test_words_of_the_body(body: dict[str, Any], expected: float | None) -> None:
    """Also those that a gateway quotes, with their unit."""
    assert expected == retry_after_s({}, {"error": body})
