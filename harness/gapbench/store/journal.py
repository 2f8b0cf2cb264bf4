"""A journal: each line is written at once, and a background thread syncs the file to the disk.

A written line survives the process. It survives a loss of power once it is synced, after at most ``SYNC_S`` seconds or
``SYNC_ROWS`` lines. A disk may take long to sync, and the event loop that times requests must not wait for it.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from gapbench.atomic_write import fsync_folder, write_advice
from gapbench.errors import DiskError

SYNC_ROWS = 500
SYNC_S = 2.0


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Turn an ``OSError`` while a run is written into :class:`DiskError`.

    Args:
        folder: The run folder.
    """
    try:
        yield
    except OSError as exc:
        raise disk_error(folder, exc) from exc


def disk_error(folder: Path, exc: OSError) -> DiskError:
    """Return the error for a run folder that cannot be written."""
    return DiskError(
        f"cannot write to {folder}: {exc.strerror or exc}; finished requests are kept; "
        f"{write_advice(exc)} and continue with --resume {folder}"
    )


def open_for_append(path: Path) -> IO[bytes]:
    """Return a file whose lines are written without a buffer."""
    return path.open("ab", buffering=0)


@dataclass(frozen=True)
class JournalSettings:
    """When a journal is synced, and the system calls it makes; tests replace them.

    Attributes:
        sync_rows: Lines after which the file is synced. With twice as many unsynced the journal is behind.
        sync_s: Seconds after which the file is synced, however few lines are waiting.
        open_file: Opens the file for appending, unbuffered.
        sync_file: Puts the written bytes of a file descriptor on the disk; raises ``OSError``.
    """

    sync_rows: int = SYNC_ROWS
    sync_s: float = SYNC_S
    open_file: Callable[[Path], IO[bytes]] = open_for_append
    sync_file: Callable[[int], None] = os.fsync


DEFAULT_SETTINGS = JournalSettings()


class Journal:
    """One file of lines, open for writing. Use :meth:`open`; :meth:`close` stops its thread.

    Every method raises ``OSError`` once the disk has failed, and nothing is written after that.

    Args:
        file: The open file.
        folder: The folder that holds it.
        settings: When it is synced, and how.
    """

    def __init__(self, file: IO[bytes], folder: Path, settings: JournalSettings = DEFAULT_SETTINGS) -> None:
        self._file = file
        self._folder = folder
        self._settings = settings
        self._changed = threading.Condition()
        self._unsynced = 0
        self._syncing = 0
        # Lines since the file was opened: written, on the disk, and those that someone waits for.
        self._written_lines = 0
        self._synced_lines = 0
        self._wanted_lines = 0
        self._is_closing = False
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._sync_loop, name="journal", daemon=True)

    @classmethod
    def open(cls, path: Path, settings: JournalSettings = DEFAULT_SETTINGS) -> Self:
        """Open a file, to whose end lines are added, and start the thread that syncs it.

        Raises:
            OSError: It cannot be opened.
        """
        journal = cls(settings.open_file(path), path.parent, settings)
        journal._thread.start()
        return journal

    @property
    def is_behind(self) -> bool:
        """Whether a second batch is full while one is still being synced: a loss of power would cost both."""
        return self._unsynced + self._syncing >= 2 * self._settings.sync_rows

    def add(self, line: bytes) -> None:
        """Write a line; from here on it survives the process."""
        self._raise_failure()
        try:
            _write_all(self._file, line)
        except OSError as exc:
            # Nothing may follow half a line.
            self._failure = exc
            raise
        with self._changed:
            self._unsynced += 1
            self._written_lines += 1
            if self._unsynced in {1, self._settings.sync_rows}:
                self._changed.notify_all()

    def catch_up(self) -> None:
        """Wait until the journal is no longer behind."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or not self.is_behind)
        self._raise_failure()

    def sync(self) -> None:
        """Wait until all that was written before this call is on the disk; others may go on writing meanwhile."""
        with self._changed:
            wanted = self._wanted_lines = self._written_lines
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._failure or self._synced_lines >= wanted)
        self._raise_failure()

    def close(self) -> None:
        """Sync the rest, stop the thread and close the file."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        self._file.close()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # A new exception: one raised by hundreds of senders would carry the traceback of each.
            raise OSError(self._failure.errno, self._failure.strerror)

    def _is_due(self) -> bool:
        is_wanted = self._wanted_lines > self._synced_lines
        return self._unsynced >= self._settings.sync_rows or is_wanted or self._is_closing

    def _sync_loop(self) -> None:
        try:
            # The new file's name; adding lines does not wait for it.
            fsync_folder(self._folder)
        except OSError as exc:
            self._failure = exc
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unsynced or self._is_closing)
                self._changed.wait_for(self._is_due, self._settings.sync_s)
                if not self._unsynced:
                    return
                self._syncing, self._unsynced = self._unsynced, 0
            try:
                self._settings.sync_file(self._file.fileno())
            except OSError as exc:
                self._failure = exc
            with self._changed:
                self._synced_lines += self._syncing
                self._syncing = 0
                self._changed.notify_all()
            if self._failure is not None:
                return


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of ``data`` or raise: a disk that is nearly full accepts a part of it without an error."""
    if file.write(data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
