"""How much memory a program's processes hold together, as the keeper sees it.

Limits of the kernel are each process's own; without a control group of our own, which takes rights that a
rootless sandbox does not have, the sum is looked up in the host's /proc, opened before the walls close.
"""

from __future__ import annotations

import contextlib
import os

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MAX_PROCESSES = 256


def open_proc() -> int | None:
    """Return a descriptor of /proc for :func:`resident_bytes`; None: this kernel tells no children."""
    try:
        folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        _read_proc_file(folder, f"{os.getpid()}/task/{os.getpid()}/children")
    except OSError:
        os.close(folder)
        return None
    return folder


def resident_bytes(proc_fd: int, root_pid: int) -> int:
    """Return the resident memory of process ``root_pid`` and all below it; pages that are shared count in each."""
    total, seen, waiting = 0, 0, [root_pid]
    while waiting and seen < MAX_PROCESSES:
        process = waiting.pop()
        seen += 1
        with contextlib.suppress(OSError, ValueError, IndexError):  # it may end while it is looked at
            total += int(_read_proc_file(proc_fd, f"{process}/statm").split()[1]) * PAGE_BYTES
            tasks = os.open(f"{process}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc_fd)
            try:
                names = os.listdir(tasks)  # noqa: PTH208 - by descriptor, which pathlib cannot
            finally:
                os.close(tasks)
            for task in names:
                with contextlib.suppress(OSError, ValueError):
                    waiting += map(int, _read_proc_file(proc_fd, f"{process}/task/{task}/children").split())
    return total


def _read_proc_file(proc_fd: int, path: str) -> str:
    fd = os.open(path, os.O_RDONLY, dir_fd=proc_fd)
    try:
        return os.read(fd, 65536).decode()
    finally:
        os.close(fd)
