"""The clock of every stamp, and the kernel's receive stamps on it."""

from __future__ import annotations

import struct
import time

from gapbench.clock import now

NOTE_BYTES = 64
"""Room for one control message with a ``struct timespec``."""

_TIMESPEC = struct.Struct("@ll")
_NARROW_S = 2e-6
_SAMPLES = 20


class KernelClock:
    """Turns the kernel's receive stamps into instants on :data:`now`.

    The kernel stamps a packet on CLOCK_REALTIME (socket(7), SO_TIMESTAMP). NTP slews that clock and the
    monotonic one alike, so their difference is a constant but for steps, which :meth:`check` finds.
    """

    def __init__(self) -> None:
        """Measure the difference."""
        self.offset_s = 0.0
        self._measure()

    def check(self) -> None:
        """Measure anew when the difference has moved; called once per request."""
        low_s, high_s = _bounds()
        if not low_s - _NARROW_S <= self.offset_s <= high_s + _NARROW_S:
            self._measure()

    def _measure(self) -> None:
        # Preemption between the two clocks widens the bounds; the narrowest of a few is the truest.
        best_low_s, best_high_s = _bounds()
        for _ in range(_SAMPLES):
            low_s, high_s = _bounds()
            if high_s - low_s < best_high_s - best_low_s:
                best_low_s, best_high_s = low_s, high_s
        self.offset_s = (best_low_s + best_high_s) / 2

    def instant_s(self, note: bytes, earliest_s: float, latest_s: float) -> float:
        """Return a receive stamp as an instant on :data:`now`.

        Args:
            note: The control message: a ``struct timespec``.
            earliest_s: A stamp before this is a step of the clock; ``latest_s`` stands in for it.
            latest_s: When the read was made.
        """
        seconds, nanoseconds = _TIMESPEC.unpack(note)
        at_s: float = seconds - self.offset_s + nanoseconds * 1e-9
        return at_s if earliest_s <= at_s <= latest_s else latest_s


def _bounds() -> tuple[float, float]:
    """Return the least and the largest that realtime minus :data:`now` can be."""
    before_s = now()
    real_s = time.clock_gettime(time.CLOCK_REALTIME)
    after_s = now()
    return real_s - after_s, real_s - before_s
