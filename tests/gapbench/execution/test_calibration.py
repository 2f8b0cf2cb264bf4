"""What calibration says of a machine, and that it holds rows against the server's own log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from gapbench.execution.calibration import METRICS, Calibration, CalibrationLevel, MetricDeviation, calibrate


def level(streams: int, worst: float, *, late: float = 0.0) -> CalibrationLevel:
    errors = (
        MetricDeviation("first_token", 0.2, 0.4, 0.001, -worst),
        MetricDeviation("inter_chunk", 0.01, 0.012, worst / 2, 0.0),
    )
    return CalibrationLevel(streams, streams / 0.84, 100, 1, 0.2, 0.001, late, errors)


def calibration(*levels: CalibrationLevel) -> Calibration:
    return Calibration(datetime(2026, 11, 24, tzinfo=UTC), levels)


@pytest.mark.parametrize(
    ("levels", "trusted"),
    [
        ([level(10, 0.001), level(100, 0.019)], 100),
        ([level(10, 0.001), level(100, 0.021)], 10),
        ([level(10, 0.05)], None),
        ([level(10, 0.001), level(100, 0.03), level(400, 0.001)], 10),
    ],
)
def test_the_highest_load_that_can_be_trusted(levels: list[CalibrationLevel], trusted: int | None) -> None:
    """Every figure of it and of all below it within 2 %, whichever way it errs."""
    assert trusted == calibration(*levels).trusted_streams


def test_a_late_server_is_told_from_a_late_client() -> None:
    """A level that fails while the server itself was late says nothing of the client."""
    assert calibration(level(10, 0.05, late=0.2)).is_bound_by_server
    assert not calibration(level(10, 0.05, late=0.01)).is_bound_by_server
    assert not calibration(level(10, 0.001, late=0.2)).is_bound_by_server


def test_rows_are_held_against_the_servers_log() -> None:
    """A level of three streams: every figure is there, with the truth that the server was told to keep."""
    found = asyncio.run(calibrate([3], duration_s=2.5))
    held = found.levels[0]

    assert METRICS == tuple(error.figure for error in held.errors)
    assert held.requests > 0
    assert 0.005 < held.errors[1].true_p50_s
    assert 0.5 < held.errors[2].true_p50_s
    assert {"levels", "trusted_streams", "machine"} <= found.to_json().keys()
