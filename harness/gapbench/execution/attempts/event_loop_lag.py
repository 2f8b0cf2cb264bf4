"""Measure how late the event loop wakes up."""

from __future__ import annotations

import asyncio
import bisect

from gapbench import transport

LAG_TICK_S = 0.02


MAX_LAG_TICKS = 65_536


class LagMeter:
    """Measures how late the event loop is, since a late loop makes late stamps.

    Args:
        loop: The loop to watch. :meth:`start` starts the ticks, :meth:`stop` ends them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._at_s: list[float] = []
        self._lag_s: list[float] = []
        self._due_s = 0.0
        self._handle: asyncio.TimerHandle | None = None

    @classmethod
    def start(cls) -> LagMeter:
        """Return a meter of the running event loop that has started to tick."""
        meter = cls(asyncio.get_running_loop())
        meter._schedule_tick(transport.now())
        return meter

    def _schedule_tick(self, at_s: float) -> None:
        self._due_s = at_s + LAG_TICK_S
        self._handle = self._loop.call_later(LAG_TICK_S, self._tick)

    def _tick(self) -> None:
        at_s = transport.now()
        self._at_s.append(at_s)
        self._lag_s.append(max(0.0, at_s - self._due_s))
        if len(self._at_s) > 2 * MAX_LAG_TICKS:
            del self._at_s[:MAX_LAG_TICKS], self._lag_s[:MAX_LAG_TICKS]
        self._schedule_tick(at_s)

    def max_lag_s(self, since_s: float, until_s: float) -> float | None:
        """Return the largest lag of the ticks in a window; None when none fell into it."""
        low = bisect.bisect_left(self._at_s, since_s)
        high = bisect.bisect_right(self._at_s, until_s + LAG_TICK_S)
        return max(self._lag_s[low:high], default=None)

    def lag_quantile_s(self, share: float) -> float | None:
        """Return a quantile of all ticks kept; None before the first."""
        ordered = sorted(self._lag_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None

    def stop(self) -> None:
        """Stop ticking."""
        if self._handle is not None:
            self._handle.cancel()
