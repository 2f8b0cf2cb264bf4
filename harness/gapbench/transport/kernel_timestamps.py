"""The clock of every stamp, and the kernel's receive stamps on it."""

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
    """Turns the kernel's receive stamps into instants on :data:`now`.

    The kernel stamps a packet on CLOCK_REALTIME (socket(7), SO_TIMESTAMP). NTP slews that clock and the
    monotonic one alike, so their difference is a constant but for steps, which :meth:`recalibrate_if_stepped` finds.
    """

    def __init__(self) -> None:
        """Measure the difference."""
        self.offset_s = 0.0
        self._calibrate()

    def recalibrate_if_stepped(self) -> None:
        """Measure anew when the difference has moved; called once per request."""
        low_s, high_s = _offset_bounds()
        if not low_s - _TOLERANCE_S <= self.offset_s <= high_s + _TOLERANCE_S:
            self._calibrate()

    def _calibrate(self) -> None:
        # Preemption between the two clocks widens the bounds; the narrowest of a few is the truest.
        best_low_s, best_high_s = _offset_bounds()
        for _ in range(_CALIBRATION_SAMPLES):
            low_s, high_s = _offset_bounds()
            if high_s - low_s < best_high_s - best_low_s:
                best_low_s, best_high_s = low_s, high_s
        self.offset_s = (best_low_s + best_high_s) / 2

    def to_monotonic_s(self, control_message: bytes, earliest_s: float, latest_s: float) -> float:
        """Return a receive stamp as an instant on :data:`now`.

        Args:
            control_message: The control message: a ``struct timespec``.
            earliest_s: A stamp before this is a step of the clock; ``latest_s`` stands in for it.
            latest_s: When the read was made.
        """
        seconds, nanoseconds = _TIMESPEC.unpack(control_message)
        at_s: float = seconds - self.offset_s + nanoseconds * 1e-9
        return at_s if earliest_s <= at_s <= latest_s else latest_s


def _offset_bounds() -> tuple[float, float]:
    """Return the least and the largest that realtime minus :data:`now` can be."""
    before_s = now()
    real_s = time.clock_gettime(time.CLOCK_REALTIME)
    after_s = now()
    return real_s - after_s, real_s - before_s
