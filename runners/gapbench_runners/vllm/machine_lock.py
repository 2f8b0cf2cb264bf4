"""The lock that says that a batch of vLLM runs on this machine: two would share its GPUs."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

FILE_NAME = "gapbench-vllm-run-batch.lock"


def machine_lock_path() -> Path:
    """Return the path of the lock, in the machine's folder for temporary files.

    Who divides the GPUs of a machine gives each part a ``TMPDIR`` of its own, as Slurm and containers can.
    """
    return Path(tempfile.gettempdir()) / FILE_NAME


def is_machine_busy() -> bool:
    """Return whether a batch of vLLM runs on this machine, of this or another run or user."""
    return is_locked(machine_lock_path())


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a file; a file that is not there has none."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
