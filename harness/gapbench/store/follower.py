"""Follows a run that another process writes: each call reads the attempts added since the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from gapbench.errors import FileGoneError
from gapbench.store.part_files import numbered_files, part_numbers
from gapbench.store.reader import (
    attempt_from_row,
    parse_journal_lines,
    parse_started_at,
    read_part,
)
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import Attempt

_COLUMNS = pa.schema([field for field in ATTEMPT_SCHEMA if not pa.types.is_list(field.type)])


class RunFollower:
    """Reads a run's attempts as they are written, each once: open journals line by line, and parts closed since.

    A part holds its journal's rows in the same order, so rows already read from the journal are skipped in the part, and
    those of parts already read in the file that they are joined to.
    A part's lists, such as chunk times, are most of its bytes and are left empty. Later scores are not followed.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows_read: Counter[int] = Counter()
        self._closed_parts: set[range] = set()
        self._offsets: Counter[int] = Counter()

    def read_new(self) -> Iterator[Attempt]:
        """Yield the attempts written since the last call.

        Raises:
            ResultsError: A part cannot be read.
            OSError: The folder cannot be read.
        """
        # Journals first: one that is closed after that is among the parts, so what is read has no gap.
        journals, parts = numbered_files(self._folder, "journal"), numbered_files(self._folder, "attempts")
        for path in parts.values():
            if part_numbers(path) not in self._closed_parts:
                try:
                    yield from self._read_part(path)
                except FileGoneError:
                    return  # It was joined since the folder was listed; the next call reads the file that has its rows.
        for number, path in journals.items():
            if not any(number in closed for closed in self._closed_parts):
                try:
                    yield from self._read_journal(path)
                except FileNotFoundError:
                    return  # It was closed since the folder was listed; the next call reads its part, then what follows it.

    def _read_part(self, path: Path) -> Iterator[Attempt]:
        numbers = part_numbers(path)
        known = sum(rows for number, rows in self._rows_read.items() if number in numbers)
        table = read_part(path, _COLUMNS, skip_rows=known)
        for row in table.to_pylist():
            self._rows_read[numbers[-1]] += 1
            yield attempt_from_row({**row, "params_changes": (), "chunk_s": ()})
        self._closed_parts.add(numbers)

    def _read_journal(self, path: Path) -> Iterator[Attempt]:
        (number,) = part_numbers(path)
        with path.open("rb") as file:
            file.seek(self._offsets[number])
            for line in file:
                # Incomplete line: it is still being written, or the writer crashed.
                if not line.endswith(b"\n"):
                    return
                self._offsets[number] += len(line)
                for row in parse_journal_lines([line]):
                    self._rows_read[number] += 1
                    yield attempt_from_row(parse_started_at(row.attempt))
