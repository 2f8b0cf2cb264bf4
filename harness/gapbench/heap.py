"""Where this process keeps the memory of large arrays between uses."""

from __future__ import annotations

import sys

_ARENA_MAX = -8
"""``M_ARENA_MAX`` of glibc's ``mallopt``."""


def share_one_heap() -> None:
    """Let all threads take memory from one heap; call it before any is started. Without glibc it does nothing.

    By default glibc gives each thread a heap of its own, of pieces of 64 MB, and returns what is freed at once: each array of a
    few megabytes is then new memory, which the kernel fills with zeros: half of the page faults of a report over ten million rows.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - most commands need no library of C

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
