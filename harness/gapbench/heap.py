"""Where this process keeps the memory of large arrays between uses."""

from __future__ import annotations

import sys

_ARENA_MAX, _MMAP_MAX, _TRIM_THRESHOLD = -8, -4, -1
"""Options of glibc's ``mallopt``."""


def share_one_heap() -> None:
    """Let all threads take memory from one heap, which keeps what is freed; call it before any is started.

    By default glibc gives each thread a heap of its own, of pieces of 64 MB, and gets every array of more than 32 MB from the
    kernel. Both are returned at once, and the kernel fills what it gives with zeros: half of the page faults of a report over ten
    million rows, and a tenth of the time of a gap over a hundred million. Up to 1 GiB stays here. Without glibc nothing changes.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - most commands need no library of C

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**30)):
            mallopt(option, value)
