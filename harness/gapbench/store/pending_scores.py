"""Stores answers that wait for a slow scorer, so that a killed process does not lose what was paid for.

::

    <run>/waiting-00001.jsonl   lines as in a journal; their attempts have no score yet

A file is deleted when the journal has all its rows with their scores. A remaining file was left by a killed writer:
the next one scores its answers, and none of their requests is repeated.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import orjson

from gapbench.store.journal import DEFAULT_SETTINGS, Journal, JournalSettings, translate_disk_errors
from gapbench.store.journal_rows import journal_values
from gapbench.store.part_files import numbered_files
from gapbench.store.reader import attempt_from_row, parse_started_at, read_journal_rows
from gapbench.values import ATTEMPT_KEY_IN_RUN, Attempt, Payload, Trajectory

FILE_ROWS = 5_000


class PendingAnswer(NamedTuple):
    """An answer that waits for its score.

    Attributes:
        attempt: Its row, without a score.
        payload: Its texts.
        trajectory: The episode that it ended, without a score. None: it ended none.
    """

    attempt: Attempt
    payload: Payload
    trajectory: Trajectory | None = None


def read_pending_answers(folder: Path, rows: Iterable[Attempt]) -> list[PendingAnswer]:
    """Return the answers that a killed writer left without a score.

    Args:
        folder: The run folder.
        rows: The run's attempts; answers among them have their score.
    """
    files = numbered_files(folder, "waiting").values()
    if not files:
        return []
    key_of = attrgetter(*ATTEMPT_KEY_IN_RUN)
    there = {key_of(row) for row in rows}
    found = (
        PendingAnswer(
            attempt_from_row(parse_started_at(attempt)),
            Payload(**payload),
            None if trajectory is None else Trajectory(**trajectory),
        )
        for path in files
        for attempt, payload, trajectory in read_journal_rows(path)
    )
    return [answer for answer in found if key_of(answer.attempt) not in there]


class PendingAnswers:
    """The answers of one writer that wait for their score. The writer must hold the run's lock.

    Files of an earlier writer are left until :meth:`clear`.

    Args:
        folder: The run folder.
        file_rows: Rows after which a new file is started.
        journal_settings: When the files are synced, and how.
    """

    def __init__(
        self,
        folder: Path,
        file_rows: int = FILE_ROWS,
        journal_settings: JournalSettings = DEFAULT_SETTINGS,
    ) -> None:
        self._folder = folder
        self._file_rows = file_rows
        self._journal_settings = journal_settings
        self._file_number = max(numbered_files(folder, "waiting"), default=0)
        self._journal: Journal | None = None
        self._added_counts: Counter[int] = Counter()
        self._pending_counts: Counter[int] = Counter()
        # Closing a file waits for the disk, which the loop must not.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="waiting")
        self._closing: list[Future[None]] = []
        # Cells that are sent side by side open files in threads, while others add answers.
        self._lock = threading.RLock()

    @property
    def is_behind(self) -> bool:
        """Whether the disk is so slow that further answers must wait for it."""
        return self._journal is not None and self._journal.is_behind

    def add(self, attempt: Attempt, payload: Payload, trajectory: Trajectory | None = None) -> int:
        """Write an answer; returns the number of its file, for :meth:`remove`.

        Raises:
            DiskError: The disk is full or gone.
        """
        line = orjson.dumps(journal_values(attempt, payload, trajectory), option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            journal = self.open_journal()
            with translate_disk_errors(self._folder):
                journal.add(line)
            self._added_counts[self._file_number] += 1
            self._pending_counts[self._file_number] += 1
            return self._file_number

    def open_journal(self) -> Journal:
        """Open the file that the next answer goes to, with its thread, and return it.

        Raises:
            DiskError: The disk is full or gone.
        """
        with self._lock, translate_disk_errors(self._folder):
            if self._journal is None or self._added_counts[self._file_number] >= self._file_rows:
                self._start_file()
            assert self._journal is not None
            return self._journal

    def remove(self, file_number: int) -> None:
        """Forget an answer of a file whose scored row is in the journal."""
        with self._lock:
            self._pending_counts[file_number] -= 1
            if not self._pending_counts[file_number] and file_number != self._file_number:
                self._path(file_number).unlink(missing_ok=True)

    def catch_up(self) -> None:
        """Wait until the journal is no longer behind.

        Raises:
            DiskError: The disk is full or gone.
        """
        journal = self._journal
        if journal is not None:
            with translate_disk_errors(self._folder):
                journal.catch_up()

    def clear(self) -> None:
        """Delete every file, those of earlier writers too: the journal holds all their answers."""
        self._close_journal()
        self._added_counts.clear()
        self._pending_counts.clear()
        for path in numbered_files(self._folder, "waiting").values():
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files; one is kept while an answer in it has no score.

        Raises:
            DiskError: The disk is full or gone.
        """
        try:
            with translate_disk_errors(self._folder):
                self._close_journal()
                for closing in self._closing:
                    closing.result()
        finally:
            self._thread.shutdown()
        for number in self._added_counts:
            if not self._pending_counts[number]:
                self._path(number).unlink(missing_ok=True)

    def _start_file(self) -> None:
        self._close_journal()
        self._file_number += 1
        self._added_counts[self._file_number] = 0
        self._journal = Journal.open(self._path(self._file_number), self._journal_settings)

    def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            self._closing.append(self._thread.submit(journal.close))
            if not self._pending_counts[self._file_number]:
                self._path(self._file_number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"waiting-{number:05d}.jsonl"
