"""Measure how late the event loop is; a late loop reads bytes late, and its times are partly its own."""

from __future__ import annotations

import asyncio
import bisect
from array import array
from collections.abc import Callable
from itertools import accumulate

from gapbench import transport

LAG_TICK_S = 0.005
MAX_LAG_TICKS = 262_144
"""Ticks that are kept for :meth:`LagMeter.max_lag_s`, at least: 20 minutes."""


class LagMeter:
    """Sets a timer again and again, and records how late each fires.

    Args:
        loop: The loop to watch. :meth:`start` starts the ticks, :meth:`stop` ends them.
        clock: Returns the time in seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = transport.now) -> None:
        self._loop = loop
        self._clock = clock
        self._at_s = array("d")
        self._lag_s = array("d")
        self._due_s = 0.0
        self._start_s = 0.0
        self._handle: asyncio.TimerHandle | None = None

    @classmethod
    def start(
        cls, loop: asyncio.AbstractEventLoop | None = None, clock: Callable[[], float] = transport.now
    ) -> LagMeter:
        """Return a meter that has started to tick. ``loop`` None: it watches the running event loop."""
        meter = cls(loop or asyncio.get_running_loop(), clock)
        meter._start_s = clock()
        meter._schedule_tick(meter._start_s)
        return meter

    def _schedule_tick(self, at_s: float) -> None:
        self._due_s = at_s + LAG_TICK_S
        self._handle = self._loop.call_later(LAG_TICK_S, self._tick)

    def _tick(self) -> None:
        at_s = self._clock()
        self._at_s.append(at_s)
        self._lag_s.append(max(0.0, at_s - self._due_s))
        if len(self._at_s) > 2 * MAX_LAG_TICKS:
            self._start_s = self._at_s[MAX_LAG_TICKS - 1]
            del self._at_s[:MAX_LAG_TICKS], self._lag_s[:MAX_LAG_TICKS]
        self._schedule_tick(at_s)

    def max_lag_s(self, since_s: float, until_s: float) -> float | None:
        """Return the largest lag of the ticks in a window. None: no tick fell into it."""
        low = bisect.bisect_left(self._at_s, since_s)
        high = bisect.bisect_right(self._at_s, until_s + LAG_TICK_S)
        return max(self._lag_s[low:high], default=None)

    def delay_quantile_s(self, share: float) -> float | None:
        """Return a quantile of how long a byte that arrives at any time waits for the loop. None: before the first tick.

        A tick that is L late shows that the loop was busy for L. A byte that arrives in this time waits between 0 and L,
        on average half of it. So the share of all bytes that wait longer than x is the sum of ``max(0, L - x)`` over the
        ticks, divided by the time observed. A long delay counts more than a short one, and the result does not depend on
        how many ticks a short cell has.

        Args:
            share: Between 0 and 1.
        """
        if not self._at_s:
            return None
        allowed_s = (1 - share) * (self._at_s[-1] - self._start_s)
        lags = sorted(self._lag_s, reverse=True)
        for count, (total_s, next_s) in enumerate(
            zip(accumulate(lags), [*lags[1:], 0.0], strict=True), start=1
        ):
            # Between two lags the sum falls by `count` seconds for each second of x.
            if total_s - count * next_s >= allowed_s:
                return (total_s - allowed_s) / count
        return 0.0

    def stop(self) -> None:
        """Stop ticking."""
        if self._handle is not None:
            self._handle.cancel()
