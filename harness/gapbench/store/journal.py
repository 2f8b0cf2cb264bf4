"""A journal: each line is written at once, and a thread of its own puts what was written on the disk.

A line that was written survives the process; it survives the machine once it is synced, which is tried every
``SYNC_S`` or ``SYNC_ROWS``. A disk may take long over that, and whoever times requests must not wait for it.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import IO

from gapbench.atomic_write import fsync_folder

SYNC_ROWS = 500
SYNC_S = 2.0


class Journal:
    """One file of lines, open for writing.

    Args:
        path: The file; lines are added to its end.

    Raises:
        OSError: It cannot be opened; also by every method once the disk has failed, and nothing is written after that.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and start the thread."""
        self._file = path.open("ab", buffering=0)
        self._folder = path.parent
        self._changed = threading.Condition()
        self._unsynced = 0
        self._syncing = 0
        self._is_sync_requested = False
        self._is_closing = False
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._sync_loop, name="journal", daemon=True)
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Whether another batch is full while one is still being synced: a loss of power would cost both."""
        return self._unsynced + self._syncing >= 2 * SYNC_ROWS

    def add(self, line: bytes) -> None:
        """Write a line; it survives the process from here on."""
        self._raise_failure()
        try:
            _write_all(self._file, line)
        except OSError as exc:
            # Nothing may follow half a line.
            self._failure = exc
            raise
        with self._changed:
            self._unsynced += 1
            if self._unsynced in {1, SYNC_ROWS}:
                self._changed.notify_all()

    def catch_up(self) -> None:
        """Wait until the disk is behind no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or not self.is_behind)
        self._raise_failure()

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        with self._changed:
            self._is_sync_requested = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._failure or not (self._unsynced or self._syncing))
            self._is_sync_requested = False
        self._raise_failure()

    def close(self) -> None:
        """Put the rest on the disk and close the file."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        self._file.close()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # A new one: the same raised by hundreds of senders would carry the traceback of each.
            raise OSError(self._failure.errno, self._failure.strerror)

    def _is_due(self) -> bool:
        return self._unsynced >= SYNC_ROWS or self._is_sync_requested or self._is_closing

    def _sync_loop(self) -> None:
        try:
            # The file's own name; whoever adds lines does not wait for it.
            fsync_folder(self._folder)
        except OSError as exc:
            self._failure = exc
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unsynced or self._is_closing)
                self._changed.wait_for(self._is_due, SYNC_S)
                if not self._unsynced:
                    return
                self._syncing, self._unsynced = self._unsynced, 0
            try:
                os.fsync(self._file.fileno())
            except OSError as exc:
                self._failure = exc
            with self._changed:
                self._syncing = 0
                self._changed.notify_all()
            if self._failure is not None:
                return


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of ``data`` or raise: a disk that is nearly full takes a part of it without a word."""
    if file.write(data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
