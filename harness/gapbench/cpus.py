"""The CPUs that this process may use, which can be fewer than the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""In a container: microseconds of CPU time in each period, and the period; ``max`` without a quota (cgroup v2)."""


def usable_cpus(quota_file: Path = CGROUP_QUOTA) -> int:
    """Return how many CPUs this process may keep busy: those of its affinity mask, at most its container's quota.

    Args:
        quota_file: The quota of the process's control group. A file that does not exist sets none.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
        return max(1, min(count, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control group, an older kind of it, or no quota
        return count
