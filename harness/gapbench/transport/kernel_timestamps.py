"""Convert the kernel's receive timestamps to the monotonic clock that everything else uses."""

from __future__ import annotations

import struct
import time

from gapbench.clock import now

CONTROL_MESSAGE_BYTES = 64
"""Room for one control message with a ``struct timespec``."""

_TIMESPEC = struct.Struct("@ll")
_TOLERANCE_S = 2e-6
_CALIBRATION_SAMPLES = 20


class KernelClock:
    """Converts the kernel's receive timestamps to instants on :data:`now`.

    The kernel uses CLOCK_REALTIME (socket(7), SO_TIMESTAMP). NTP slews that clock and the monotonic clock alike, so their
    difference changes only when the clock is stepped, which :meth:`recalibrate_if_stepped` detects.
    """

    def __init__(self) -> None:
        """Measure the difference."""
        self.offset_s = 0.0
        self._calibrate()

    def recalibrate_if_stepped(self) -> None:
        """Measure the difference again if it has changed; called once per request."""
        low_s, high_s = _offset_bounds()
        if not low_s - _TOLERANCE_S <= self.offset_s <= high_s + _TOLERANCE_S:
            self._calibrate()

    def _calibrate(self) -> None:
        # Preemption between the two clock reads widens the bounds; the narrowest of several is the most exact.
        best_low_s, best_high_s = _offset_bounds()
        for _ in range(_CALIBRATION_SAMPLES):
            low_s, high_s = _offset_bounds()
            if high_s - low_s < best_high_s - best_low_s:
                best_low_s, best_high_s = low_s, high_s
        self.offset_s = (best_low_s + best_high_s) / 2

    def to_monotonic_s(self, control_message: bytes, earliest_s: float, latest_s: float) -> float:
        """Return a receive timestamp as an instant on :data:`now`.

        Args:
            control_message: The control message: a ``struct timespec``.
            earliest_s: An earlier timestamp means that the clock was stepped; ``latest_s`` is returned instead.
            latest_s: When the read was made.
        """
        seconds, nanoseconds = _TIMESPEC.unpack(control_message)
        at_s: float = seconds - self.offset_s + nanoseconds * 1e-9
        return at_s if earliest_s <= at_s <= latest_s else latest_s


def _offset_bounds() -> tuple[float, float]:
    """Return the lowest and the highest possible value of realtime minus :data:`now`."""
    before_s = now()
    real_s = time.clock_gettime(time.CLOCK_REALTIME)
    after_s = now()
    return real_s - after_s, real_s - before_s
