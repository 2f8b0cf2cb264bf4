"""The processes that a test leaves behind."""

from __future__ import annotations

from collections.abc import Collection

import psutil

ENDING_S = 60.0
"""A killed process needs the CPU once more to end, and others may be ahead of it."""


def child_pids() -> set[int]:
    """Return the processes below this one."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


def left_running(before: Collection[int]) -> set[int]:
    """Return the processes below this one that were not there before and do not end; templates of tools may stay."""
    new = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    _, alive = psutil.wait_procs([process for process in new if not _is_template(process)], ENDING_S)
    return {process.pid for process in alive}


def _is_template(process: psutil.Process) -> bool:
    try:
        return "run_template" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
