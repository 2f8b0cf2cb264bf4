"""The one clock of measurement: monotonic seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

now: Callable[[], float] = time.perf_counter
"""The clock of every stamp: monotonic, and on Linux the same for all processes of a machine."""
