"""The clock of all measurements: monotonic seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

now: Callable[[], float] = time.perf_counter
"""Return the current time of the clock for all stamps: monotonic, and on Linux the same in all processes of a machine."""
