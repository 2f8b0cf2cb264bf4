"""Measures the memory that all processes of a program take together, and its files there, for a supervisor.

The kernel's limits apply to each process. Limiting the sum would take a control group, which a rootless sandbox cannot
make. So the sum is read from the host's /proc, through a descriptor that was opened outside.
"""

from __future__ import annotations

import contextlib
import os

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MAX_PROCESSES = 256


# As in gapbench/sandbox/sandbox.py: how a supervisor says why it ended a program. The first is that of timeout(1).
EXIT_TIMEOUT, EXIT_OUT_OF_MEMORY, EXIT_TOO_MANY_FILES = 124, 125, 126


def open_proc() -> int | None:
    """Return a descriptor of this machine's /proc, or None if it cannot be opened."""
    try:
        return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


def lists_children(proc_fd: int) -> bool:
    """Return whether this kernel lists the children of a process, as :func:`resident_bytes` needs."""
    try:
        process = own_pid(proc_fd)
        _read_proc_file(proc_fd, f"{process}/task/{process}/children")
    except (OSError, ValueError):
        return False
    return True


def own_pid(proc_fd: int) -> int:
    """Return this process's id in the process namespace of ``proc_fd``, which is not that of ``os.getpid``."""
    return int(os.readlink("self", dir_fd=proc_fd))


def resident_bytes(proc_fd: int) -> int | None:
    """Return the resident memory of all processes below this one; shared pages count in each.

    Returns:
        None if there are more than :data:`MAX_PROCESSES`.
    """
    total, seen, waiting = 0, 0, _child_processes(proc_fd, own_pid(proc_fd))
    while waiting:
        process = waiting.pop()
        seen += 1
        if seen > MAX_PROCESSES:
            return None
        with contextlib.suppress(OSError, ValueError, IndexError):  # it may end meanwhile
            total += int(_read_proc_file(proc_fd, f"{process}/statm").split()[1]) * PAGE_BYTES
            waiting += _child_processes(proc_fd, process)
    return total


def exceeds_memory(proc_fd: int, total_bytes: int) -> bool:
    """Return whether the processes below this one take more than ``total_bytes``, or are too many to count."""
    resident = resident_bytes(proc_fd)
    return resident is None or resident > total_bytes


def files_in_tmp() -> int:
    """Return the number of files and folders in the private /tmp."""
    status = os.statvfs("/tmp")  # noqa: S108 - the private one
    return status.f_files - status.f_ffree


def _child_processes(proc_fd: int, process: int) -> list[int]:
    tasks = os.open(f"{process}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc_fd)
    try:
        names = os.listdir(tasks)  # noqa: PTH208 - by descriptor, which pathlib cannot
    finally:
        os.close(tasks)
    children: list[int] = []
    for task in names:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread may end meanwhile
            children += map(int, _read_proc_file(proc_fd, f"{process}/task/{task}/children").split())
    return children


def _read_proc_file(proc_fd: int, path: str) -> str:
    fd = os.open(path, os.O_RDONLY, dir_fd=proc_fd)
    try:
        return os.read(fd, 65536).decode()
    finally:
        os.close(fd)
