"""How late the event loop is, from a timer that fires when the test says so."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gapbench.execution.attempts.lag_meter import LAG_TICK_S, LagMeter


class FakeLoop(asyncio.SelectorEventLoop):
    """A loop whose timers fire when the test says so, and its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.timers: list[Callable[[], object]] = []

    def call_later(  # type: ignore[override] # no test needs the typed arguments
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        self.timers.append(callback)
        return asyncio.TimerHandle(self.now_s + delay, callback, args, self)

    def tick_at(self, now_s: float) -> None:
        self.now_s = now_s
        self.timers.pop()()


def meter_of(lags_s: Sequence[float]) -> LagMeter:
    """Return a meter whose ticks were late by ``lags_s``."""
    with contextlib.closing(FakeLoop()) as loop:
        meter = LagMeter.start(loop, lambda: loop.now_s)
        for lag_s in lags_s:
            loop.tick_at(loop.now_s + LAG_TICK_S + lag_s)
        meter.stop()
    return meter


def test_loop_lag_is_seen() -> None:
    """A tick is due every 5 ms: one in time (5 ms), one 60 ms late (at 70), one in time (75)."""
    meter = meter_of((0.0, 0.06, 0.0))

    assert pytest.approx(0.06) == meter.max_lag_s(0.0, 0.075)
    assert pytest.approx(0.0) == meter.max_lag_s(0.072, 0.075)
    assert meter.max_lag_s(0.2, 0.3) is None


def test_the_delay_of_a_byte_is_weighted_by_time() -> None:
    """Busy for 30 ms of 1,000: bytes of 10 ms (1 %) wait longer than 20 ms, those of 30 ms (3 %) longer than 0."""
    ticks = 194
    meter = meter_of([0.03] + [0.0] * (ticks - 1))  # 194 x 5 ms + 30 ms = 1,000 ms

    assert pytest.approx(0.02) == meter.delay_quantile_s(0.99)
    assert pytest.approx(0.0) == meter.delay_quantile_s(0.97)


def test_short_delays_are_no_delay() -> None:
    """Busy for 5 ms of 1,000: one byte of 200 waits at all."""
    assert meter_of([0.005] + [0.0] * 198).delay_quantile_s(0.99) == 0.0


def test_no_tick_no_delay() -> None:
    """A cell that ends before the first tick has no figure."""
    assert meter_of(()).delay_quantile_s(0.99) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_delay_is_that_of_bytes_at_random_times(seed: int) -> None:
    """20,000 bytes arrive at random times: how long each waits until the loop is free again."""
    rng = random.Random(seed)
    lags_s = [rng.expovariate(500) if rng.random() < 0.2 else 0.0 for _ in range(300)]
    busy, now_s = [], 0.0
    for lag_s in lags_s:
        now_s += LAG_TICK_S
        busy.append((now_s, now_s + lag_s))
        now_s += lag_s
    starts = [start for start, _ in busy]
    waits_s = []
    for _ in range(20_000):
        at_s = rng.uniform(starts[0], now_s)
        waits_s.append(max(0.0, busy[bisect.bisect_right(starts, at_s) - 1][1] - at_s))

    found = meter_of(lags_s).delay_quantile_s(0.99)
    assert found == pytest.approx(sorted(waits_s)[19_800], abs=0.001)
