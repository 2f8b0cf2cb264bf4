"""Times, counts, dollars and durations in any spelling become one, and impossible ones are refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.traffic.amounts import AmountError, read_count, read_seconds, read_usd
from gapbench.traffic.times import TimeError, read_time
from tests.traffic_logs import import_files, spend


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-01-31T12:00:00Z", "UTC", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31T14:00:00+02:00", "UTC", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 13:00:00", "Europe/Berlin", "2026-01-31T12:00:00+00:00"),
        ("2026-07-31 14:00:00.5", "Europe/Berlin", "2026-07-31T12:00:00.500000+00:00"),
        (1_769_860_800, "Europe/Berlin", "2026-01-31T12:00:00+00:00"),
        (1_769_860_800.25, "UTC", "2026-01-31T12:00:00.250000+00:00"),
        ("1769860800000", "UTC", "2026-01-31T12:00:00+00:00"),
        (1_769_860_800_000_000, "UTC", "2026-01-31T12:00:00+00:00"),
        ("1769860800000000001", "UTC", "2026-01-31T12:00:00+00:00"),
        ("Sat, 31 Jan 2026 12:00:00 +0000", "UTC", "2026-01-31T12:00:00+00:00"),
        ("Sat, 31 Jan 2026 12:00:00 GMT", "Europe/Berlin", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 13:00:00.5 +0100", "UTC", "2026-01-31T12:00:00.500000+00:00"),
        ("2026-01-31 12:00:00.25 +0000 UTC", "Europe/Berlin", "2026-01-31T12:00:00.250000+00:00"),
    ],
)
def test_times_in_any_unit_and_zone_become_utc(value: Any, zone: str, expected: str) -> None:
    """A number's size tells its unit; only a text without a zone needs one."""
    from zoneinfo import ZoneInfo

    found, _ = read_time(value, ZoneInfo(zone))

    assert datetime.fromisoformat(expected) == datetime.fromtimestamp((found or 0) / 1e6, UTC)


@pytest.mark.parametrize(
    "value",
    [
        "1970-01-21T11:37:40Z",
        "57000-01-01T00:00:00Z",
        1_769_860,
        1_769_860_800 * 10**12,
        "yesterday",
        "05/06/2026",
        True,
        math.nan,
        -1,
    ],
)
def test_impossible_times_are_refused(value: Any) -> None:
    """The years 1970 and 57000 come from milliseconds that were taken for seconds, or the reverse."""
    with pytest.raises(TimeError):
        read_time(value, UTC)


def test_a_time_without_a_zone_is_counted_with_the_zone_that_was_assumed(tmp_path: Path) -> None:
    """The user must know which."""
    _, report = import_files(
        tmp_path, {"log.jsonl": [spend(1, startTime="2026-01-31 12:00:00"), spend(2)]}, time_zone="Asia/Tokyo"
    )

    assert (1, "Asia/Tokyo") == (report.naive_times, report.zone)
    assert datetime(2026, 1, 31, 3, tzinfo=UTC) == datetime.fromtimestamp((report.first_time or 0) / 1e6, UTC)


def test_times_out_of_order_are_counted(tmp_path: Path) -> None:
    """3 after 5, and 4 after nothing later than 3: one."""
    _, report = import_files(tmp_path, {"log.jsonl": [spend(5), spend(3), spend(4)]})

    assert 1 == report.out_of_order


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ("7", 7),
        ("7.0", 7),
        (7.0, 7),
        ("1,234", 1234),
        (None, None),
        ("", None),
        ("null", None),
        ("NaN", None),
    ],
)
def test_counts_may_be_texts(value: Any, expected: int | None) -> None:
    """CSV files know only texts; a text that says unknown is unknown."""
    assert expected == read_count(value)


@pytest.mark.parametrize("value", [-1, "-1", 1.5, "x", True, math.nan, math.inf, 2**60, [], {}])
def test_impossible_counts_are_refused(value: Any) -> None:
    """None of them is a number of tokens."""
    with pytest.raises(AmountError):
        read_count(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.2345e-05, "0.000012345"),
        ("$0.10", "0.10"),
        (0.1 + 0.2, "0.30000000000000004"),
        (Decimal("0.1"), "0.1"),
        (0, "0"),
        ("123456.1234567890123456789012345", "123456.123456789012345678901234"),
        ("$1,234.50", "1234.50"),
    ],
)
def test_dollars_are_exact(value: Any, expected: str) -> None:
    """A float is what its shortest text says."""
    assert Decimal(expected) == read_usd(value)


@pytest.mark.parametrize("value", [-0.1, "1,5", math.nan, math.inf, 1e13, True, "free"])
def test_impossible_dollars_are_refused(value: Any) -> None:
    """A comma may be a decimal point or not."""
    with pytest.raises(AmountError):
        read_usd(value)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, 1e9, "soon"])
def test_impossible_durations_are_refused(value: Any) -> None:
    """A billion seconds are milliseconds, or worse."""
    with pytest.raises(AmountError):
        read_seconds(value)
