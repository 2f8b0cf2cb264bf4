"""Periods of time in a suite."""

from __future__ import annotations

import pytest

from gapbench.suite.loads.period import parse_period


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-01-05", "2026-01-05T00:00", "2026-01-06T00:00"),
        ("2026-01-05T09:00/1h", "2026-01-05T09:00", "2026-01-05T10:00"),
        ("2026-01-05T09:00/1.5h", "2026-01-05T09:00", "2026-01-05T10:30"),
        ("2026-01-05T09:00/90s", "2026-01-05T09:00", "2026-01-05T09:01"),
        ("2026-01-05T09:00/15min", "2026-01-05T09:00", "2026-01-05T09:15"),
        ("2026-01-05/2d", "2026-01-05T00:00", "2026-01-07T00:00"),
        ("2026-01-05T09:00/2026-01-05T12:30", "2026-01-05T09:00", "2026-01-05T12:30"),
        ("2026-01-05T09:00+01:00/1h", "2026-01-05T08:00", "2026-01-05T09:00"),
    ],
)
def test_a_period_is_read(text: str, start: str, end: str) -> None:
    """In UTC, to the minute."""
    assert (start, end) == tuple(instant.isoformat()[:16] for instant in parse_period(text))


@pytest.mark.parametrize(
    "text", ["", "monday", "2026-01-05T09:00", "2026-01-05/1", "2026-13-01", "2026-01-05/9e9d", "/1h"]
)
def test_anything_else_is_refused_with_the_three_forms(text: str) -> None:
    """A start alone too."""
    with pytest.raises(ValueError, match="expected a day"):
        parse_period(text)


@pytest.mark.parametrize("text", ["2026-01-05/2026-01-05", "2026-01-06/2026-01-05", "2026-01-05/0s"])
def test_a_period_has_to_end_after_its_start(text: str) -> None:
    """An empty one would replay nothing."""
    with pytest.raises(ValueError, match="ends before it starts"):
        parse_period(text)
