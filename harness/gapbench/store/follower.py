"""A run that another process writes, followed: each look takes the attempts that were added since the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from gapbench.store.reader import (
    attempt_from_row,
    numbered_files,
    parse_journal_lines,
    parse_started_at,
    part_number,
    read_part,
)
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import Attempt

_COLUMNS = pa.schema([field for field in ATTEMPT_SCHEMA if not pa.types.is_list(field.type)])


class RunFollower:
    """Reads a run's attempts as they come, each once: an open journal line by line, a part that closed unseen.

    A part holds its journal's rows in the journal's order, so what was taken from the one is skipped in the
    other. A part's lists, such as chunk stamps, are most of its bytes and are left empty. Scores laid over a run
    later are not followed.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        """Start before the first row."""
        self._folder = folder
        self._rows_read: Counter[int] = Counter()
        self._closed_parts: set[int] = set()
        self._offsets: Counter[int] = Counter()

    def read_new(self) -> Iterator[Attempt]:
        """Yield the attempts that were written since the last look.

        Raises:
            ResultsError: A part cannot be read.
            OSError: The folder cannot be read.
        """
        parts, journals = numbered_files(self._folder, "attempts"), numbered_files(self._folder, "journal")
        for number, path in parts.items():
            if number not in self._closed_parts:
                yield from self._read_part(path)
        for number, path in journals.items():
            # One that was closed since the folder was listed is a part by the next look.
            with suppress(FileNotFoundError):
                if number not in self._closed_parts:
                    yield from self._read_journal(path)

    def _read_part(self, path: Path) -> Iterator[Attempt]:
        number = part_number(path)
        table = read_part(path, _COLUMNS, skip_rows=self._rows_read[number])
        for row in table.to_pylist():
            self._rows_read[number] += 1
            yield attempt_from_row({**row, "params_changes": (), "chunk_s": ()})
        self._closed_parts.add(number)

    def _read_journal(self, path: Path) -> Iterator[Attempt]:
        number = part_number(path)
        with path.open("rb") as file:
            file.seek(self._offsets[number])
            for line in file:
                # Its writer is still at it, or died at it.
                if not line.endswith(b"\n"):
                    return
                self._offsets[number] += len(line)
                for attempt, _ in parse_journal_lines([line]):
                    self._rows_read[number] += 1
                    yield attempt_from_row(parse_started_at(attempt))
