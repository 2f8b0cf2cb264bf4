"""The lock of a run folder: one process writes it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import IO

from gapbench.atomic_write import write_advice
from gapbench.errors import ResultsError
from gapbench.store.run_folder import ensure_folder, refuse_symlinks


def lock_run_folder(folder: Path) -> IO[bytes]:
    """Return the lock of a run folder, held until it is closed; the folder is created if missing.

    Raises:
        ResultsError: The folder cannot be written, or another process is writing it.
    """
    try:
        ensure_folder(folder)
        refuse_symlinks(folder)
        # Opened for appending: if the name is a file of the user's, nothing is cut off.
        lock = (folder / "run.lock").open("ab")
    except OSError as exc:
        msg = f"cannot write results to {folder}: {exc.strerror or exc}; {write_advice(exc)}, or choose another folder"
        raise ResultsError(msg) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        msg = f"{folder} is being written by another process; wait for it or choose another --out"
        raise ResultsError(msg) from exc
    return lock


def check_folder_writable(folder: Path) -> None:
    """Create a results folder, to learn before the first request whether it can be written.

    Raises:
        ResultsError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
        reason = os.strerror(errno.EACCES)
    except OSError as exc:
        writable, reason = False, exc.strerror or str(exc)
    if not writable:
        msg = f"cannot write results to {folder}/: {reason}; make it writable, or choose another folder"
        raise ResultsError(msg)
